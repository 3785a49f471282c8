# SPDX-License-Identifier: GPL-2.0-or-later
"""The network outside: what comes in at one port goes out at all others, as on a wire that they share. A
process of its own, so that it drains QEMU's sockets whatever a test is doing (QEMU's hubs never recover from
a write that did not take all)."""
import collections
import json
import os
import selectors
import signal
import socket
import struct

import rig  # noqa: F401 (where the next one is)
from tap import PLAIN, BURST

READ = 1 << 18
LONGEST = 69632


class _Port:
    """Of one connection at a time; a new one takes the place of the old."""

    def __init__(self, hub, name, path):
        self.hub, self.name = hub, name
        self.frames = 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(4)
        self.listener.setblocking(False)
        self.socket, self.incoming, self.outgoing = None, b"", collections.deque()
        hub.selector.register(self.listener, selectors.EVENT_READ, lambda events: self.accept())

    def accept(self):
        self.close()
        self.socket, _ = self.listener.accept()
        self.socket.setblocking(False)
        self.hub.selector.register(self.socket, selectors.EVENT_READ, self.ready)

    def close(self):
        if self.socket:
            self.hub.selector.unregister(self.socket)
            self.socket.close()
        self.socket, self.incoming = None, b""
        self.outgoing.clear()

    def ready(self, events):
        if events & selectors.EVENT_WRITE:
            self.flush()
        if events & selectors.EVENT_READ and self.socket:
            self.read()

    def read(self):
        try:
            data = self.socket.recv(READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            return self.close()
        data, at = self.incoming + data, 0
        while len(data) - at >= 4:
            (size,) = struct.unpack_from(">I", data, at)
            if len(data) - at - 4 < size or size > LONGEST:
                break
            self.frames += 1
            self.hub.carry(self, data[at + 4:at + 4 + size])
            at += 4 + size
        self.incoming = data[at:]

    def send(self, frame):
        if self.socket:
            self.outgoing.append(struct.pack(">I", len(frame)) + frame)

    def flush(self):
        if not self.outgoing or not self.socket:
            return
        data = b"".join(self.outgoing)
        self.outgoing.clear()
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # reading tells
        wanted = selectors.EVENT_READ
        if sent < len(data):
            self.outgoing.append(data[sent:])
            wanted |= selectors.EVENT_WRITE
        self.hub.selector.modify(self.socket, wanted, self.ready)


class _TapPort:
    def __init__(self, hub, tap):
        self.hub, self.tap, self.name, self.frames = hub, tap, "client", 0
        hub.selector.register(tap.descriptor, selectors.EVENT_READ, lambda events: self.read())

    def read(self):
        for _, frame in self.tap.burst():
            self.frames += 1
            self.hub.carry(self, frame)

    def send(self, frame):
        try:
            self.tap.write(frame, PLAIN)
        except OSError:
            pass  # its queue is full

    def flush(self):
        pass


class _Child:
    def __init__(self, folder, names, tap, line):
        self.selector = selectors.DefaultSelector()
        self.ports = [_Port(self, name, os.path.join(folder, name)) for name in names]
        if tap:
            self.ports.append(_TapPort(self, tap))
        self.active = {port.name for port in self.ports}
        self.unwanted = 0  # frames of ports that are off
        self.line = line
        self.selector.register(line, selectors.EVENT_READ, lambda events: self.answer())

    def carry(self, origin, frame):
        if origin.name not in self.active:
            self.unwanted += 1
            return
        for port in self.ports:
            if port is not origin and port.name in self.active:
                port.send(frame)

    def answer(self):
        request = self.line.recv(65536)
        if not request:
            os._exit(0)
        names = json.loads(request)
        if names is not None:
            self.active = set(names)
        self.line.send(json.dumps({"unwanted": self.unwanted,
                                   **{port.name: port.frames for port in self.ports}}).encode())

    def serve(self):
        while True:
            for key, events in self.selector.select():
                key.data(events)
            for port in self.ports:
                port.flush()


class Hub:
    """Listens at the sockets `names` in `folder`; with `tap` there is a port "client" besides."""

    def __init__(self, folder, names, tap=None):
        self.line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.folder = folder
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.line.close()
                child = _Child(folder, names, tap, theirs)
                theirs.send(b"up")
                child.serve()
            finally:
                os._exit(1)
        theirs.close()
        assert self.line.recv(2) == b"up", "the hub has not come up"

    def path(self, name):
        return os.path.join(self.folder, name)

    def _ask(self, request):
        self.line.send(json.dumps(request).encode())
        return json.loads(self.line.recv(65536))

    def use(self, *names):
        """Only these ports are connected with each other; at first all are."""
        self._ask(names)

    def frames(self):
        """How many have come in at each port, and "unwanted": at those that are off."""
        return self._ask(None)

    def close(self):
        self.line.close()
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
