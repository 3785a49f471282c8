# SPDX-License-Identifier: GPL-2.0-or-later
"""`colo-proxy replay` as contracts.md has it: usage, exit status, JSON, --released, recorded pairs."""
import json
import os
import subprocess
import unittest

import captures
from captures import Record, pcap
from frames import (GUEST, GUEST6, GUEST_MAC, PEER, PEER6, Connection, answer, echo_reply, ethernet,
                    ip, udp)
from program import BINARY, MS, PCAPS, Case, run

GUEST_OPTION = ("--guest", GUEST)
A_PAIR = [Record(0, answer(b"one"))]


def texts(*payloads, every=MS, first=0, **fields):
    return [Record(first + i * every, answer(p, **fields)) for i, p in enumerate(payloads)]


class Usage(Case):
    def setUp(self):
        super().setUp()
        self.good = self.file("good.pcap", pcap(A_PAIR))

    def refuse(self, *arguments, words=()):
        self.refused(run(["replay", *arguments]), *words)

    def test_both_recordings_are_needed(self):
        self.refuse(words=["--primary", "--secondary"])
        self.refuse("--primary", self.good, words=["--secondary"])
        self.refuse("--secondary", self.good, words=["--primary"])

    def test_unknown_options_and_arguments_are_named(self):
        pair = ("--primary", self.good, "--secondary", self.good)
        self.refuse(*pair, "--colour", words=["--colour"])
        self.refuse(*pair, "surplus.pcap", words=["surplus.pcap"])
        self.refuse(*pair, "--", "surplus.pcap", words=["surplus.pcap"])
        self.refuse(*pair, "--compare-timeout", words=["compare-timeout"])
        for switch in ("--json", "--align"):
            self.refuse(*pair, switch + "=no", words=[switch])

    def test_bad_values_are_refused(self):
        pair = ("--primary", self.good, "--secondary", self.good)
        for option in ("--compare-timeout", "--max-connections", "--max-queue-bytes"):
            for value in ("", "0", "-1", "many", "1x", "99999999999999999999"):
                with self.subTest(option=option, value=value):
                    self.refuse(*pair, f"{option}={value}", words=[option.lstrip("-")])
        for address in ("", "10.0.0", "10.0.0.256", "52:54:00:00:00", "2001:db8::/64", "guest"):
            with self.subTest(guest=address):
                self.refuse(*pair, "--guest", address, words=["--guest"])

    def test_only_one_side_can_be_standard_input(self):
        self.refuse("--primary", "-", "--secondary", "-", words=["standard input"])

    def test_unusable_paths_are_named(self):
        for path in (self.path("missing.pcap"), self.folder, ""):
            for sides in ((path, self.good), (self.good, path)):
                with self.subTest(path=path, first=sides[0] == path):
                    self.refuse("--primary", sides[0], "--secondary", sides[1], words=[path])

    def test_an_unreadable_file_is_named(self):
        os.chmod(self.good, 0)
        if os.access(self.good, os.R_OK):
            self.skipTest("root reads anything")
        self.refuse("--primary", self.good, "--secondary", self.good, words=[self.good])

    def test_released_never_overwrites_a_recording(self):
        link = self.path("link.pcap")
        os.link(self.good, link)
        for path in (self.good, link):
            self.refuse("--primary", self.good, "--secondary", self.good, "--released", path,
                        words=["--released"])
        with open(self.good, "rb") as file:
            self.assertEqual(captures.read_pcap(file.read()), A_PAIR)

    def test_released_overwrites_neither_standard_input_nor_output(self):
        with open(self.good, "rb") as stdin:
            done = subprocess.run([BINARY, "replay", "--primary", "-", "--secondary", self.good,
                                   "--released", self.good], stdin=stdin, capture_output=True)
        self.assertEqual(done.returncode, 2)
        self.refuse("--primary", self.good, "--secondary", self.good, "--released", "-",
                    words=["--released"])

    def test_released_that_cannot_be_written_is_an_error(self):
        pair = ("--primary", self.good, "--secondary", self.good)
        nowhere = self.path("no/such/folder.pcap")
        self.refuse(*pair, "--released", nowhere, words=[nowhere])
        self.refuse(*pair, "--released", "/dev/full", words=["/dev/full"])

    def test_an_output_that_is_gone_is_an_error(self):
        full = os.open("/dev/full", os.O_WRONLY)
        self.addCleanup(os.close, full)
        done = subprocess.run([BINARY, "replay", "--primary", self.good, "--secondary",
                               self.good, "--json"], stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"standard output", done.stderr)

    def test_help_is_no_error(self):
        for arguments in (["--help"], ["replay", "--help"], ["--version"]):
            outcome = run(arguments)
            self.assertEqual((outcome.status, outcome.stderr), (0, ""))
            self.assertTrue(outcome.stdout)
        self.assertEqual(run([]).status, 2)
        self.assertEqual(run(["replays"]).status, 2)

    def test_options_may_come_in_any_form_and_order(self):
        outcome = run(["replay", "--json", f"--secondary={self.good}", "--align", "--primary",
                       self.good, "--guest", GUEST, "--guest=" + GUEST6])
        self.assertEqual(outcome.status, 0, outcome.stderr)


