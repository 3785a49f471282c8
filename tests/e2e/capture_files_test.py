# SPDX-License-Identifier: GPL-2.0-or-later
"""Captures of every kind, whole, cut, lying and garbage: used, or refused with file and offset."""
import itertools
import random
import struct
import unittest

import captures
from captures import (ETHERNET, MICRO, NANO, RAW_IP, Record, block, interface_block, packet_block, pcap,
                      pcap_header, pcapng, section_block)
from frames import GUEST, PEER, TCP, UDP, Connection, answer, ethernet, ip, udp_datagram
from program import DIVISOR, MS, Case

LARGEST = 69632
# Of what takes a run each, reduced loads have a part.
SPARSELY = 1 if DIVISOR == 1 else 5
THREE = [Record(i * MS, answer(b"answer %d" % i)) for i in range(3)]


class Formats(Case):
    def test_pcap_of_either_order_and_resolution(self):
        for order in "<>":
            for magic in (MICRO, NANO):
                with self.subTest(order=order, magic=hex(magic)):
                    result = self.result(pcap(THREE, magic, order), pcap(THREE))
                    self.assertEqual((result["verdict"], result["primary"]["frames"]),
                                     ("identical", 3))

    def test_pcapng_of_either_order_and_any_resolution(self):
        for order in "<>":
            for resolution in (3, 6, 9):
                with self.subTest(order=order, resolution=resolution):
                    data = pcapng(THREE, order, resolution=resolution)
                    result = self.result(data, pcap(THREE))
                    self.assertEqual((result["verdict"], result["primary"]["frames"]),
                                     ("identical", 3))

    def test_resolutions_meet_on_one_clock(self):
        late = [Record(2_500 * 1000, answer(b"x"))]
        for data in (pcap(late, MICRO), pcapng(late, resolution=6), pcapng(late)):
            result = self.result(data, pcap([Record(0, answer(b"y"))]))
            self.assertEqual(result["checkpoints"][0]["time"], 0.0225)

    def test_blocks_that_nobody_knows_are_skipped(self):
        data = section_block() + block(0x0BAD, b"what?") + interface_block() + block(5, bytes(12))
        data += b"".join(packet_block(r) for r in THREE) + block(4, bytes(4))
        self.assertEqual(self.result(data, pcap(THREE))["primary"]["frames"], 3)

    def test_several_sections(self):
        data = pcapng(THREE[:1]) + pcapng(THREE[1:])
        self.assertEqual(self.result(data, pcap(THREE))["primary"]["frames"], 3)

    def test_several_interfaces_alike_are_used(self):
        data = pcapng(THREE, interfaces=((ETHERNET, 262144), (ETHERNET, 262144)))
        result = self.result(data, pcap(THREE))
        self.assertEqual((result["verdict"], result["primary"]["frames"]), ("identical", 3))

    def test_several_interfaces_that_differ_are_used_or_refused_with_a_place(self):
        for second in ((RAW_IP, 262144), (ETHERNET, 65535), (ETHERNET, 1 << 20)):
            with self.subTest(second=second):
                outcome = self.replay(pcapng(THREE, interfaces=((ETHERNET, 262144), second)),
                                      pcap(THREE))
                if outcome.status != 0:
                    self.refused(outcome, "primary.pcap", "offset ")

    def test_other_link_types_are_refused_by_name(self):
        for data in (pcap(THREE, link=RAW_IP), pcapng(THREE, interfaces=((RAW_IP, 262144),))):
            self.refused(self.replay(data, pcap(THREE)), "primary.pcap", "offset", "RAW", "Ethernet")
        self.refused(self.replay(pcap(THREE), pcap(THREE, link=9999)), "secondary.pcap", "offset")

    def test_a_snaplen_of_0_or_any_size_means_nothing(self):
        for snaplen in (0, 1, 65535, LARGEST, 0x7FFFFFFF, 0xFFFFFFFF):
            with self.subTest(snaplen=snaplen):
                outcome = self.replay(pcap(THREE, snaplen=snaplen), pcap(THREE), "--json")
                if outcome.status == 2:
                    self.refused(outcome, "primary.pcap", "offset")
                else:
                    self.assertEqual(outcome.json["primary"]["released"], 3)


