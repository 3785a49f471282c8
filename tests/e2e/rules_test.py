# SPDX-License-Identifier: GPL-2.0-or-later
"""The rules of a replay in contracts.md: clocks and order, offsets, cut frames, checkpoints, caps."""
import unittest

import captures
from captures import Record
from frames import FIN, GUEST, PEER, RST, Connection, answer, udp
from program import MS, Case

SECOND = 10**9
GUEST_OPTION = ("--guest", GUEST)


def at(*timed):
    """(milliseconds, frame) in turn."""
    return [Record(int(t * MS), frame) for t, frame in timed]


class Rules(Case):
    def judge(self, primary, secondary, *options):
        """Reasons with offset and time in ms, and all of the result."""
        result = self.result(primary, secondary, *options)
        said = [(c["reason"], c["offset"], round(c["time"] * 1000, 6)) for c in result["checkpoints"]]
        return said, result

    def released(self, primary, secondary, *options):
        path = self.path("released.pcap")
        self.result(primary, secondary, "--released", path, *options)
        with open(path, "rb") as file:
            return captures.read_pcap(file.read())


class Clocks(Rules):
    def test_equal_times_secondary_before_primary(self):
        """The twin is there when the frame comes, so that it leaves at once and in its place."""
        a, b = answer(b"a", ports=(1, 1)), answer(b"b", ports=(2, 2))
        primary = at((0, a), (0, b))
        self.assertEqual(self.released(primary, at((0, b), (0, a))), primary)

    def test_equal_times_input_before_both(self):
        """A client's ack that comes with the answer ends the handshake first: both VMs are alike."""
        p, s = Connection(100), Connection(900)
        frames = lambda c: at((0, c.syn()), (0, c.syn_ack()), (0, c.input(0)), (0, c.output(0, b"hi")))
        said, result = self.judge(frames(p), frames(s), *GUEST_OPTION)
        self.assertEqual((said, result["flows"]), ([], 1))

    def test_a_twin_at_the_very_end_of_the_patience_counts(self):
        frame = answer(b"x")
        self.assertEqual(self.judge(at((0, frame)), at((3000, frame)))[0], [])
        late = [Record(3000 * MS + 1, frame)]
        self.assertEqual(self.judge(at((0, frame)), late)[0], [("timeout", 0, 3000)])

    def test_each_file_keeps_its_order(self):
        """Behind an earlier clock comes a frame that counts as of the latest time so far."""
        one, two = answer(b"1"), answer(b"2")
        backwards = [Record(10 * MS, one), Record(2 * MS, two), Record(11 * MS, one)]
        times = [r.time for r in self.released(backwards, backwards)]
        self.assertEqual(times, [10 * MS, 10 * MS, 11 * MS])

    def test_a_clock_that_jumps_far_back_stops_nothing(self):
        frames = [answer(b"%d" % i) for i in range(10)]
        primary = [Record((10 - i) * SECOND, f) for i, f in enumerate(frames)]
        self.assertEqual(self.judge(primary, primary)[0], [])

    def test_a_clock_that_jumps_years_ahead(self):
        year = 365 * 86400 * SECOND
        frames = at((0, answer(b"1")), (1, answer(b"2"))) + [Record(10 * year, answer(b"3"))]
        said, _ = self.judge(frames, frames[2:])
        self.assertEqual(said[0], ("timeout", 0, 3000))

    def test_one_clock_unless_aligned(self):
        """S was recorded a minute later."""
        primary = at((0, answer(b"1")), (5, answer(b"2")))
        later = [Record(60 * SECOND + r.time, r.data) for r in primary]
        self.assertEqual([s[0] for s in self.judge(primary, later)[0]], ["timeout"])
        self.assertEqual(self.judge(primary, later, "--align")[0], [])
        self.assertEqual(self.judge(later, primary, "--align")[0], [])

    def test_align_with_nothing_recorded(self):
        said, _ = self.judge([], at((7, answer(b"x"))), "--align")
        self.assertEqual(said, [])
        said, _ = self.judge(at((7, answer(b"x"))), [], "--align")
        self.assertEqual(said, [("timeout", 0, 3000)])

    def test_time_runs_on_behind_the_last_frame(self):
        primary = at((0, answer(b"1")), (10, answer(b"2", ports=(9, 9))))
        said, _ = self.judge(primary, [], "--compare-timeout", "50")
        self.assertEqual(said, [("timeout", 0, 50)])  # it lets the other out, too

    def test_fragments_alone_are_waited_for(self):
        first = udp(GUEST, PEER, (1, 2), bytes(64), fragment=0x2000)
        self.assertEqual([s[::2] for s in self.judge(at((0, first)), [])[0]], [("timeout", 3000)])