class StandardInput(Case):
    def test_either_side_can_come_from_it(self):
        data = pcap(texts(b"one", b"two"))
        other = pcap(texts(b"one", b"two", first=MS))
        for primary, secondary, stdin in (("-", other, data), (data, "-", other)):
            result = self.result(primary, secondary, stdin=stdin)
            self.assertEqual((result["verdict"], result["primary"]["frames"],
                              result["secondary"]["frames"]), ("identical", 2, 2))

    def test_errors_call_it_by_its_name(self):
        self.refused(self.replay("-", pcap(A_PAIR), stdin=b"garbage, garbage, garbage, garbage"),
                     "standard input", "offset 0")
        self.refused(self.replay("-", pcap(A_PAIR), stdin=b""), "standard input")


class Verdict(Case):
    def test_identical_is_0_and_diverged_1(self):
        same = texts(b"one", b"two")
        self.assertEqual(self.replay(pcap(same), pcap(same)).status, 0)
        self.assertEqual(self.replay(pcap(same), pcap(texts(b"one", b"tw0"))).status, 1)

    def test_the_summary_for_people_shows_what_differs(self):
        outcome = self.replay(pcap(texts(b"one", b"two")), pcap(texts(b"one", b"twx")), *GUEST_OPTION)
        for word in ("diverged", "divergence", "udp", GUEST + ":53", PEER + ":40000",
                     "74 77 6f", "74 77 78", "2 output", "1 flows"):
            self.assertIn(word, outcome.stdout)
        self.assertNotIn("\033", outcome.stdout)
        self.assertEqual(outcome.stderr, "")

    def test_warnings_are_not_part_of_the_json(self):
        data = pcap(texts(b"one", b"two"))
        outcome = self.replay(data[:-1], data[:-1], "--json")
        self.assertEqual(outcome.status, 0)
        self.assertIn("warning", outcome.stderr)
        self.assertEqual(outcome.json["primary"]["frames"], 1)


