# SPDX-License-Identifier: GPL-2.0-or-later
"""Captures that need a checkpoint a frame, hundreds of thousands of them: memory stays what it is with a
few. The bounds are for a release build (see load_test.py)."""
import json
import resource
import signal
import struct
import unittest

from captures import START, Record, pcap, pcap_header
from frames import answer
from program import DIVISOR, MS, Case, run

MANY = 300_000 // DIVISOR
FEW = MANY // 30
SLACK = 6 << 20
EVERY = 50 * MS  # more than the 20 ms after which different datagrams are a divergence


class Diverging(Case):
    def captures(self, count):
        """The two sides' frames differ in their last byte, one by one."""
        paths = []
        for name, payload in (("p", b"answer P"), ("s", b"answer S")):
            paths.append(self.path(f"{name}-{count}.pcap"))
            frame = answer(payload)
            with open(paths[-1], "wb") as file:
                file.write(pcap_header())
                for i in range(count):
                    seconds, rest = divmod(START + i * EVERY, 10**9)
                    file.write(struct.pack("<IIII", seconds, rest, len(frame), len(frame)) + frame)
        return ["--primary", paths[0], "--secondary", paths[1]]

    def peak(self, count, *options):
        """Memory of a run; its standard output is in the file "out"."""
        with open(self.path("out"), "wb") as out:
            outcome = run(["replay", *self.captures(count), *options], output=out, measured=True)
        self.assertEqual((outcome.status, outcome.stderr), (1, ""))
        return outcome.peak

    def does_not_grow(self, *options):
        few, many = (self.peak(count, *options) for count in (FEW, MANY))
        if DIVISOR == 1:
            self.assertLess(many - few, SLACK)

    def pieces(self):
        """Standard output from the beginning of one checkpoint to that of the next."""
        rest = b""
        with open(self.path("out"), "rb") as out:
            while chunk := out.read(1 << 16):
                *whole, rest = (rest + chunk).split(b'{"reason":')
                yield from whole
        yield rest

    def test_json_has_all_of_them_in_the_same_memory(self):
        self.does_not_grow("--json")
        head, *rest = self.pieces()
        self.assertEqual(len(rest), MANY)
        one = b'"divergence","time":%s,"flow":{'
        self.assertTrue(rest[1].startswith(one % b"0.07"), rest[1])
        _, *tail = rest[-1].partition(b"]")
        some = json.loads(b"".join([head, b'{"reason":', rest[0].rstrip(b","), *tail]))
        self.assertEqual((some["verdict"], some["primary"]["frames"]), ("diverged", MANY))
        self.assertEqual(some["counters"]["fences"], MANY)

    def test_the_summary_shows_the_first_in_the_same_memory(self):
        self.does_not_grow()
        with open(self.path("out"), encoding="ascii") as out:
            summary = out.read()
        self.assertIn(f"diverged: {MANY} checkpoint(s)", summary)
        self.assertIn(f"divergence {MANY}\n", summary)
        self.assertIn(f"... and {MANY - 20} more", summary)
        self.assertLess(len(summary), 8192)


class NoRoom(Case):
    def test_checkpoints_that_cannot_be_kept_are_an_error(self):
        """No verdict rather than half an object."""
        def small_files_only():
            resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

        records = [Record(i * EVERY, answer(b"%06d" % i)) for i in range(400)]
        p = self.file("p.pcap", pcap(records))
        s = self.file("s.pcap", pcap([]))
        sides = ["replay", "--primary", p, "--secondary", s, "--compare-timeout=10"]
        outcome = run([*sides, "--json"], preexec_fn=small_files_only)
        self.refused(outcome, "temporary file")
        self.assertEqual(run(sides, preexec_fn=small_files_only).status, 1)  # keeps none


if __name__ == "__main__":
    unittest.main()
