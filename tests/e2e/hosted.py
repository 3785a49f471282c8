# SPDX-License-Identifier: GPL-2.0-or-later
"""`colo-proxy run`, up and answering, with what is at its sockets."""
import os
import signal
import socket
import subprocess

import program
from frames import ethernet
from qmp import PATIENCE, Qmp, eventually
from wire import Listener, Wire


def marker(number=0):
    """A frame that nobody compares: where it arrives, all that was sent before it has arrived."""
    return ethernet(0x0806, b"\0\1\x08\0\6\4\0\1" + number.to_bytes(38, "big"))


class Proxy:
    """The process, its monitor answering once `qmp` is asked for."""

    def __init__(self, case, *options, monitor=True, name=""):
        """`name`: of one of several."""
        self.case, self.killed = case, False
        self.qmp_path = case.path(name + "qmp")
        if monitor:
            options += ("-qmp", f"unix:{self.qmp_path},server=on,wait=off")
        self.stderr = open(case.path(name + "stderr"), "w+b")
        self.process = subprocess.Popen([program.BINARY, "run", *options], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=self.stderr, cwd=case.folder)
        case.addCleanup(self.end)
        self._qmp = None

    @property
    def qmp(self):
        if self._qmp is None:
            self._qmp = self.client()
        return self._qmp

    def client(self, **keywords):
        """One more client of the monitor."""
        self.await_socket(self.qmp_path)
        client = Qmp(self.qmp_path, **keywords)
        self.case.addCleanup(client.close)
        return client

    def await_socket(self, path):
        def listens():
            self.case.assertIsNone(self.process.poll(), self.messages())
            with socket.socket(socket.AF_UNIX) as probe:
                return probe.connect_ex(path) == 0
        # A probe of a chardev would be its one client: those are there before the monitor is.
        eventually(listens, f"a listener on {path}")

    def wire(self, name, vnet=None):
        """The peer of the server chardev or netdev whose socket file is called `name`."""
        self.qmp("query-version")
        wire = Wire(self.case.path(name), vnet)
        self.case.addCleanup(wire.close)
        return wire

    def messages(self):
        with open(self.stderr.name, errors="replace") as file:
            return file.read()

    def is_alive(self):
        return self.process.poll() is None

    def stop(self, number=signal.SIGTERM):
        """The exit status."""
        self.process.send_signal(number)
        return self.wait()

    def kill(self):
        """As its host may die."""
        self.killed = True
        self.process.kill()
        self.wait()

    def wait(self):
        return self.process.wait(timeout=PATIENCE)

    def end(self):
        """After each test: an orderly end, and nothing that sanitizers complain about."""
        status = self.stop() if self.is_alive() else self.process.returncode
        said = self.messages()
        self.stderr.close()
        if (status not in (0, 1) and not self.killed) or "Sanitizer" in said or "runtime error:" in said:
            raise AssertionError(f"exit status {status}\n{said}")


def chardev(name, *more):
    """A server that waits for nobody, at a socket file of the same name."""
    return ("-chardev", ",".join((f"socket,id={name},path={name},server=on,wait=off", *more)))


def stream(name, *more):
    """The same as a netdev."""
    options = f"stream,id={name},server=on,addr.type=unix,addr.path={name}"
    return ("-netdev", ",".join((options, *more)))


class HostedCase(program.Case):
    def proxy(self, *options, **keywords):
        return Proxy(self, *options, **keywords)

    def ends(self, status, *options):
        """What a run that does not even begin says; the status must be that."""
        try:
            outcome = subprocess.run([program.BINARY, "run", *options], stdin=subprocess.DEVNULL, cwd=self.folder,
                                     capture_output=True, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.fail("it runs")
        message = outcome.stderr.decode()
        self.assertEqual(outcome.returncode, status, message)
        self.assertEqual(outcome.stdout, b"")
        return message

    def fails(self, error, command, *arguments, **named):
        """The command is refused; returns in what words."""
        with self.assertRaises(error) as caught:
            command(*arguments, **named)
        return caught.exception.desc

    def listener(self, name):
        listener = Listener(self.path(name))
        self.addCleanup(listener.close)
        return listener

    def exists(self, name):
        return os.path.exists(self.path(name))