class FramesOfOddSizes(Case):
    def test_the_largest_frame_is_used(self):
        large = [Record(0, ethernet(0x1234, bytes(range(256)) * 272)[:LARGEST])]
        self.assertEqual(len(large[0].data), LARGEST)
        path = self.path("out.pcap")
        self.assertEqual(self.result(large, large, "--released", path)["verdict"], "identical")
        with open(path, "rb") as file:
            self.assertEqual(captures.read_pcap(file.read()), large)

    def test_larger_ones_are_refused_with_file_and_offset(self):
        for size in (LARGEST + 1, 100_000, 262_144):
            large = [THREE[0], Record(MS, bytes(size))]
            for data in (pcap(large), pcapng(large)):
                with self.subTest(size=size, pcapng=data[0] == 10):
                    self.refused(self.replay(data, pcap(THREE)), "primary.pcap", "offset ", size)
                    self.refused(self.replay(pcap(THREE), data), "secondary.pcap", "offset ", size)

    def test_frames_of_any_small_size_are_compared(self):
        records = [Record(i, bytes([i]) * i) for i in range(64)]
        result = self.result(records, records)
        self.assertEqual((result["verdict"], result["primary"]["released"]), ("identical", 64))
        other = records[:10] + [Record(10, b"\0" * 10)] + records[11:]
        self.assertEqual(len(self.result(records, other)["checkpoints"]), 1)

    def test_a_wire_size_that_lies_only_costs_a_checkpoint(self):
        for wire in (1, 0x7FFFFFFF, 0xFFFFFFFF):
            record = Record(0, answer(b"x"), wire)
            with self.subTest(wire=wire):
                self.assertEqual(self.result([record], [record])["primary"]["released"], 1)