class Json(Case):
    def test_names_and_types_of_the_whole_object(self):
        outcome = self.replay(pcap(A_PAIR), pcap(A_PAIR), "--json", *GUEST_OPTION)
        self.assertEqual(outcome.stdout.count("\n"), 1)
        result = outcome.json
        self.assertEqual(list(result), ["verdict", "primary", "secondary", "flows", "checkpoints",
                                        "counters"])
        self.assertEqual(result["primary"], {"frames": 1, "output": 1, "released": 1})
        self.assertEqual(result["secondary"], {"frames": 1, "output": 1})
        self.assertEqual((result["flows"], result["checkpoints"]), (1, []))
        for name, value in result["counters"].items():
            self.assertRegex(name, "^[a-z0-9-]+$")
            self.assertIs(type(value), int)

    def test_a_divergence_names_flow_time_and_offset(self):
        result = self.result(texts(b"....", b"good"), texts(b"....", b"goat"), *GUEST_OPTION)
        flow = {"proto": "udp", "guest": "10.0.0.2:53", "peer": "10.0.0.1:40000"}
        self.assertEqual(result["checkpoints"], [
            {"reason": "divergence", "time": 0.021, "flow": flow, "offset": 2}])

    def checkpoint(self, *frames, options=GUEST_OPTION):
        """What is said of primary output that has no twin."""
        result = self.result([Record(0, f) for f in frames], [], *options)
        return result["checkpoints"][0]

    def test_addresses_of_every_kind_of_flow(self):
        mac = ("--guest", "52:54:00:00:00:02")
        for frame, proto, guest, peer in (
                (answer(b"x"), "udp", "10.0.0.2:53", "10.0.0.1:40000"),
                (answer(b"x", GUEST6, PEER6), "udp", "[2001:db8::2]:53", "[2001:db8::1]:40000"),
                (Connection(5).output(0, b"x"), "tcp", "10.0.0.2:80", "10.0.0.1:40000"),
                (Connection(5, guest=GUEST6, peer=PEER6).output(0, b"x"), "tcp",
                 "[2001:db8::2]:80", "[2001:db8::1]:40000"),
                (echo_reply(b"x"), "icmp", "10.0.0.2", "10.0.0.1"),
                (echo_reply(b"x", GUEST6, PEER6), "icmpv6", "2001:db8::2", "2001:db8::1"),
                (ip(GUEST, PEER, 47, b"gre"), "ip-47", "10.0.0.2", "10.0.0.1"),
                (ip(GUEST6, PEER6, 132, b"sctp"), "ip-132", "2001:db8::2", "2001:db8::1"),
                # An IPv4 packet may carry protocol 58: that is no ICMPv6 message, but its number is.
                (ip(GUEST, PEER, 253, b"test"), "ip-253", "10.0.0.2", "10.0.0.1")):
            with self.subTest(proto=proto, guest=guest):
                checkpoint = self.checkpoint(frame, options=mac)
                self.assertEqual(checkpoint["reason"], "timeout")
                self.assertEqual(checkpoint["flow"], {"proto": proto, "guest": guest, "peer": peer})

    def test_frames_that_are_not_ip_have_no_flow(self):
        checkpoint = self.checkpoint(ethernet(0x88B5, b"experiment"),
                                     options=("--guest", "52:54:00:00:00:02"))
        self.assertEqual((checkpoint["reason"], checkpoint["flow"]), ("timeout", None))

    def test_vlan_only_when_tagged(self):
        tagged = self.checkpoint(answer(b"x", vlan=100))
        self.assertEqual(tagged["flow"]["vlan"], 100)
        self.assertEqual(self.checkpoint(answer(b"x"))["flow"].keys(), {"proto", "guest", "peer"})
        priority = self.checkpoint(answer(b"x", vlan=0))  # names a priority, not a VLAN
        self.assertNotIn("vlan", priority["flow"])

    def test_vlans_tell_flows_apart(self):
        result = self.result(texts(b"x", vlan=1) + texts(b"x", first=1, vlan=2),
                             texts(b"x", vlan=2) + texts(b"x", first=1, vlan=2))
        self.assertEqual(result["flows"], 2)
        self.assertEqual([c["flow"]["vlan"] for c in result["checkpoints"]], [1])

    def test_time_is_a_number_of_seconds_since_the_first_frame(self):
        second = 10**9
        primary = [Record(50 * second, answer(b"lonely"))]
        secondary = [Record(48 * second + 250 * MS, answer(b"other", ports=(1, 2)))]
        result = self.result(primary, secondary, *GUEST_OPTION)
        self.assertEqual(result["checkpoints"][0]["time"], 1.75 + 3)
        result = self.result(primary, secondary, "--compare-timeout", "500", *GUEST_OPTION)
        self.assertEqual(result["checkpoints"][0]["time"], 1.75 + 0.5)
        result = self.result(primary, secondary, "--align", *GUEST_OPTION)
        self.assertEqual(result["checkpoints"][0]["time"], 3)

    def test_passed_frames_are_output_but_no_flow_unless_ip(self):
        arp = ethernet(0x0806, bytes.fromhex("0001080006040001525400000002") + bytes([10, 0, 0, 2])
                       + bytes(6) + bytes([10, 0, 0, 1]))
        lldp = ethernet(0x88CC, bytes(30))
        igmp = ip(GUEST, "224.0.0.22", 2, bytes.fromhex("22000000") + bytes(4))
        primary = [Record(i, f) for i, f in enumerate((arp, lldp, igmp))]
        result = self.result(primary, [], "--guest", "52:54:00:00:00:02")
        self.assertEqual(result["primary"], {"frames": 3, "output": 3, "released": 3})
        self.assertEqual((result["flows"], result["verdict"]), (1, "identical"))
        counters = result["counters"]
        self.assertEqual([counters["passed-" + n] for n in ("arp", "lldp", "igmp")], [1, 1, 1])

    def test_nothing_recorded_is_identical(self):
        result = self.result([], [])
        self.assertEqual((result["primary"]["frames"], result["flows"]), (0, 0))


