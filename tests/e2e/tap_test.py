# SPDX-License-Identifier: GPL-2.0-or-later
"""-netdev tap as QEMU's documentation has it: what makes and what configures the interface."""
import os
import socket
import sys
import unittest

from frames import ethernet
from hosted import HostedCase, chardev, stream
from qmp import PATIENCE

OURS = 0x88B5  # for local experiments
TUN = "/dev/net/tun"

# As qemu-bridge-helper, but for the bridge: makes a tap that is up, notes what it was told and the tap's name, and
# passes it.
HELPER = """#!{python}
import fcntl, os, socket, struct, sys
tap = os.open("/dev/net/tun", os.O_RDWR)
TUNSETIFF, TAP, NO_PI, VNET_HDR = 0x400454CA, 0x0002, 0x1000, 0x4000
made = fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", b"colohelper%d", TAP | NO_PI | VNET_HDR))
SIOCSIFFLAGS, UP = 0x8914, 1
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH22x", made[:16], UP))
with open({log!r}, "w") as log:
    log.write(" ".join(sys.argv[1:] + [made[:16].rstrip(b"\\0").decode()]))
fd = int(dict(word.lstrip("-").split("=") for word in sys.argv[1:] if "=" in word)["fd"])
socket.send_fds(socket.socket(fileno=fd), [b"x"], [tap])
"""

SCRIPT = """#!/bin/sh
echo {name} $1 >> {log}
test {name} = down || ip link set $1 up
"""


def unavailable():
    """Why there can be no tap here; empty: there can."""
    if os.geteuid() != 0:
        return "needs root, for taps"
    try:
        os.close(os.open(TUN, os.O_RDWR))
    except OSError as error:
        return f"no taps: {error}"
    return ""


@unittest.skipIf(unavailable(), unavailable())
class Taps(HostedCase):
    def program_file(self, name, text):
        path = self.file(name, text.encode())
        os.chmod(path, 0o700)
        return path

    def log(self):
        with open(self.path("log")) as file:
            return file.read()

    def uplink(self, keys):
        """A proxy whose VM is ours, the name of its uplink's interface as the log has it, and the interface from the
        host's side."""
        proxy = self.proxy("-netdev", "tap,id=up0,vhost=off," + keys, *stream("hn0", "peer=up0"))
        proxy.qmp("query-version")
        interface = self.log().split()[-1]
        host = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(OURS))
        self.addCleanup(host.close)
        host.settimeout(PATIENCE)
        host.bind((interface, OURS))
        return proxy, interface, host

    def carries_frames(self, proxy, host):
        vm = proxy.wire("hn0")
        vm.send(ethernet(OURS, b"from the VM".ljust(50)))
        self.assertEqual(host.recv(2000), ethernet(OURS, b"from the VM".ljust(50)))
        host.send(ethernet(OURS, b"to the VM".ljust(50)))
        while vm.frame() != ethernet(OURS, b"to the VM".ljust(50)):
            pass  # the host has something to say, too

    def test_a_helper_passes_one(self):
        helper = self.program_file("helper", HELPER.format(python=sys.executable, log=self.path("log")))
        for keys, bridge in (("", "br0"), (",br=other", "other")):
            with self.subTest(bridge):
                proxy, interface, host = self.uplink("helper=" + helper + keys)
                self.assertEqual(self.log(), f"--use-vnet --fd=3 --br={bridge} {interface}")
                self.carries_frames(proxy, host)
                self.assertEqual(proxy.stop(), 0)

    def test_scripts_are_told_its_name(self):
        up, down = (self.program_file(name, SCRIPT.format(name=name, log=self.path("log"))) for name in ("up", "down"))
        proxy, interface, host = self.uplink(f"script={up},downscript={down}")
        self.assertEqual(self.log(), f"up {interface}\n")
        self.carries_frames(proxy, host)
        self.assertEqual(proxy.stop(), 0)
        self.assertEqual(self.log(), f"up {interface}\ndown {interface}\n")

    def test_a_script_that_fails_ends_the_start(self):
        script = self.program_file("up", "#!/bin/sh\nexit 3\n")
        error = self.ends(1, "-netdev", f"tap,id=hn0,vhost=off,script={script}")
        self.assertIn(f"netdev 'hn0': script: '{script}'", error)
        self.assertIn("exit status 3", error)

    def test_the_line_of_the_colo_documentation_is_taken(self):
        helper = self.program_file("helper", HELPER.format(python=sys.executable, log=self.path("log")))
        proxy = self.proxy("-netdev", "tap,id=hn0,vhost=off,helper=" + helper, *chardev("mirror0"),
                           "-object", "filter-mirror,id=m0,netdev=hn0,queue=tx,outdev=mirror0")
        proxy.qmp("query-version")
        self.assertEqual(proxy.stop(), 0)


if __name__ == "__main__":
    unittest.main()
