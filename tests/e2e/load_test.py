# SPDX-License-Identifier: GPL-2.0-or-later
"""Floods: a verdict in bounded time and memory. The bounds are for a release build; a debug or
sanitized one gets a tenth of the load (COLO_PROXY_LOAD=N divides it)."""
import functools
import os
import struct
import tempfile
import time
import unittest

from captures import START, Record, pcap_header
from frames import GUEST, PEER, SYN, Connection, tcp
from program import DIVISOR, SECONDS, Case

TUPLES = 31 * 65536 // DIVISOR
TABLE = 10_000
MIB = 1 << 20


class Flood:
    """A pcap file of one segment of the guest for each of many peers: batches of 65536 records, of
    which the peer's upper half and the second change from batch to batch."""

    BATCH = 65536
    PEER_AT = 16 + 14 + 16

    def __init__(self, template, count):
        self.batches = max(1, count // self.BATCH)
        self.stride = 16 + len(template)
        records = bytearray()
        for i in range(self.BATCH):
            records += struct.pack("<IIII", 0, i * 1000, len(template), len(template)) + template
        self.records = records
        self.stripe(self.PEER_AT + 2, bytes(i >> 8 for i in range(self.BATCH)))
        self.stripe(self.PEER_AT + 3, bytes(i & 0xFF for i in range(self.BATCH)))

    def stripe(self, at, values):
        self.records[at::self.stride] = values

    def write(self, path):
        with open(path, "wb") as file:
            file.write(pcap_header())
            for batch in range(self.batches):
                for i, byte in enumerate(struct.pack("<I", START // 10**9 + batch)):
                    self.stripe(i, bytes([byte]) * self.BATCH)
                self.stripe(self.PEER_AT, bytes([11]) * self.BATCH)
                self.stripe(self.PEER_AT + 1, bytes([batch]) * self.BATCH)
                file.write(self.records)
        return path


class Load(Case):
    def within(self, seconds, mebibytes, primary, secondary, *options):
        """Time and memory are those of the run, without the making of its input."""
        began = time.monotonic()
        result = self.result(primary, secondary, *options)
        took = time.monotonic() - began
        self.assertLess(took, seconds if DIVISOR == 1 else SECONDS)
        if DIVISOR == 1:
            self.assertLess(self.last_peak(), mebibytes * MIB)
        return result

    def last_peak(self):
        return self.peak

    def replay(self, *sides, **keywords):
        outcome = super().replay(*sides, measured=True, **keywords)
        self.peak = outcome.peak
        return outcome


class SynFlood(Load):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        syn_ack = tcp(GUEST, PEER, (80, 40000), 1, 1001, SYN, options=b"\x02\x04\x05\xb4")
        data = tcp(GUEST, PEER, (80, 40000), 1, 1001, payload=b"flood")
        moved = tcp(GUEST, PEER, (80, 40000), 900_000, 1001, payload=b"flood")
        for name, template, count in (("syn_ack", syn_ack, TUPLES), ("data", data, TUPLES),
                                      ("some", data, TUPLES // 8), ("moved", moved, TUPLES // 8)):
            setattr(cls, name, Flood(template, count).write(os.path.join(folder.name, name)))

    def flood(self, primary, secondary, guest=GUEST, seconds=15):
        result = self.within(seconds, 64, primary, secondary, "--guest", guest,
                             f"--max-connections={TABLE}")
        return result, {c["reason"] for c in result["checkpoints"]}

    def test_answered_alike(self):
        """Handshakes that nobody ends: each makes room for the next."""
        result, reasons = self.flood(self.syn_ack, self.syn_ack)
        self.assertEqual((reasons, result["flows"]), (set(), result["primary"]["frames"]))

    def test_answered_by_one_alone(self):
        self.assertIn("table-full", self.flood(self.syn_ack, [])[1])

    def test_only_input(self):
        """What comes from clients makes no flow."""
        result, reasons = self.flood(self.syn_ack, [], guest=PEER)
        self.assertEqual((reasons, result["flows"]), (set(), 0))

    def test_live_flows_of_one_alone(self):
        self.assertIn("table-full", self.flood(self.data, [])[1])

    def test_live_flows_with_an_offset(self):
        """None may be forgotten: from then on each frame takes a checkpoint."""
        self.assertEqual(self.flood(self.some, self.moved)[1], {"table-full"})


class ManySegments(Load):
    COUNT = 100_000 // DIVISOR

    @staticmethod
    @functools.lru_cache(maxsize=None)
    def side(isn, positions, every=10_000, first=0):
        connection = Connection(isn)
        frames = [connection.output(i, bytes([i % 251])) for i in positions]
        return [Record(first + i * every, f) for i, f in enumerate(frames)]

    def test_one_byte_each_in_order(self):
        primary = self.side(5000, range(self.COUNT))
        result = self.within(5, 64, primary, self.side(2**32 - 500, range(self.COUNT), first=5))
        self.assertEqual(result["verdict"], "identical")

    def test_one_byte_each_against_whole_segments(self):
        connection = Connection(99)
        text = bytes(i % 251 for i in range(self.COUNT))
        whole = [Record(at * 10_000, connection.output(at, text[at:at + 1000]))
                 for at in range(0, self.COUNT, 1000)]
        result = self.within(5, 64, self.side(5000, range(self.COUNT)), whole)
        self.assertEqual(result["verdict"], "identical")
        result = self.within(5, 64, whole, self.side(5000, range(self.COUNT)))
        self.assertEqual(result["verdict"], "identical")

    def test_one_byte_each_backwards(self):
        backwards = self.side(5000, range(self.COUNT - 1, -1, -1))
        forwards = self.side(777, range(self.COUNT))
        for primary, secondary in ((backwards, forwards), (backwards, backwards), (backwards, [])):
            self.within(10, 64, primary, secondary)

    def test_a_secondary_that_goes_backwards(self):
        """Its queue is full for good, so each further segment takes a checkpoint."""
        backwards = self.side(777, range(self.COUNT - 1, -1, -1))
        self.within(10, 64, self.side(5000, range(self.COUNT)), backwards)

    def test_every_other_byte_is_missing(self):
        holes = self.side(5000, range(0, 2 * self.COUNT, 2))
        self.within(10, 64, holes, self.side(70, range(0, 2 * self.COUNT, 2)))
        self.within(10, 64, holes, [])

    def test_a_secondary_that_runs_far_ahead(self):
        ahead = [Record(i, Connection(9).output(i * 1000, bytes(1000))) for i in range(self.COUNT)]
        result = self.within(10, 64, ahead[:1], ahead)
        self.assertEqual(result["verdict"], "identical")


if __name__ == "__main__":
    unittest.main()