class Checkpoints(Rules):
    def test_answered_at_once(self):
        primary = at((0, answer(b"1")), (30, answer(b"2")), (31, answer(b"3")))
        secondary = at((0, answer(b"x")), (30, answer(b"2")), (31, answer(b"3")))
        said, result = self.judge(primary, secondary)
        self.assertEqual(said, [("divergence", 0, 20)])
        self.assertEqual(result["counters"]["released-by-fence"], 1)

    def test_each_difference_has_its_own(self):
        primary = at(*((i * 50, answer(b"p%d" % i)) for i in range(5)))
        secondary = at(*((i * 50, answer(b"s%d" % i)) for i in range(5)))
        said, _ = self.judge(primary, secondary)
        self.assertEqual(said, [("divergence", 0, i * 50 + 20) for i in range(5)])

    def test_at_most_one_a_primary_frame(self):
        primary = at(*((i, answer(b"p%d" % i, ports=(i + 1, 1))) for i in range(50)))
        secondary = at(*((i, answer(b"s%d" % i, ports=(i + 1, 1))) for i in range(50)))
        for options in ((), ("--max-connections=3",), ("--max-queue-bytes=1",)):
            said, _ = self.judge(primary, secondary, *options)
            self.assertLessEqual(len(said), 50)
            self.assertGreater(len(said), 0)

    def test_tcp_goes_on_at_the_same_position(self):
        p, s = Connection(1000), Connection(70_000)
        primary = at((0, p.syn_ack()), (1, p.output(0, b"same")), (2, p.output(4, b"PPPP")),
                     (3, p.output(8, b"same again")))
        secondary = at((0, s.syn_ack()), (1, s.output(0, b"same")), (2, s.output(4, b"PSPP")),
                       (3, s.output(8, b"same again")))
        said, _ = self.judge(primary, secondary, *GUEST_OPTION)
        self.assertEqual(said, [("divergence", 5, 2)])

    def test_late_twins_are_absorbed(self):
        """What a fence let out, S says too, later: that vouches for nothing new."""
        frame, other = answer(b"late"), answer(b"late")
        primary = at((0, frame), (3900, other))
        said, result = self.judge(primary, at((3200, frame)))
        self.assertEqual(said, [("timeout", 0, 3000), ("timeout", 0, 6900)])
        self.assertEqual(result["counters"]["secondary-absorbed"], 1)

    def test_absorbed_for_the_compare_timeout_only(self):
        frame = answer(b"late")
        said, _ = self.judge(at((0, frame), (6200, frame)), at((6100, frame)))
        self.assertEqual(said, [("timeout", 0, 3000)])

    def test_late_stream_bytes_are_skipped(self):
        p, s = Connection(1000), Connection(70_000)
        primary = at((0, p.output(0, b"first")), (4000, p.output(5, b"second")))
        secondary = at((3500, s.output(0, b"first")), (4000, s.output(5, b"second")))
        self.assertEqual(self.judge(primary, secondary, *GUEST_OPTION)[0], [("timeout", 0, 3000)])

    def test_a_timeout_tells_what_was_verified(self):
        p, s = Connection(1000), Connection(70_000)
        primary = at((0, p.syn_ack()), (1, p.output(0, b"0123456")), (5, p.output(7, b"more")))
        secondary = at((0, s.syn_ack()), (1, s.output(0, b"0123456")), (5, s.output(7, b"m")))
        self.assertEqual(self.judge(primary, secondary, *GUEST_OPTION)[0], [("timeout", 8, 3005)])

    def test_surplus_output_is_only_counted(self):
        secondary = at((0, answer(b"1")), (1, answer(b"2")), (2, Connection(5).output(0, b"x")))
        said, result = self.judge(at((0, answer(b"1"))), secondary)
        self.assertEqual((said, result["secondary"]["output"]), ([], 3))

    def test_streams_ends_must_be_equal(self):
        p, s = Connection(1000), Connection(70_000)
        for primary, secondary, expected in (
                (p.output(0, b"", FIN), s.output(0, b"more"), [("divergence", 0, 1)]),
                (p.output(0, b"more"), s.output(0, b"", FIN), [("divergence", 0, 1)]),
                (p.output(0, b"", RST), s.output(0, b"more"), [("divergence", 0, 1)]),
                (p.output(0, b"bye", FIN), s.output(0, b"bye", FIN), []),
                (p.output(0, b"", RST), s.output(0, b"", RST), [])):
            said, _ = self.judge(at((0, p.syn_ack()), (1, primary)),
                                 at((0, s.syn_ack()), (1, secondary)), *GUEST_OPTION)
            self.assertEqual(said, expected)

    def test_an_ack_waits_for_the_secondarys(self):
        p, s = Connection(1000), Connection(70_000)
        primary = at((0, p.syn_ack()), (1, p.output(0, read=100)))
        for read, expected in ((100, []), (150, []), (99, [("timeout", 0, 3001)])):
            secondary = at((0, s.syn_ack()), (1, s.output(0, read=read)))
            self.assertEqual(self.judge(primary, secondary, *GUEST_OPTION)[0], expected)


