# SPDX-License-Identifier: GPL-2.0-or-later
"""A stock QEMU with our plugin in it on a tap, whose frames have vnet headers: hubs and sockets have none. Its card is
virtio-net, driven by the test; the network outside is the test's, too. As root."""
import os
import select
import socket
import struct

from plugin_rig import PATIENCE, Machine, PluginCase
from frames import ACK, PSH, TCP, checksum, pseudo, tcp
from kernel_switch import packet_socket
from netns import Namespace
from virtio_card import FIRMWARE, Card

PACKET_VNET_HDR, SOL_PACKET = 15, 263
LONGEST = 10 + 14 + 65536
NO_OFFLOAD = bytes(10)
NEEDS_CHECKSUM, GSO_TCPV4, GSO_TCPV6 = 1, 1, 4
MSS = 1400
RAM = "16376K"  # see RAM in tests/live/vm.py


def unavailable():
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
        return "skipped: taps need root and /dev/net/tun"
    return None


class Large:
    """A TCP segment of several MSS whose sender leaves cutting and checksums to its card: `frame` behind `header`; and
    what becomes of it, `segments`."""

    def __init__(self, source, destination, ports, seq, ack, payload, ident=1):
        def segment(offset, data, flags, number):
            return tcp(source, destination, ports, seq + offset, ack, flags, data, ident=ident + number)
        whole, is_ipv6 = segment(0, payload, PSH, 0), ":" in source
        at = 54 if is_ipv6 else 34  # of TCP
        partial = ~checksum(pseudo(source, destination, TCP, len(whole) - at)) & 0xFFFF
        self.frame = whole[:at + 16] + struct.pack(">H", partial) + whole[at + 18:]
        self.header = struct.pack("<BBHHHH", NEEDS_CHECKSUM, GSO_TCPV6 if is_ipv6 else GSO_TCPV4, at + 20, MSS, at, 16)
        pieces = [payload[begin:begin + MSS] for begin in range(0, len(payload), MSS)]
        self.segments = [segment(number * MSS, piece, PSH if number == len(pieces) - 1 else ACK, number)
                         for number, piece in enumerate(pieces)]

    def as_it_is(self):
        return [(meant(self.header), self.frame)]

    def cut(self):
        return [(NO_OFFLOAD, segment) for segment in self.segments]


def meant(header):
    """Without the length of the headers, a hint that kernels set anew, and the flags that only tell."""
    flags, gso, _, size, start, offset = struct.unpack("<BBHHHH", header)
    return struct.pack("<BBHHHH", flags & NEEDS_CHECKSUM, gso, 0, size, start, offset)


class Outside:
    """The network's end of a tap: frames with their vnet headers."""

    def __init__(self, case, namespace, device):
        namespace.ip("link", "set", device, "up")
        self.socket = packet_socket(namespace, device)
        case.addCleanup(self.socket.close)
        self.socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self.socket.settimeout(PATIENCE)

    def send(self, header, frame):
        self.socket.send(header + frame)

    def receive(self):
        data = self.socket.recv(LONGEST)
        return data[:10], data[10:]

    def is_silent(self):
        return not select.select([self.socket], [], [], 0)[0]


class TapMachine(Machine):
    def __init__(self, case, namespace, name="qmp", vnet="on"):
        super().__init__(case, name)
        self.namespace, self.tap, self.vnet = namespace, "tap-" + name, vnet
        self.outside = self.card = None

    def command(self):
        return ["-machine", "pc,accel=tcg", "-m", RAM, "-no-user-config", "-netdev",
                f"tap,id=a,ifname={self.tap},script=no,downscript=no,vhost=off,vnet_hdr={self.vnet}"]

    def boot(self, *arguments, features=None, has_card=True, **keywords):
        """The card comes after the filters, to whom it has not told yet how long headers are."""
        firmware = self.case.file("firmware", FIRMWARE)
        card = Card.arguments("a", self.case.path(self.name + ".qtest"), firmware) if has_card else []
        with self.namespace.inside():
            self.start(*arguments, *card, **keywords)
        self.outside = Outside(self.case, self.namespace, self.tap)
        if features is not None:
            self.card = self.keep(Card(self.case.path(self.name + ".qtest")).start(features))
        return self

    def keep(self, card):
        self.case.addCleanup(card.close)
        return card


class TapCase(PluginCase):
    def setUp(self):
        super().setUp()
        self.namespace = Namespace()
        self.addCleanup(self.namespace.close)
        for of in ("all", "default"):
            self.namespace.sysctl(f"net/ipv6/conf/{of}/disable_ipv6", 1)

    def boot(self, *arguments, vnet="on", **keywords):
        self.machine = TapMachine(self, self.namespace, vnet=vnet).boot(*arguments, **keywords)
        self.qmp, self.card, self.outside = self.machine.qmp, self.machine.card, self.machine.outside

    def check_sent(self, expected, receive):
        """Headers, and frames: the place of what differs, as frames are long."""
        for number, (header, frame) in enumerate(expected):
            got_header, got = receive()
            place = next((i for i, (x, y) in enumerate(zip(got, frame)) if x != y), None)
            self.assertEqual((meant(got_header), len(got), place), (header, len(frame), None), f"frame {number}")
