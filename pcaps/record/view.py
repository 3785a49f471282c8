# SPDX-License-Identifier: GPL-2.0-or-later
"""What one capture shows of its guest's output."""

import collections
import ipaddress

from capture import records
from connection import key_of
from packet import ACK, ICMP, ICMPV6, RST, SYN, UDP, Frame, transport_sum
from stream import Stream

NEIGHBOURS = range(130, 138)  # ICMPv6 types of listeners, routers and neighbours
REPORTS = 143
ETHERNET_LONGEST = 1518
ARP = 0x0806


def _is_guest(name):
    if name.count(":") == 5 and len(name) == 17:
        mac = bytes.fromhex(name.replace(":", ""))
        return lambda frame: frame.sender == mac
    address = ipaddress.ip_address(name).packed
    return lambda frame: frame.version is not None and frame.source == address


class View:
    def __init__(self, path, guest):
        self.count = collections.Counter()
        self.streams = collections.defaultdict(list)  # of each flow, its incarnations in turn
        self.datagrams = collections.defaultdict(list)
        self._pieces = collections.defaultdict(dict)
        is_guest = _is_guest(guest)
        for time, data in records(path):
            frame = Frame(data)
            if is_guest(frame):
                self._output(time, frame)
            else:
                self._input(frame)

    def _input(self, frame):
        self.count["input frames"] += 1
        if frame.segment and transport_sum(frame, frame.end) != 0xFFFF:
            self.count["wrong input checksums"] += 1

    def _output(self, time, frame):
        self.count["output frames"] += 1
        if len(frame.data) > ETHERNET_LONGEST:
            self.count["frames above 1518 bytes"] += 1
        if frame.segment:
            self._tcp(time, frame)
        elif frame.version is None:
            self.count["ARP frames" if frame.ethertype == ARP else "other frames"] += 1
        else:
            self._datagram(frame)

    def _tcp(self, time, frame):
        segment = frame.segment
        if segment.length == 0 and segment.flags & (SYN | ACK | RST) == ACK:
            self.count["acks without payload"] += 1
        flow = self.streams[key_of(frame, from_guest=True)]
        if segment.has(SYN) and (not flow or flow[-1].isn != segment.seq):
            flow.append(Stream(segment))
        if flow:
            flow[-1].add(time, segment)
        else:
            self.count["RST outside of a connection"] += segment.has(RST)

    def _datagram(self, frame):
        body = frame.body
        if frame.fragment:
            self.count["fragments"] += 1
            body = self._whole(frame, body)
        if body is None:
            return
        if frame.protocol == UDP:
            self._keep(frame, body[:4], body[8:])
        elif frame.protocol == ICMP:
            self._keep(frame, body[:2] + body[4:6], body[4:])
        elif frame.protocol == ICMPV6 and body[0] not in NEIGHBOURS and body[0] != REPORTS:
            self._keep(frame, body[:2] + body[4:6], body[4:])
        else:
            self.count["neighbour, router and listener messages"] += 1

    def _whole(self, frame, body):
        identity, at, more = frame.fragment
        pieces = self._pieces[frame.source, frame.target, identity]
        pieces[at] = body
        if not more:
            pieces["end"] = at + len(body)
        joined = b"".join(pieces[at] for at in sorted(at for at in pieces if at != "end"))
        return joined if len(joined) == pieces.get("end") else None

    def _keep(self, frame, ports, payload):
        self.datagrams[frame.protocol, frame.source, frame.target, ports].append(payload)

    def all_streams(self):
        return [one for flow in self.streams.values() for one in flow]

    @property
    def protocols(self):
        names = {UDP: "udp", ICMP: "icmp", ICMPV6: "icmpv6"}
        return ({"tcp"} if self.streams else set()) | {names[key[0]] for key in self.datagrams}


def paired(primary, secondary):
    """Each connection of P with its twin; None where S has none."""
    for key, flow in primary.streams.items():
        twins = secondary.streams.get(key, [])
        for number, stream in enumerate(flow):
            yield key, stream, twins[number] if number < len(twins) else None
