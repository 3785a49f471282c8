# SPDX-License-Identifier: GPL-2.0-or-later
"""A network namespace without a name: it is gone when nothing holds it open."""

import contextlib
import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000
OWN = "/proc/thread-self/ns/net"

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result, what):
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def enter(descriptor):
    """Moves the calling thread; os.setns came with Python 3.12."""
    _checked(_libc.setns(descriptor, CLONE_NEWNET), "setns")


class Namespace:
    def __init__(self):
        home = os.open(OWN, os.O_RDONLY)
        try:
            _checked(_libc.unshare(CLONE_NEWNET), "unshare")
            self.descriptor = os.open(OWN, os.O_RDONLY)
        finally:
            enter(home)
            os.close(home)

    @contextlib.contextmanager
    def inside(self):
        home = os.open(OWN, os.O_RDONLY)
        try:
            enter(self.descriptor)
            yield
        finally:
            enter(home)
            os.close(home)

    def ip(self, *words):
        with self.inside():
            done = subprocess.run(["ip", *words], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")

    def sysctl(self, name, value):
        with self.inside(), open("/proc/sys/" + name, "w") as file:
            file.write(str(value))

    def tentative(self):
        """Whether duplicate address detection still runs."""
        with self.inside(), open("/proc/thread-self/net/if_inet6") as file:
            return any(int(line.split()[4], 16) & 0x40 for line in file)

    def close(self):
        os.close(self.descriptor)
