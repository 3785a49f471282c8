# SPDX-License-Identifier: GPL-2.0-or-later
"""What every live test has: a folder, the guest, and an end of all that it has started."""
import os
import shutil
import sys
import tempfile
import unittest

from make_guest import BUSYBOX, made
from vm import QEMU

GUEST = os.environ.get("COLO_PROXY_GUEST", os.path.join(tempfile.gettempdir(), "colo-proxy-guest"))
NEEDED = {QEMU: "qemu-system-x86", "cc": "gcc", "dpkg-deb": "dpkg", "apt-get": "apt",
          BUSYBOX: "busybox-static", "ip": "iproute2"}


class LiveCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="colo-live-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.guest = made(GUEST)

    def path(self, name):
        return os.path.join(self.folder, name)

    def ends(self, what, how="close"):
        """`what` ends with the test."""
        self.addCleanup(getattr(what, how))
        return what


class Alone:
    """A lab without a test."""

    def __init__(self, folder, guest):
        self.folder, self.guest, self.cleanups = folder, guest, []

    def path(self, name):
        return os.path.join(self.folder, name)

    def addCleanup(self, function, *arguments):  # noqa: N802 (unittest's name)
        self.cleanups.append((function, arguments))

    def ends(self, what, how="close"):
        self.addCleanup(getattr(what, how))
        return what

    def assertNotIn(self, word, text):  # noqa: N802 (unittest's name)
        assert word not in text, word

    def close(self):
        while self.cleanups:
            function, arguments = self.cleanups.pop()
            function(*arguments)


def main():
    """A test that cannot run fails: it must not look as if all were well."""
    missing = [f"{name} (Debian's {package})" for name, package in NEEDED.items() if not shutil.which(name)]
    if missing:
        sys.exit("live tests need " + ", ".join(missing))
    unittest.main()