class Offsets(Rules):
    STREAM = bytes(range(256)) * 300

    def test_from_the_two_syns(self):
        for isns in ((1000, 70_000), (2**32 - 3, 5), (5, 2**31 + 5), (0, 0), (2**32 - 1, 0)):
            p, s = Connection(isns[0]), Connection(isns[1])
            frames = lambda c: at((0, c.syn_ack()), (1, c.output(0, b"1234")), (2, c.output(4, b"56")))
            with self.subTest(isns=isns):
                self.assertEqual(self.judge(frames(p), frames(s), *GUEST_OPTION)[0], [])

    def test_from_the_acks_of_the_first_client_segment_in_both(self):
        """S says first what P says last, so only the acks tell where each is."""
        p, s = Connection(1000), Connection(70_000)
        primary = at((0, p.input(0, b"question", read=4)), (1, p.output(0, b"abcd", read=8)),
                     (2, p.output(4, b"efgh", read=8)))
        secondary = at((0, s.input(0, b"question", read=4)), (1, s.output(4, b"efgh", read=8)),
                       (2, s.output(0, b"abcd", read=8)))
        self.assertEqual(self.judge(primary, secondary, *GUEST_OPTION)[0], [])
        # One side alone has the first question: the second counts.
        missing = at((0, s.input(8, b"again", read=4))) + secondary[1:]
        both = primary[:1] + at((0, p.input(8, b"again", read=4))) + primary[1:]
        self.assertEqual(self.judge(both, missing, *GUEST_OPTION)[0], [])

    def test_acks_win_over_lowest_numbers(self):
        """S's recording begins 4 bytes later, which only the acks tell."""
        p, s = Connection(1000), Connection(70_000)
        primary = at((0, p.input(0, b"?", read=0)), (1, p.output(0, b"abcd")), (2, p.output(4, b"efgh")))
        secondary = at((0, s.input(0, b"?", read=0)), (2, s.output(4, b"efgh")), (3, s.output(0, b"abcd")))
        self.assertEqual(self.judge(primary, secondary, *GUEST_OPTION)[0], [])

    def test_from_the_lowest_numbers_though_the_first_packets_are_reordered(self):
        p, s = Connection(2**32 - 2000), Connection(70_000)
        cuts = range(0, 30_000, 1000)
        primary = [Record(i * MS, p.output(b, self.STREAM[b:b + 1000])) for i, b in enumerate(cuts)]
        swapped = list(cuts)
        swapped[0:3] = [swapped[2], swapped[1], swapped[0]]
        for first, second in ((primary, swapped), (swapped, cuts)):
            if first is swapped:
                first = [Record(i * MS, p.output(b, self.STREAM[b:b + 1000]))
                         for i, b in enumerate(swapped)]
            secondary = [Record(i * MS, s.output(b, self.STREAM[b:b + 1000]))
                         for i, b in enumerate(second)]
            said, result = self.judge(first, secondary, *GUEST_OPTION)
            self.assertEqual(said, [])
            # Lower bytes are compared, not taken for retransmissions.
            self.assertEqual(result["counters"]["retransmissions-not-kept"], 0)

    def test_reordered_first_bytes_are_compared(self):
        p, s = Connection(1000), Connection(70_000)
        primary = at((0, p.output(4, b"efgh")), (1, p.output(0, b"abcd")))
        secondary = at((0, s.output(4, b"efgh")), (1, s.output(0, b"abXd")))
        self.assertEqual(self.judge(primary, secondary, *GUEST_OPTION)[0], [("divergence", 2, 1)])

    def test_with_a_syn_on_one_side_only(self):
        p, s = Connection(1000), Connection(70_000)
        with_syn = at((0, p.syn_ack()), (1, p.output(0, b"abcd")), (2, p.output(4, b"efgh")))
        without = at((1, s.output(0, b"abcd")), (2, s.output(4, b"efgh")))
        said, _ = self.judge(without, with_syn, *GUEST_OPTION)
        self.assertEqual([s[0] for s in said if s[0] == "divergence"], [])

    def test_a_second_connection_with_other_numbers(self):
        p, s = Connection(1000), Connection(70_000)
        again_p = Connection(500_000_000, client_isn=900_000_000)
        again_s = Connection(3_000_000_000, client_isn=900_000_000)
        talk = lambda a, b: at((0, a.syn_ack()), (1, a.output(0, b"one", FIN)),
                               (2, a.output(4, b"", read=1)), (3, b.syn_ack()),
                               (4, b.output(0, b"two")))
        said, result = self.judge(talk(p, again_p), talk(s, again_s), *GUEST_OPTION)
        self.assertEqual((said, result["flows"]), ([], 2))