class Garbage(Case):
    def test_no_capture_at_all(self):
        for data in (b"", b"\n", b"not a capture, by far", bytes(1000), b"\xd4\xc3\xb2\xa1"):
            for sides in ((data, pcap(THREE)), (pcap(THREE), data)):
                with self.subTest(data=data[:8], first=sides[0] is data):
                    name = "primary.pcap" if sides[0] is data else "secondary.pcap"
                    self.refused(self.replay(*sides), name, "offset")

    def test_a_capture_may_end_anywhere(self):
        """What precedes the cut is used, with a warning that names the file."""
        for whole in (pcap(THREE), pcapng(THREE)):
            self.every_cut(whole)

    def every_cut(self, whole):
        kind = "pcapng" if whole[0] == 10 else "pcap"
        recognized = 12 if kind == "pcapng" else 24  # what is shorter may be anything
        for size in range(0, len(whole), 3 * SPARSELY):
            with self.subTest(kind=kind, size=size):
                outcome = self.replay(whole[:size], pcap(THREE), "--json")
                if size < recognized:
                    self.refused(outcome, "primary.pcap", "offset")
                    continue
                frames = outcome.json["primary"]["frames"]
                self.assertLess(frames, 3)
                at_record = kind == "pcap" and whole[:size] == pcap(THREE[:frames])
                at_block = kind == "pcapng" and whole[:size] == pcapng(THREE[:frames])
                if at_record or at_block:
                    self.assertEqual(outcome.stderr, "")
                else:
                    self.assertIn("warning", outcome.stderr)
                    self.assertIn("primary.pcap", outcome.stderr)
                    self.assertIn("offset", outcome.stderr)

    def test_a_pcapng_file_without_an_interface_is_empty(self):
        for order in "<>":
            for data in (section_block(order), section_block(order)[:12],
                         section_block(order) + interface_block(order=order)[:-1]):
                with self.subTest(order=order, size=len(data)):
                    outcome = self.replay(data, pcap(THREE), "--json")
                    self.assertEqual((outcome.status, outcome.json["primary"]["frames"]), (0, 0))
                    self.assertIn(f"primary.pcap: offset {len(data)}: ", outcome.stderr)

    def test_a_cut_secondary_is_used_too(self):
        outcome = self.replay(pcap(THREE[:2]), pcap(THREE)[:-1], "--json")
        self.assertEqual((outcome.status, outcome.json["secondary"]["frames"]), (0, 2))
        self.assertIn("secondary.pcap", outcome.stderr)

    def test_record_headers_that_lie(self):
        good = pcap(THREE[:1])
        for captured, wire in ((0xFFFFFFFF, 60), (0x80000000, 60), (1 << 24, 60), (70_000, 70_000)):
            lie = struct.pack("<IIII", 1_700_000_000, 0, captured, wire) + bytes(100)
            with self.subTest(captured=captured):
                outcome = self.replay(good + lie, good, "--json")
                if outcome.status == 2:
                    self.refused(outcome, "primary.pcap", "offset")
                else:
                    self.assertEqual(outcome.json["primary"]["frames"], 1)
                    self.assertIn("warning", outcome.stderr)

    def test_pcapng_blocks_that_lie(self):
        head = section_block() + interface_block()
        good = packet_block(THREE[0])
        for name, lie in (
                ("no interface", packet_block(THREE[1], 7)),
                ("short block", struct.pack("<III", 6, 12, 12)),
                ("odd length", struct.pack("<II", 6, 33) + bytes(40)),
                ("huge length", struct.pack("<II", 6, 0xFFFFFFF0) + bytes(40)),
                ("trailer", good[:-4] + struct.pack("<I", 4)),
                ("captured beyond block", good[:20] + struct.pack("<I", 5000) + good[24:]),
                ("bad section", struct.pack("<IIIHHq", 0x0A0D0D0A, 28, 0x12345678, 1, 0, -1)
                 + struct.pack("<I", 28)),
                ("future version", block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 9, 0, -1)))):
            with self.subTest(lie=name):
                outcome = self.replay(head + good + lie + good, pcap(THREE[:1]), "--json")
                if outcome.status == 2:
                    self.refused(outcome, "primary.pcap", "offset")
                else:
                    self.assertEqual(outcome.json["primary"]["released"],
                                     outcome.json["primary"]["output"])
        self.refused(self.replay(section_block() + good, pcap(THREE)), "primary.pcap", "offset")

    def test_times_out_of_any_calendar(self):
        for high, low in ((0, 0), (0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFFFFF, 0)):
            header = struct.pack("<IIIII", 0, high, low, len(THREE[0].data), len(THREE[0].data))
            data = section_block() + interface_block() + block(6, header + THREE[0].data)
            with self.subTest(high=high):
                result = self.result(data + packet_block(THREE[1]), pcap(THREE[:2]))
                self.assertEqual(result["primary"]["released"], 2)
        fraction = pcap_header() + struct.pack("<IIII", 1, 0xFFFFFFFF, 14, 14) + bytes(14)
        self.assertEqual(self.result(fraction, fraction)["verdict"], "identical")

    def test_damaged_captures(self):
        """Bits turned over anywhere: a verdict or an error, at once."""
        source = random.Random(20)
        p, s = Connection(1000), Connection(90_000)
        frames = [c for i in range(20) for c in (p.output(i * 10, b"0123456789"),)]
        whole = pcap([Record(i * MS, f) for i, f in enumerate(frames)])
        other = pcap([Record(i * MS, s.output(i * 10, b"0123456789")) for i in range(20)])
        for turn in range(60 // SPARSELY):
            damaged = bytearray(whole if turn % 2 else pcapng([Record(i, f) for i, f in
                                                               enumerate(frames)]))
            for _ in range(source.randrange(1, 30)):
                damaged[source.randrange(len(damaged))] ^= 1 << source.randrange(8)
            with self.subTest(turn=turn):
                outcome = self.replay(bytes(damaged), other, "--json")
                if outcome.status == 2:
                    self.refused(outcome, "primary.pcap", "offset")
                else:
                    self.assertEqual(outcome.json["primary"]["released"],
                                     outcome.json["primary"]["output"])


class LyingFrames(Case):
    """Lengths that lie at every layer. Equal on both sides they are compared as they are."""

    @staticmethod
    def lies():
        tcp = Connection(1).output(0, b"payload")
        udp = answer(b"payload")
        for at in (14, 46):  # version and IHL; data offset
            for value in (0x00, 0x40, 0x4F, 0x60, 0xF0, 0xFF):
                yield f"tcp byte {at} = {value:#x}", tcp[:at] + bytes([value]) + tcp[at + 1:]
        for name, at in (("total", 16), ("udp", 38)):
            for value in (0, 1, 7, 8, 19, 20, 21, 1000, 65535):
                yield f"{name} length {value}", udp[:at] + struct.pack(">H", value) + udp[at + 2:]
        for name, at in (("fragment", 20),):
            for value in (0x2000, 0x1FFF, 0x3FFF, 0x0001, 0xFFFF):
                yield f"{name} {value:#x}", udp[:at] + struct.pack(">H", value) + udp[at + 2:]
        for option in (b"\x02", b"\x02\x00", b"\x02\x01", b"\x02\xff", b"\x08\x03\x00", b"\x05\x22",
                       b"\x03\x02", b"\x13\x12", b"\x01" * 39 + b"\x02"):
            yield f"option {option.hex()}", Connection(1).output(0, b"x", options=option)
        six = answer(b"payload", "2001:db8::2", "2001:db8::1")
        for value in (0, 1, 8, 65535):
            yield f"ipv6 length {value}", six[:18] + struct.pack(">H", value) + six[20:]
        for header in (0, 43, 44, 51, 60, 135, 59, 50):
            yield f"next header {header}", six[:20] + bytes([header]) + six[21:]
        for chain in (bytes([60, 0]) + bytes(6), bytes([44, 255]) + bytes(6), bytes([51, 255]) * 4):
            body = chain * 20
            head = struct.pack(">IHBB", 6 << 28, len(body), 60, 64) + six[22:54]
            yield f"chain {chain.hex()}", ethernet(0x86DD, head + body)
        yield "vlans without end", ethernet(0x8100, b"\x00\x01\x81\x00" * 20)
        yield "icmp of 1 byte", ip(GUEST, PEER, 1, b"\x03")
        yield "icmp error quoting itself", ip(GUEST, PEER, 1, b"\x03\x04" + bytes(6) + tcp[14:20])
        for end in range(0, len(tcp), 5):
            yield f"tcp frame of {end} bytes", tcp[:end]

    def test_alike_on_both_sides_none_is_lost(self):
        records = [Record(i * MS, frame) for i, (_, frame) in enumerate(self.lies())]
        for options in ((), ("--guest", "52:54:00:00:00:02"), ("--guest", GUEST)):
            result = self.result(records, records, *options)
            self.assertEqual(result["primary"]["frames"], len(records))

    def test_one_at_a_time_against_nothing_and_against_itself(self):
        for name, frame in itertools.islice(self.lies(), 0, None, SPARSELY):
            with self.subTest(lie=name):
                record = [Record(0, frame)]
                self.result(record, record)
                # Without a twin nothing of the guest's leaves before a checkpoint.
                alone = self.result(record, [])
                self.assertEqual(len(alone["checkpoints"]), 1)

    def test_the_lie_on_one_side_only_is_a_difference(self):
        honest = answer(b"payload")
        for at, value in ((38, 9), (16, 30), (14, 0x4F)):
            lie = honest[:at] + (bytes([value]) if at == 14 else struct.pack(">H", value))
            lie += honest[len(lie):]
            self.assertEqual(self.result([Record(0, lie)], [Record(0, honest)])["verdict"], "diverged")

    def test_bad_checksums_are_counted_and_compared(self):
        bad = answer(b"payload")[:40] + b"\x12\x34" + answer(b"payload")[42:]
        segment = bytearray(Connection(1).output(0, b"text"))
        segment[50] ^= 0x55
        records = [Record(0, bad), Record(1, bytes(segment))]
        result = self.result(records, records, "--guest", GUEST)
        self.assertEqual((result["verdict"], result["counters"]["bad-checksum"]), ("identical", 2))
        good = [Record(0, answer(b"payload")), Record(1, Connection(1).output(0, b"text"))]
        self.assertEqual(self.result(good, good, "--guest", GUEST)["counters"]["bad-checksum"], 0)

    def test_random_frames(self):
        source = random.Random(4)
        frames = [source.randbytes(source.randrange(0, 200)) for _ in range(2000)]
        kinds = (0x0800, 0x86DD, 0x8100, 0x0806, 0x88A8)
        frames += [ethernet(source.choice(kinds), source.randbytes(source.randrange(0, 300)))
                   for _ in range(4000)]
        frames += [ip(GUEST, PEER, source.choice((1, TCP, UDP, 2, 58)),
                      source.randbytes(source.randrange(0, 100)),
                      fragment=source.choice((0, 0, 0, 0x2000, 1, 0x2001))) for _ in range(4000)]
        records = [Record(i * 10_000, f) for i, f in enumerate(frames)]
        shuffled = list(records)
        source.shuffle(shuffled)
        again = [Record(r.time, q.data) for r, q in zip(records, shuffled)]
        for secondary in (records, again, []):
            result = self.result(records, secondary, "--guest", GUEST)
            self.assertEqual(result["primary"]["frames"], len(frames))
            self.result(records, secondary)


class Fragments(Case):
    @staticmethod
    def cut(payload, size, ident=9, **fields):
        datagram = udp_datagram(GUEST, PEER, (53, 40000), payload)
        out = []
        for at in range(0, len(datagram), size):
            more = 0x2000 if at + size < len(datagram) else 0
            out.append(ip(GUEST, PEER, UDP, datagram[at:at + size], ident=ident,
                          fragment=more | at // 8, **fields))
        return out

    def test_cut_differently_they_are_equal_and_leave_as_they_came(self):
        payload = bytes(range(256)) * 20
        primary = [Record(i * MS, f) for i, f in enumerate(self.cut(payload, 1480))]
        secondary = [Record(i * MS, f) for i, f in enumerate(reversed(self.cut(payload, 512, 77)))]
        path = self.path("out.pcap")
        result = self.result(primary, secondary, "--released", path)
        self.assertEqual((result["verdict"], result["flows"]), ("identical", 1))
        with open(path, "rb") as file:
            self.assertEqual([r.data for r in captures.read_pcap(file.read())],
                             [r.data for r in primary])

    def test_a_missing_fragment_is_a_timeout(self):
        fragments = self.cut(bytes(4000), 1480)
        records = [Record(i, f) for i, f in enumerate(fragments[:-1])]
        result = self.result(records, [Record(0, f) for f in fragments])
        self.assertEqual([c["reason"] for c in result["checkpoints"]], ["timeout"])

    def test_bombs(self):
        """Overlaps, datagrams that never end, pings of death, the same fragment again and again."""
        teardrop = [self.cut(bytes(4000), 1480)[0], self.cut(bytes(4000), 64)[1]]
        endless = [ip(GUEST, PEER, UDP, bytes(8), ident=i & 0xFFFF, fragment=0x2000 | (i % 8000))
                   for i in range(30_000)]
        death = [ip(GUEST, PEER, UDP, bytes(1400), fragment=0x1FFF)]
        tiny = [ip(GUEST, PEER, UDP, bytes(8), ident=5, fragment=0x2000 | i) for i in range(8000)]
        same = self.cut(bytes(4000), 1480)[:1] * 5000
        for name, frames in (("teardrop", teardrop), ("endless", endless), ("death", death),
                             ("tiny", tiny), ("same", same)):
            records = [Record(i * 1000, f) for i, f in enumerate(frames)]
            with self.subTest(bomb=name):
                self.assertEqual(self.result(records, [])["primary"]["released"], len(frames))
                self.result(records, records)
                self.result([], records)


if __name__ == "__main__":
    unittest.main()
