# SPDX-License-Identifier: GPL-2.0-or-later
"""A process of the lab, what it says, and its monitor."""
import os
import signal
import subprocess

import rig  # noqa: F401 (where the next one is)
from qmp import Qmp


class Process:
    """`words`: the command; files and sockets begin with `prefix`. `monitor`: the name of its QMP socket."""

    def __init__(self, prefix, words, monitor, environment=None):
        self.prefix, self.monitor = prefix, monitor
        self.stderr = self.path("stderr")
        with open(self.stderr, "w") as stderr:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                                            env=environment)
        self._qmp = None

    def path(self, name):
        return f"{self.prefix}.{name}"

    @property
    def qmp(self):
        if self._qmp is None:
            self._qmp = Qmp(self.path(self.monitor))
        return self._qmp

    def messages(self):
        with open(self.stderr, errors="replace") as file:
            return file.read()

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process.poll() is None:
            self.signal(signal.SIGKILL)
        self.process.wait()
        if self._qmp:
            self._qmp.close()
            self._qmp = None
