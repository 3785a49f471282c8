# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes pcap and pcapng, true and lying, and reads pcap. Shares no code with the program."""
import struct

ETHERNET = 1
RAW_IP = 101
MICRO, NANO = 0xA1B2C3D4, 0xA1B23C4D
START = 1_700_000_000 * 10**9  # when the made-up captures begin, in ns


class Record:
    """A frame; `time` in ns since START; `wire` its length before a snaplen cut it."""

    def __init__(self, time, data, wire=None):
        self.time, self.data, self.wire = time, bytes(data), wire or len(data)

    def __eq__(self, other):
        return (self.time, self.data, self.wire) == (other.time, other.data, other.wire)

    def __repr__(self):
        return f"Record({self.time}, {self.data.hex()}, {self.wire})"


def pcap_header(magic=NANO, order="<", link=ETHERNET, snaplen=262144):
    return struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link)


def pcap_record(record, magic=NANO, order="<"):
    seconds, rest = divmod(START + record.time, 10**9)
    fraction = rest if magic == NANO else rest // 1000
    header = struct.pack(order + "IIII", seconds, fraction, len(record.data), record.wire)
    return header + record.data


def pcap(records, magic=NANO, order="<", link=ETHERNET, snaplen=262144):
    body = b"".join(pcap_record(r, magic, order) for r in records)
    return pcap_header(magic, order, link, snaplen) + body


def block(kind, body, order="<"):
    body += bytes(-len(body) % 4)
    size = len(body) + 12
    return struct.pack(order + "II", kind, size) + body + struct.pack(order + "I", size)


def section_block(order="<"):
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface_block(link=ETHERNET, snaplen=262144, order="<", resolution=9):
    options = struct.pack(order + "HHBxxxHH", 9, 1, resolution, 0, 0)
    return block(1, struct.pack(order + "HHI", link, 0, snaplen) + options, order)


def packet_block(record, interface=0, order="<", resolution=9):
    stamp = (START + record.time) // 10 ** (9 - resolution)
    header = struct.pack(order + "IIIII", interface, stamp >> 32, stamp & 0xFFFFFFFF,
                         len(record.data), record.wire)
    return block(6, header + record.data, order)


def pcapng(records, order="<", interfaces=((ETHERNET, 262144),), resolution=9):
    """Records go to the interfaces in turn."""
    out = [section_block(order)]
    out += [interface_block(link, snaplen, order, resolution) for link, snaplen in interfaces]
    for i, record in enumerate(records):
        out.append(packet_block(record, i % len(interfaces), order, resolution))
    return b"".join(out)


def read_pcap(data):
    """All records of a little-endian pcap file; raises on anything odd."""
    magic, _, _, _, _, _, link = struct.unpack_from("<IHHiIII", data)
    assert magic in (MICRO, NANO) and link == ETHERNET, (hex(magic), link)
    unit = 1 if magic == NANO else 1000
    at, records = 24, []
    while at < len(data):
        seconds, fraction, captured, wire = struct.unpack_from("<IIII", data, at)
        at += 16
        assert at + captured <= len(data), "ends inside a record"
        time = seconds * 10**9 + fraction * unit - START
        records.append(Record(time, data[at:at + captured], wire))
        at += captured
    return records


def read_pcapng(data):
    """The packets of a little-endian file with one interface that counts ns, each with its direction:
    1 in, 2 out, or None."""
    packets, at = [], 0
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        assert at + size <= len(data) and struct.unpack_from("<I", data, at + size - 4)[0] == size
        if kind == 6:
            _, high, low, captured, wire = struct.unpack_from("<5I", data, at + 8)
            options = data[at + 28 + (captured + 3) // 4 * 4:at + size - 4]
            flags = options[4] & 3 if options[:4] == b"\2\0\4\0" else None
            record = Record(high << 32 | low, data[at + 28:at + 28 + captured], wire)
            packets.append((record, flags))
        at += size
    return packets