class Guests(Case):
    def setUp(self):
        super().setUp()
        question = udp(PEER, GUEST, (40000, 53), b"?")
        self.recording = [Record(0, question), Record(MS, answer(b"yes"))]
        six = udp(PEER6, GUEST6, (40000, 53), b"?")
        self.both = self.recording + [Record(2 * MS, six),
                                      Record(3 * MS, answer(b"yes", GUEST6, PEER6))]

    def outputs(self, *guests):
        options = [o for g in guests for o in ("--guest", g)]
        result = self.result(self.both, self.both, *options)
        self.assertEqual(result["primary"]["frames"], 4)
        self.assertEqual(result["primary"]["output"], result["secondary"]["output"])
        return result["primary"]["output"]

    def test_mac_and_addresses_add_up(self):
        self.assertEqual(self.outputs("52:54:00:00:00:02"), 2)
        self.assertEqual(self.outputs("52-54-00-00-00-02"), 2)
        self.assertEqual(self.outputs(GUEST), 1)
        self.assertEqual(self.outputs(GUEST6), 1)
        self.assertEqual(self.outputs("2001:DB8:0::2"), 1)
        self.assertEqual(self.outputs(GUEST, GUEST6), 2)
        self.assertEqual(self.outputs(GUEST, GUEST, "52:54:00:00:00:02"), 2)
        self.assertEqual(self.outputs("192.0.2.1"), 0)

    def test_without_guest_two_directions_are_two_flows(self):
        result = self.result(self.recording, self.recording)
        self.assertEqual((result["primary"]["output"], result["flows"]), (2, 2))
        result = self.result(self.recording[:1], [])
        self.assertEqual(result["checkpoints"][0]["flow"],
                         {"proto": "udp", "guest": "10.0.0.1:40000", "peer": "10.0.0.2:53"})

    def test_a_tcp_connection_without_guest_is_two_flows(self):
        p, s = Connection(1000), Connection(5_000_000)

        def recording(c, late):
            frames = (c.syn(), c.syn_ack(), c.input(0, b"GET /"), c.output(0, b"200", read=5),
                      c.input(5, read=3))
            return [Record(late + i * 10 * MS, f) for i, f in enumerate(frames)]

        result = self.result(recording(p, 0), recording(s, MS))
        self.assertEqual((result["verdict"], result["flows"]), ("identical", 2))
        result = self.result(recording(p, 0), recording(s, MS), *GUEST_OPTION)
        self.assertEqual((result["verdict"], result["flows"]), ("identical", 1))


