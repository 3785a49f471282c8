# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames of a guest and its peer, with correct lengths and checksums. Shares no code with the program."""
import ipaddress
import struct

GUEST_MAC, PEER_MAC = bytes.fromhex("525400000002"), bytes.fromhex("525400000001")
GUEST, PEER = "10.0.0.2", "10.0.0.1"
GUEST6, PEER6 = "2001:db8::2", "2001:db8::1"
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58


def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(kind, payload, source=GUEST_MAC, destination=PEER_MAC, vlan=None):
    tag = struct.pack(">HH", 0x8100, vlan) if vlan is not None else b""
    return destination + source + tag + struct.pack(">H", kind) + payload


def ip(source, destination, protocol, payload, vlan=None, ident=0, fragment=0, total=None):
    """A frame from the guest when `source` is one of its addresses, else from the peer."""
    a, b = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    if a.version == 4:
        total = total if total is not None else 20 + len(payload)
        head = struct.pack(">BBHHHBBH", 0x45, 0, total, ident, fragment, 64, protocol, 0)
        head += a.packed + b.packed
        head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
        kind = 0x0800
    else:
        head = struct.pack(">IHBB", 6 << 28, total if total is not None else len(payload),
                           protocol, 64) + a.packed + b.packed
        kind = 0x86DD
    from_guest = source in (GUEST, GUEST6)
    macs = (GUEST_MAC, PEER_MAC) if from_guest else (PEER_MAC, GUEST_MAC)
    return ethernet(kind, head + payload, *macs, vlan=vlan)


def pseudo(source, destination, protocol, size):
    a, b = ipaddress.ip_address(source).packed, ipaddress.ip_address(destination).packed
    return a + b + struct.pack(">II", size, protocol)


def summed(segment, at, source, destination, protocol):
    total = checksum(pseudo(source, destination, protocol, len(segment)) + segment)
    if protocol == UDP and total == 0:
        total = 0xFFFF
    return segment[:at] + struct.pack(">H", total) + segment[at + 2:]


def tcp(source, destination, ports, seq, ack=None, flags=0, payload=b"", options=b"", **ip_fields):
    options += bytes(-len(options) % 4)
    flags |= ACK if ack is not None else 0
    segment = struct.pack(">HHIIBBHHH", *ports, seq & 0xFFFFFFFF, (ack or 0) & 0xFFFFFFFF,
                          (20 + len(options)) // 4 << 4, flags, 65535, 0, 0) + options + payload
    return ip(source, destination, TCP, summed(segment, 16, source, destination, TCP), **ip_fields)


def udp_datagram(source, destination, ports, payload):
    datagram = struct.pack(">HHHH", *ports, 8 + len(payload), 0) + payload
    return summed(datagram, 6, source, destination, UDP)


def udp(source, destination, ports, payload, **ip_fields):
    return ip(source, destination, UDP, udp_datagram(source, destination, ports, payload), **ip_fields)


def answer(payload, guest=GUEST, peer=PEER, ports=(53, 40000), **ip_fields):
    """The usual output: a datagram of the guest."""
    return udp(guest, peer, ports, payload, **ip_fields)


def echo_reply(payload, guest=GUEST, peer=PEER, ident=7, sequence=1):
    if ":" in guest:
        message = struct.pack(">BBHHH", 129, 0, 0, ident, sequence) + payload
        return ip(guest, peer, ICMPV6, summed(message, 2, guest, peer, ICMPV6))
    message = struct.pack(">BBHHH", 0, 0, 0, ident, sequence) + payload
    message = message[:2] + struct.pack(">H", checksum(message)) + message[4:]
    return ip(guest, peer, ICMP, message)


class Connection:
    """A server's connection as one VM counts it: its own ISN, the client's acks to match."""

    def __init__(self, isn, client_isn=77_000, guest=GUEST, peer=PEER, ports=(80, 40000), **ip_fields):
        self.isn, self.client_isn = isn, client_isn
        self.guest, self.peer, self.ports, self.ip_fields = guest, peer, ports, ip_fields

    def output(self, offset, payload=b"", flags=0, read=0, ack=True, options=b""):
        """A segment of the guest; `offset` in its stream, `read` bytes of the client acknowledged."""
        return tcp(self.guest, self.peer, self.ports, self.isn + 1 + offset,
                   self.client_isn + 1 + read if ack else None, flags, payload, options,
                   **self.ip_fields)

    def input(self, offset, payload=b"", flags=0, read=0, options=b""):
        return tcp(self.peer, self.guest, self.ports[::-1], self.client_isn + 1 + offset,
                   self.isn + 1 + read, flags, payload, options, **self.ip_fields)

    def syn(self):
        return tcp(self.peer, self.guest, self.ports[::-1], self.client_isn, None, SYN,
                   options=b"\x02\x04\x05\xb4", **self.ip_fields)

    def syn_ack(self):
        return tcp(self.guest, self.peer, self.ports, self.isn, self.client_isn + 1, SYN,
                   options=b"\x02\x04\x05\xb4", **self.ip_fields)
