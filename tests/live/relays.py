# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands between two of a pair's parts and does them harm: on the link, or before a secondary's QEMU."""
import socket
import struct
import threading

import rig  # noqa: F401 (where the next one is)
from qmp import connected, eventually

READ = 1 << 16
# Of the migration channel's way back: QEMU's COLOMessage.
READY, REPLY, RECEIVED, LOADED = 0, 2, 5, 6


class Relay:
    """Listens at `near`, and for each connection makes one to `far`. Threads carry the bytes."""

    def __init__(self, near, far):
        self.far, self.pairs = far, []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(near)
        self.listener.listen(4)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = connected(socket.socket(socket.AF_UNIX), self.far)
            self.pairs.append((near, far))
            for source, target, carry in ((near, far, self.forth), (far, near, self.back)):
                threading.Thread(target=self.carry, args=(source, target, carry), daemon=True).start()

    def carry(self, source, target, through):
        try:
            while data := source.recv(READ):
                through(data, target)
        except OSError:
            pass  # who dies with something unread resets his connections
        try:
            self.at_end(target)
        except OSError:
            pass

    def at_end(self, target):
        target.shutdown(socket.SHUT_WR)

    def forth(self, data, target):
        target.sendall(data)

    def back(self, data, target):
        target.sendall(data)

    def cut(self):
        """Both ends of all connections see it closed, and nobody comes through any more."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # or whoever waits in accept() takes one more
        except OSError:
            pass
        self.listener.close()
        for pair in self.pairs:
            for sock in pair:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self.cut()
        for pair in self.pairs:
            for sock in pair:
                sock.close()


class Messages:
    """The link's messages as they pass (docs/link.md): channel, type and the payload's beginning of each."""

    HEADER, BEGINNING = 24, 4
    HEARTBEAT, STREAMS, DATA = 3, 4, 4

    def __init__(self):
        self.rest, self.to_skip = b"", 0

    def feed(self, data):
        skipped = min(self.to_skip, len(data))
        self.to_skip -= skipped
        self.rest += data[skipped:]
        while len(self.rest) >= self.HEADER:
            length, _, channel, kind = struct.unpack_from(">IBBB", self.rest)
            needed = min(length, self.HEADER + self.BEGINNING)
            if len(self.rest) < needed:
                return
            payload = self.rest[self.HEADER:needed]
            self.to_skip = max(0, length - len(self.rest))
            self.rest = self.rest[length:]
            yield channel, kind, payload


class Link(Relay):
    """Near: where the secondary connects to; far: where the primary listens. Keeps back the end of what the
    primary sends of a checkpoint."""

    def __init__(self, near, far):
        self.room, self.is_holding, self.kept = 0, False, b""
        self.silences = 0  # heartbeats since the last of the checkpoint's bytes
        self.lock = threading.Lock()
        self.from_primary, self.from_secondary = Messages(), Messages()
        super().__init__(near, far)

    def hold_end_of_checkpoint(self, count):
        """Of the next one, so many bytes at most."""
        with self.lock:
            self.room = count

    def forth(self, data, target):
        with self.lock:
            for channel, kind, payload in self.from_secondary.feed(data):
                if (channel, kind) == (Messages.STREAMS, Messages.DATA) and payload == struct.pack(">I", REPLY):
                    self.is_holding = self.room > 0  # the state follows
        target.sendall(data)

    def back(self, data, target):
        with self.lock:
            for channel, kind, _ in self.from_primary.feed(data):
                if (channel, kind) == (Messages.STREAMS, Messages.DATA):
                    self.silences = 0
                elif channel == Messages.HEARTBEAT:
                    self.silences += 1
            if self.is_holding:
                self.target = target
                data = self.kept + data
                passes = max(0, len(data) - self.room)
                data, self.kept = data[:passes], data[passes:]
            target.sendall(data)

    def wait(self):
        """Until the primary has sent all of it, and waits for RECEIVED."""
        eventually(lambda: self.is_holding and self.kept and self.silences >= 2, "the end of a checkpoint is kept back")

    def let_go(self, part):
        """The first bytes of what is kept, as `part` of 1 says."""
        with self.lock:
            self.target.sendall(self.kept[:int(len(self.kept) * part)])


class Incoming(Relay):
    """Before the secondary's QEMU: holds back what that says to the primary's, from one message on."""

    def __init__(self, near, far):
        self.rest, self.stop_at, self.held = b"", None, []
        self.lock = threading.Lock()
        super().__init__(near, far)

    def back(self, data, target):
        with self.lock:
            self.rest += data
            while len(self.rest) >= 4:
                message, self.rest = self.rest[:4], self.rest[4:]
                if self.held or struct.unpack(">I", message)[0] == self.stop_at:
                    self.held.append((message, target))
                else:
                    target.sendall(message)

    def hold(self, message):
        self.stop_at = message

    def wait(self):
        """Until there is something held."""
        eventually(lambda: self.held, "the secondary's QEMU says what is held back")

    def let_go(self):
        with self.lock:
            self.stop_at = None
            for message, target in self.held:
                target.sendall(message)
            self.held.clear()

    def at_end(self, target):
        self.let_go()
        super().at_end(target)