class Released(Case):
    def released(self, primary, secondary, *options):
        path = self.path("released.pcap")
        result = self.result(primary, secondary, "--released", path, *options)
        with open(path, "rb") as file:
            records = captures.read_pcap(file.read())
        self.assertEqual(len(records), result["primary"]["released"])
        return records

    def test_each_frame_with_its_release_time_in_release_order(self):
        a, b = answer(b"a", ports=(1, 1)), answer(b"b", ports=(2, 2))
        primary = [Record(0, a), Record(1, b)]
        secondary = [Record(7 * MS + 3, b), Record(9 * MS + 1, a)]
        self.assertEqual(self.released(primary, secondary),
                         [Record(7 * MS + 3, b), Record(9 * MS + 1, a)])

    def test_what_has_its_twin_already_leaves_when_it_comes(self):
        frame = answer(b"late")
        self.assertEqual(self.released([Record(5 * MS, frame)], [Record(0, frame)]),
                         [Record(5 * MS, frame)])

    def test_a_timeout_releases_at_its_own_time(self):
        frame = answer(b"lonely")
        self.assertEqual(self.released([Record(5, frame)], [], "--compare-timeout", "40"),
                         [Record(5 + 40 * MS, frame)])

    def test_bytes_as_captured(self):
        padded = answer(b"x") + b"\x01\x02 padding"
        cut = Record(2, answer(b"0123456789" * 10)[:80], wire=142)
        primary = [Record(1, padded), cut]
        released = self.released(primary, [Record(1, answer(b"x")), cut])
        self.assertEqual(released[0], primary[0])
        self.assertEqual((released[1].data, released[1].wire), (cut.data, 142))

    def test_input_is_not_released(self):
        question = Record(0, udp(PEER, GUEST, (40000, 53), b"?"))
        reply = Record(1, answer(b"yes"))
        self.assertEqual(self.released([question, reply], [question, reply], *GUEST_OPTION), [reply])

    def test_aligned_recordings_keep_the_primarys_dates(self):
        frame = answer(b"x")
        hour = 3600 * 10**9
        self.assertEqual(self.released([Record(hour, frame)], [Record(3 * hour, frame)], "--align"),
                         [Record(hour, frame)])


class RecordedPairs(Case):
    """pcaps/: what real kernels said."""

    def test_every_pair_is_judged_as_expected(self):
        names = sorted(n for n in os.listdir(PCAPS)
                       if os.path.exists(os.path.join(PCAPS, n, "expected.json")))
        self.assertGreater(len(names), 30)
        for name in names:
            with self.subTest(pair=name):
                self.judge(os.path.join(PCAPS, name))

    def judge(self, folder):
        with open(os.path.join(folder, "expected.json"), encoding="ascii") as file:
            expected = json.load(file)
        sides = [os.path.join(folder, n + ".pcap") for n in ("primary", "secondary")]
        released = self.path("released.pcap")
        outcome = self.replay(*sides, "--json", "--released", released, *expected["arguments"])
        self.assertEqual(outcome.stderr, "")
        self.assertEqual(outcome.status, expected["exit"])
        result = outcome.json
        self.assertEqual(result["verdict"], expected["verdict"])
        reasons = {c["reason"] for c in result["checkpoints"]}
        self.assertLessEqual(set(expected["reasons"]), reasons)
        for checkpoint in result["checkpoints"]:
            self.assertIn(checkpoint["flow"]["proto"], expected["protocols"])
        self.compare_released(sides[0], released, result)

    def compare_released(self, primary, released, result):
        """All of the primary's output, each frame once."""
        self.assertEqual(result["primary"]["released"], result["primary"]["output"])
        with open(primary, "rb") as file:
            recorded = captures.read_pcap(file.read())
        with open(released, "rb") as file:
            out = captures.read_pcap(file.read())
        self.assertEqual(len(recorded), result["primary"]["frames"])
        mac = bytes.fromhex("525400770002")
        output = [r for r in recorded if r.data[6:12] == mac]
        if len(output) == result["primary"]["output"]:  # --guest with an address leaves ARP out
            self.assertEqual(sorted(r.data for r in out), sorted(r.data for r in output))
        self.assertEqual([r.time for r in out], sorted(r.time for r in out))


if __name__ == "__main__":
    unittest.main()