class CutFrames(Rules):
    """A snaplen cut them: what is there is compared, the rest counts as missing."""

    def cut(self, frame, lost, time=0):
        return Record(time, frame[:len(frame) - lost], len(frame))

    def test_a_difference_in_what_is_there(self):
        p, s = Connection(1000), Connection(70_000)
        primary = at((0, p.syn_ack())) + [self.cut(p.output(0, b"0123456789"), 3, MS)]
        secondary = at((0, s.syn_ack()), (1, s.output(0, b"01X3456789")))
        self.assertEqual(self.judge(primary, secondary, *GUEST_OPTION)[0][0], ("divergence", 2, 1))

    def test_the_missing_part_is_a_timeout(self):
        p, s = Connection(1000), Connection(70_000)
        primary = at((0, p.syn_ack())) + [self.cut(p.output(0, b"0123456789"), 3, MS)]
        secondary = at((0, s.syn_ack()), (1, s.output(0, b"0123456789")))
        self.assertEqual(self.judge(primary, secondary, *GUEST_OPTION)[0], [("timeout", 7, 3001)])

    def test_datagrams_that_are_cut_vouch_for_nothing(self):
        frame = answer(b"0123456789")
        whole, cut = Record(0, frame), self.cut(frame, 3)
        for primary, secondary in ((cut, whole), (whole, cut), (cut, cut)):
            said, result = self.judge([primary], [secondary])
            self.assertEqual([s[0] for s in said], ["timeout"])
        different = answer(b"X123456789")
        self.assertEqual(self.judge([cut], [Record(0, different)])[0][0][0], "divergence")

    def test_cut_headers(self):
        frame = Connection(1000).output(0, b"0123456789")
        for left in range(0, 54, 6):
            record = [Record(0, frame[:left], len(frame))]
            said, _ = self.judge(record, record)
            self.assertEqual([s[0] for s in said], ["timeout"])

    def test_cut_padding_and_nothing_else(self):
        frame = answer(b"x")
        record = [Record(0, frame, 60)]
        self.assertEqual(self.judge(record, at((0, frame)))[0], [])


class Caps(Rules):
    def test_table_full(self):
        frames = [answer(b"?", ports=(i + 1, 1)) for i in range(5)]
        said, result = self.judge([Record(i, f) for i, f in enumerate(frames)], [],
                                  "--max-connections=3")
        # The fence makes no room yet: late twins of what it let out may still come.
        self.assertEqual([s[:2] for s in said], [("table-full", None)] * 2)
        self.assertEqual(result["checkpoints"][0]["flow"]["guest"], GUEST + ":4")

    def test_matched_flows_make_room(self):
        frames = [Record(i, answer(b"?", ports=(i + 1, 1))) for i in range(50)]
        self.assertEqual(self.judge(frames, frames, "--max-connections=1")[0], [])

    def test_queue_full(self):
        frames = [Record(i, answer(bytes(1000))) for i in range(10)]
        size = len(frames[0].data)
        said, result = self.judge(frames, [], f"--max-queue-bytes={4 * size}")
        self.assertEqual(said[0], ("queue-full", None, 4e-6))
        self.assertEqual(result["checkpoints"][0]["flow"]["proto"], "udp")

    def test_a_full_queue_of_the_secondarys_drops_and_counts(self):
        surplus = [Record(i, answer(bytes(1000), ports=(i + 1, 1))) for i in range(10)]
        said, result = self.judge([], surplus, "--max-queue-bytes=3000")
        self.assertEqual(said, [])
        self.assertGreater(result["counters"]["secondary-over-cap"], 0)

    def test_compare_timeout(self):
        frame = answer(b"x")
        for patience in (1, 20, 250, 86_400_000):
            said, _ = self.judge(at((0, frame)), [], f"--compare-timeout={patience}")
            self.assertEqual(said, [("timeout", 0, patience)])
        self.assertEqual(self.judge(at((0, frame)), at((249, frame)), "--compare-timeout=250")[0], [])
        self.assertEqual(len(self.judge(at((0, frame)), at((251, frame)), "--compare-timeout=250")[0]), 1)


if __name__ == "__main__":
    unittest.main()
