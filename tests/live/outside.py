# SPDX-License-Identifier: GPL-2.0-or-later
"""Who is outside: a real kernel's TCP on a tap or bridge (root), or QEMU's user networking, without any rights."""
import contextlib
import fcntl
import os
import socket
import struct
import subprocess

import rig  # noqa: F401 (where the next ones are)
from client import Client
from hub import Hub
from netns import Namespace
from program import free_port
from qmp import PATIENCE, eventually
from tap import DEVICE, Tap
from vm import PORT, QEMU

SIOCBRADDIF, SIOCBRDELIF = 0x89A2, 0x89A3
CLIENT, CLIENT6, GUEST, GUEST6 = "10.77.0.1", "fd77::1", "10.77.0.2", "fd77::2"


def stream(path):
    """A netdev of QEMU without an id."""
    return f"stream,server=off,addr.type=unix,addr.path={path}"


class _OnHub:
    """Uplinks are the ports of a hub."""

    def uplinks(self, name):
        """As colo-proxy is told of them: one a NIC."""
        return ["unix:" + self.hub.path(name)]

    def netdev(self, name):
        """As QEMU is."""
        return stream(self.hub.path(name))

    def use(self, *names):
        """Only these uplinks are connected with the clients; at first all are."""
        self.hub.use("client", *names)

    def inside(self):
        """Where those who use the uplinks are to be started."""
        return contextlib.nullcontext()


def _make_bridge(namespace, bridge, taps):
    """Without snooping, which forgets groups that nobody has asked for."""
    namespace.ip("link", "add", bridge, "type", "bridge", "mcast_snooping", "0")
    for name in taps:
        namespace.ip("tuntap", "add", "dev", name, "mode", "tap")
        namespace.ip("link", "set", "dev", name, "master", bridge, "up")


class _KernelClients:
    """Clients in a network namespace of their own: IPv4, IPv6, SACK, timestamps."""

    def __init__(self):
        self.namespace = Namespace()

    def set_up(self, device):
        for of in ("all", "default", device):
            self.namespace.sysctl(f"net/ipv6/conf/{of}/accept_dad", 0)
        self.namespace.ip("link", "set", "lo", "up")
        self.namespace.ip("link", "set", device, "up")
        self.namespace.ip("addr", "add", CLIENT + "/24", "dev", device)
        self.namespace.ip("addr", "add", CLIENT6 + "/64", "dev", device)

    def client(self, family=socket.AF_INET, port=PORT):
        return Client(self.connected(family, port))

    def connected(self, family=socket.AF_INET, port=PORT, kind=socket.SOCK_STREAM):
        with self.namespace.inside():
            sock = socket.socket(family, kind)
        sock.connect((GUEST6 if family == socket.AF_INET6 else GUEST, port))
        return sock

    def dialled(self, client, family=socket.AF_INET):
        """A connection that the guest makes; `client` is told to have it made."""
        address = CLIENT6 if family == socket.AF_INET6 else CLIENT
        with self.namespace.inside(), socket.socket(family) as listener:
            listener.bind((address, 0))
            listener.listen(1)
            client.check(f"DIAL {address} {listener.getsockname()[1]}", "ok")
            called = Client(listener.accept()[0])
        assert called.line() == "HELLO"
        return called

    def close(self):
        self.namespace.close()


class KernelOutside(_OnHub, _KernelClients):
    """A hub, whose frames can be counted."""

    def __init__(self, folder, uplinks):
        super().__init__()
        self.tap = Tap(self.namespace, False)
        self.set_up(DEVICE)
        self.hub = Hub(folder, uplinks, self.tap)

    def close(self):
        self.hub.close()
        self.tap.close()
        super().close()


class BridgedOutside(_KernelClients):
    """A bridge of the kernel with a tap an uplink, as hosts have it: nothing of ours is in the way."""

    BRIDGE = "br0"

    def __init__(self, uplinks):
        super().__init__()
        self.taps = uplinks
        _make_bridge(self.namespace, self.BRIDGE, uplinks)
        self.set_up(self.BRIDGE)

    def uplinks(self, name):
        return ["tap:" + name]

    def netdev(self, name):
        return f"tap,ifname={name},script=no,downscript=no,vhost=off,vnet_hdr=off"

    def use(self, *names):
        """By the system call itself: no program is started while a client waits."""
        with self.namespace.inside(), socket.socket() as sock:
            for name in self.taps:
                request = struct.pack("16si20x", self.BRIDGE.encode(), socket.if_nametoindex(name))
                with contextlib.suppress(OSError):  # it is as is wanted
                    fcntl.ioctl(sock, SIOCBRADDIF if name in names else SIOCBRDELIF, request)

    def inside(self):
        return self.namespace.inside()


class TwoBridgesOutside:
    """As hosts with two networks have it: each of `hosts` has a NIC on either, whose uplink is a tap. The
    secondary's taps are on the bridges, too: it is its proxy that keeps silent."""

    def __init__(self, hosts):
        self.namespace = Namespace()
        for of in ("all", "default"):
            self.namespace.sysctl(f"net/ipv6/conf/{of}/accept_dad", 0)
        for number in range(2):
            bridge = f"br{number}"
            _make_bridge(self.namespace, bridge, [f"{host}{number}" for host in hosts])
            self.namespace.ip("link", "set", bridge, "up")
            self.namespace.ip("addr", "add", f"10.{77 + number}.0.1/24", "dev", bridge)
            self.namespace.ip("addr", "add", f"fd{77 + number}::1/64", "dev", bridge)

    def uplinks(self, name):
        return [f"tap:{name}{number}" for number in range(2)]

    def inside(self):
        return self.namespace.inside()

    def client(self, number, family=socket.AF_INET):
        """Of the guest's NIC of that number."""
        with self.namespace.inside():
            sock = socket.socket(family)
        sock.settimeout(PATIENCE)
        address = f"fd{77 + number}::2" if family == socket.AF_INET6 else f"10.{77 + number}.0.2"
        sock.connect((address, PORT))
        return Client(sock)

    def close(self):
        self.namespace.close()


class UserOutside(_OnHub):
    """Clients of the machine itself, through a QEMU without a machine as gateway: IPv4, no rights needed."""

    def __init__(self, folder, uplinks):
        self.hub = Hub(folder, [*uplinks, "client"])
        self.port = free_port()
        self.gateway = subprocess.Popen(
            [QEMU, "-machine", "none", "-nodefaults", "-no-user-config", "-display", "none",
             "-netdev", f"user,id=u,net=10.77.0.0/24,host={CLIENT},dhcpstart=10.77.0.15,"
                        f"hostfwd=tcp:127.0.0.1:{self.port}-{GUEST}:{PORT}",
             "-netdev", "hubport,id=a,hubid=0,netdev=u",
             "-netdev", stream(self.hub.path("client")) + ",id=s",
             "-netdev", "hubport,id=b,hubid=0,netdev=s"], stdin=subprocess.DEVNULL)

    def client(self):
        sock = socket.socket()
        eventually(lambda: sock.connect_ex(("127.0.0.1", self.port)) == 0, "the gateway listens")
        return Client(sock)

    def close(self):
        self.gateway.kill()
        self.gateway.wait()
        self.hub.close()


def can_have_taps():
    return os.geteuid() == 0 and os.path.exists("/dev/net/tun")


def outside(folder, uplinks):
    """The better one that can be had."""
    kind = KernelOutside if can_have_taps() else UserOutside
    return kind(folder, uplinks)
