# SPDX-License-Identifier: GPL-2.0-or-later
"""A stock QEMU with our plugin in it and no guest: a hub between two netdevs, each a socket of the test's.
What enters at `a` leaves at `b`, and the other way round; filters stand on `a`, whose queue tx is a -> b."""
import fcntl
import os
import select
import socket
import struct
import subprocess
import sys
import termios
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from frames import ethernet  # noqa: E402
from program import PLUGIN, Case  # noqa: E402
from qmp import PATIENCE, Qmp, QmpError, connected, eventually  # noqa: E402,F401
from stock_qemu import QEMU  # noqa: E402,F401

PRELOAD = os.environ.get("COLO_PROXY_PRELOAD", "")  # the sanitizer's library, of an instrumented plugin
SO_SNDBUFFORCE = 32


def body(number, size=None):
    """Frames of several sizes, none like another."""
    size = size or (46, 200, 1500, 9000)[number % 4]
    return ethernet(0x88B6, struct.pack(">I", number) + bytes((number + i) % 251 for i in range(size)))


class End:
    """The test's end of a netdev: QEMU's framing on a socket. QEMU's netdev on a hub stands still for good after a
    write that did not take all: its socket takes much."""

    def __init__(self, case):
        self.socket, self.qemus = socket.socketpair()
        for sock in (self.socket, self.qemus):
            sock.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 8 << 20)
            case.addCleanup(sock.close)
        self.received, self.rest = [], b""

    def netdev(self, name):
        return ["-netdev", f"socket,id={name},fd={self.qemus.fileno()}"]

    def send(self, *frames):
        self.socket.sendall(b"".join(struct.pack(">I", len(frame)) + frame for frame in frames))

    def is_read(self):
        """Whether QEMU has taken all that was sent."""
        return struct.unpack("i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, bytes(4)))[0] == 0

    def receive_some(self):
        try:
            self.rest += self.socket.recv(1 << 20, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        at = 0
        while len(self.rest) - at >= 4:
            end = at + 4 + int.from_bytes(self.rest[at:at + 4], "big")
            if len(self.rest) < end:
                break
            self.received.append(self.rest[at + 4:end])
            at = end
        self.rest = self.rest[at:]


def exchange(ends, done):
    """Receives until `done()`; false when it does not come about."""
    limit = time.monotonic() + PATIENCE
    while True:
        for end in ends:
            end.receive_some()
        if done():
            return True
        if time.monotonic() > limit:
            return False
        select.select([end.socket for end in ends], [], [], 0.05)


class Machine:
    """One QEMU of a test case's. `name` is that of its monitor."""

    def __init__(self, case, name="qmp"):
        self.case, self.name = case, name
        self.a, self.b = End(case), End(case)
        self.process = self.qmp = None

    def command(self):
        hub = sum((["-netdev", f"hubport,id=port{n},hubid=0,netdev={n}"] for n in "ab"), [])
        return ["-machine", "none", *self.a.netdev("a"), *self.b.netdev("b"), *hub]

    def start(self, *arguments, **keywords):
        environment = dict(os.environ, MALLOC_PERTURB_="0", G_SLICE="always-malloc")
        preload = [library for library in (PRELOAD, keywords.pop("preload", "")) if library]
        if preload:
            environment["LD_PRELOAD"] = ":".join(preload)
        command = [QEMU, "-nodefaults", "-display", "none", "-qmp", f"unix:{self.case.path(self.name)},server=on,wait=off",
                   *self.command(), "-plugin", PLUGIN, *arguments]
        self.process = subprocess.Popen(command, cwd=self.case.folder, stdin=subprocess.DEVNULL,
                                        pass_fds=[end.qemus.fileno() for end in (self.a, self.b)], env=environment,
                                        **keywords)
        self.case.addCleanup(self.end)
        self.qmp = Qmp(self.case.path(self.name))
        self.case.addCleanup(self.qmp.close)
        return self

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(PATIENCE)

    def quit(self):
        """Orderly: a crash, a leak or a report of a sanitizer's is a status."""
        self.qmp("quit")
        self.case.assertEqual(self.process.wait(PATIENCE), 0)


class PluginCase(Case):
    def setUp(self):
        super().setUp()
        self.machine = Machine(self)
        self.a, self.b = self.machine.a, self.machine.b

    def start(self, *arguments, **keywords):
        self.qmp = self.machine.start(*arguments, **keywords).qmp

    def quit(self):
        self.machine.quit()

    def own(self, name="own"):
        """The plugin's own monitor."""
        own = Qmp(self.path(name))
        self.addCleanup(own.close)
        return own

    def hmp(self, line):
        return self.qmp("human-monitor-command", {"command-line": line})

    def toggle(self, status, name="f0"):
        self.qmp.set("/objects/" + name, "status", status)

    def check_arrived(self, end, expected):
        """Unaltered, in order, once. Frames are long: the place is told, not what stands there."""
        self.assertTrue(exchange([end], lambda: len(end.received) >= len(expected)),
                        f"{len(end.received)} of {len(expected)}")
        different = [i for i, (got, want) in enumerate(zip(end.received, expected)) if got != want]
        self.assertEqual((len(end.received), different[:5]), (len(expected), []))


def main():
    unittest.main(verbosity=2)
