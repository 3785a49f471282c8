# SPDX-License-Identifier: GPL-2.0-or-later
"""Headers of a frame: where they are, what they say, how they are sealed."""

import struct

from serial import MASK

VLAN_TYPES = (0x8100, 0x88A8)
IPV4, IPV6 = 0x0800, 0x86DD
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 0, 43, 44, 60
FIN, SYN, RST, ACK = 1, 2, 4, 16
END, NOP, SACK, TIMESTAMPS = 0, 1, 5, 8


class Frame:
    """One Ethernet frame; `version` is None where it holds no IP."""

    __slots__ = ("data", "ethertype", "ip", "version", "protocol", "source", "target",
                 "transport", "end", "fragment", "segment")

    def __init__(self, data):
        self.data = data
        self.version = self.protocol = self.segment = self.fragment = None
        self._link()
        if self.ethertype == IPV4:
            self._ipv4()
        elif self.ethertype == IPV6:
            self._ipv6()
        if self.protocol == TCP and self.fragment is None:
            self.segment = Segment(self)

    def _link(self):
        at = 12
        self.ethertype = int.from_bytes(self.data[at:at + 2], "big")
        while self.ethertype in VLAN_TYPES:
            at += 4
            self.ethertype = int.from_bytes(self.data[at:at + 2], "big")
        self.ip = at + 2

    def _ipv4(self):
        data, ip = self.data, self.ip
        self.version = 4
        total, identity, cut = struct.unpack_from("!HHH", data, ip + 2)
        self.protocol = data[ip + 9]
        self.source, self.target = bytes(data[ip + 12:ip + 16]), bytes(data[ip + 16:ip + 20])
        self.transport = ip + (data[ip] & 15) * 4
        self.end = ip + total
        if cut & 0x3FFF:
            self.fragment = (identity, (cut & 0x1FFF) * 8, bool(cut & 0x2000))

    def _ipv6(self):
        data, ip = self.data, self.ip
        self.version = 6
        self.source, self.target = bytes(data[ip + 8:ip + 24]), bytes(data[ip + 24:ip + 40])
        self.end = ip + 40 + int.from_bytes(data[ip + 4:ip + 6], "big")
        kind, at = data[ip + 6], ip + 40
        while kind in (HOP_BY_HOP, ROUTING, DESTINATION, FRAGMENT):
            if kind == FRAGMENT:
                cut, identity = struct.unpack_from("!HI", data, at + 2)
                self.fragment = (identity, cut & 0xFFF8, bool(cut & 1))
                kind, at = data[at], at + 8
            else:
                kind, at = data[at], at + (data[at + 1] + 1) * 8
        self.protocol, self.transport = kind, at

    @property
    def sender(self):
        return bytes(self.data[6:12])

    @property
    def body(self):
        """What the IP headers carry."""
        return bytes(self.data[self.transport:self.end])


class Segment:
    """The TCP header of a frame."""

    __slots__ = ("frame", "at", "source_port", "target_port", "seq", "ack", "flags", "payload_at", "timestamps")

    def __init__(self, frame):
        self.frame, self.at = frame, frame.transport
        (self.source_port, self.target_port, self.seq, self.ack,
         offset, self.flags) = struct.unpack_from("!HHIIBB", frame.data, self.at)
        self.payload_at = self.at + (offset >> 4) * 4
        self.timestamps = None
        for kind, at, _ in self.options():
            if kind == TIMESTAMPS:
                self.timestamps = struct.unpack_from("!II", frame.data, at + 2)

    def options(self):
        """Kind, place and length of each option."""
        data, at = self.frame.data, self.at + 20
        while at < self.payload_at and data[at] != END:
            if data[at] == NOP:
                at += 1
                continue
            length = data[at + 1]
            if length < 2 or at + length > self.payload_at:
                return
            yield data[at], at, length
            at += length

    def has(self, flags):
        return self.flags & flags == flags

    @property
    def opening(self):
        """A SYN that answers none."""
        return self.flags & (SYN | ACK | RST) == SYN

    @property
    def length(self):
        return self.frame.end - self.payload_at

    @property
    def payload(self):
        return bytes(self.frame.data[self.payload_at:self.frame.end])

    @property
    def next(self):
        """The number after what it carries."""
        return (self.seq + self.length + self.has(SYN) + self.has(FIN)) & MASK


def folded(data):
    """Ones' complement sum of big-endian words."""
    if len(data) % 2:
        data = bytes(data) + b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def transport_sum(frame, end):
    """Sum over pseudo-header and transport; 0xFFFF where the checksum in it is right."""
    pseudo = frame.source + frame.target + struct.pack("!II", end - frame.transport, frame.protocol)
    return folded(pseudo + bytes(frame.data[frame.transport:end]))


def seal_tcp(frame):
    at = frame.transport + 16
    frame.data[at:at + 2] = bytes(2)
    struct.pack_into("!H", frame.data, at, 0xFFFF ^ transport_sum(frame, frame.end))


def resize_ip(frame):
    """Makes the IP header tell that the frame ends where its bytes do."""
    data, ip = frame.data, frame.ip
    if frame.version == 6:
        struct.pack_into("!H", data, ip + 4, len(data) - ip - 40)
        return
    struct.pack_into("!H", data, ip + 2, len(data) - ip)
    data[ip + 10:ip + 12] = bytes(2)
    struct.pack_into("!H", data, ip + 10, 0xFFFF ^ folded(data[ip:frame.transport]))
