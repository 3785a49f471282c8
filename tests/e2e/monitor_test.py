# SPDX-License-Identifier: GPL-2.0-or-later
"""The monitor of `colo-proxy run`: QMP, the text monitor, `colo-proxy monitor`, OpenMetrics."""
import json
import socket
import time
import unittest

import program
from frames import answer
from hosted import HostedCase, chardev, marker, stream
from metrics import scraped
from qmp import PATIENCE, Lines, eventually

OBJECTS = [*stream("up0"), *stream("hn0", "peer=up0"), *chardev("pri"), *chardev("sec"), *chardev("out"),
           *chardev("xen"), *chardev("copy"), *chardev("free"),
           "-object", "filter-mirror,id=m0,netdev=hn0,queue=tx,outdev=copy",
           "-object", "filter-rewriter,id=w0,netdev=hn0",
           "-object", "colo-compare,id=comp0,primary_in=pri,secondary_in=sec,outdev=out,notify_dev=xen,"
                      "compare_timeout=86400000"]
COMMANDS = """qmp_capabilities query-version query-commands qom-list qom-get qom-set qom-list-properties object-add
    object-del chardev-add chardev-remove quit query-colo-proxy colo-proxy-flows colo-proxy-passthrough-add
    colo-proxy-passthrough-del query-colo-proxy-passthrough colo-proxy-checkpoint colo-proxy-start colo-proxy-stop
    colo-proxy-failover colo-proxy-reprotect""".split()
REASONS = {"divergence", "timeout", "table-full", "queue-full", "peer", "manual", "periodic", "policy-change"}
MIB = 1 << 20


class Monitored(HostedCase):
    def start(self, *more):
        self.running = self.proxy(*OBJECTS, *more)
        self.qmp = self.running.qmp

    def compared(self):
        """The wires of the comparison, with a frame through it."""
        pri, sec, out = (self.running.wire(name) for name in ("pri", "sec", "out"))
        pri.send(marker())
        self.assertEqual(out.frame(), marker())
        return pri, sec, out

    def lines(self, path="qmp"):
        lines = Lines(self.path(path))
        self.addCleanup(lines.close)
        return lines

    def refused(self, request, kind="GenericError"):
        """In what words."""
        response = self.qmp.request(request)
        self.assertEqual(response["error"]["class"], kind, response)
        return response["error"]["desc"]


class Conversation(Monitored):
    def test_begins_with_a_greeting(self):
        self.start()
        greeting = self.qmp.greeting["QMP"]
        self.assertEqual(greeting["capabilities"], [])
        version = greeting["version"]["qemu"]
        self.assertTrue(all(isinstance(version[part], int) for part in ("major", "minor", "micro")))
        self.assertEqual(self.qmp("query-version"), greeting["version"])

    def test_wants_capabilities_first_and_once(self):
        self.start()
        client = self.running.client(negotiate=False)
        for command in ("query-version", "quit", "nonsense"):
            error = client.request({"execute": command, "id": 5})
            self.assertEqual((error["error"]["class"], error["id"]), ("CommandNotFound", 5))
        for enable, named in (("x", "enable"), (["oob"], "oob"), ([1], "enable")):
            wrong = client.request({"execute": "qmp_capabilities", "arguments": {"enable": enable}})
            self.assertIn(named, wrong["error"]["desc"])
        self.assertEqual(client.request({"execute": "qmp_capabilities"}), {"return": {}})
        self.assertEqual(client.request({"execute": "qmp_capabilities"})["error"]["class"], "CommandNotFound")
        client("query-version")

    def test_echoes_ids_of_every_kind(self):
        self.start()
        for given in (0, -1, 1.5, "x", "", None, True, [1, [2]], {"a": {"b": None}}):
            with self.subTest(given):
                self.assertEqual(self.qmp.request({"execute": "query-version", "id": given})["id"], given)
                self.assertEqual(self.qmp.request({"execute": "nonsense", "id": given})["id"], given)
        self.assertNotIn("id", self.qmp.request({"execute": "query-version"}))

    def test_answers_in_order_what_is_sent_at_once(self):
        self.start()
        requests = b"".join(b'{"execute":"query-version","id":%d}' % i + b" \n\r"[i % 3:] for i in range(500))
        self.qmp.lines.send(requests)
        self.assertEqual([self.qmp.response()["id"] for _ in range(500)], list(range(500)))

    def test_takes_requests_in_any_pieces(self):
        self.start()
        for byte in b"{'execute': 'query-version',\n 'id': 'it''s'}\n".replace(b"''s", b"s"):
            self.qmp.lines.send(bytes([byte]))
        self.assertEqual(self.qmp.response()["id"], "its")

    def test_gives_a_client_that_closes_its_half_all_answers(self):
        self.start()
        lines = self.lines()
        lines.send(b'{"execute":"qmp_capabilities"}' + b'{"execute":"query-commands"}' * 200)
        lines.end_of_requests()
        answers = [json.loads(line) for line in lines.read_all().splitlines()]
        self.assertEqual(len(answers), 202)
        self.assertTrue(all("error" not in answer for answer in answers))

    def test_ends_with_a_client_that_goes_in_the_middle(self):
        self.start()
        for request in (b'{"execute":"qmp_capabilities"}{"execute":"query-comm', b"{", b"[[[", b'"', b""):
            lines = self.lines()
            lines.send(request)
            lines.close()
        eventually(lambda: self.qmp("query-monitor")[0]["clients"] == 1, "the others' end")

    def test_is_held_with_a_hundred_clients_at_once(self):
        self.start()
        clients = [self.running.client() for _ in range(100)]
        for client in clients:
            client.lines.send(b'{"execute":"query-colo-proxy","id":1}' * 10)
        for client in clients:
            self.assertEqual([client.response()["id"] for _ in range(10)], [1] * 10)
        self.qmp("qom-set", path="/objects/m0", property="status", value="off")
        for client in clients:
            self.assertEqual(client.get("/objects/m0", "status"), "off")

    def test_turns_away_clients_above_the_limit_and_counts_them(self):
        self.start()
        self.qmp("query-version")
        many = [self.lines() for _ in range(128)]
        greeted = sum(bool(lines.read()) for lines in many)
        many += [self.lines() for _ in range(20)]
        greeted += sum(bool(lines.read()) for lines in many[128:])
        self.assertEqual(greeted, 127)
        (server,) = self.qmp("query-monitor")
        self.assertEqual((server["clients"], server["refused"]), (128, 21))
        for lines in many:
            lines.close()
        eventually(lambda: self.qmp("query-monitor")[0]["clients"] == 1, "their end")
        self.running.client()("query-version")

    def test_goes_on_with_others_when_one_does_not_read(self):
        self.start()
        lines = self.lines()
        lines.send(b'{"execute":"qmp_capabilities"}')
        lines.socket.setblocking(False)
        with self.assertRaises(BlockingIOError):
            for _ in range(100_000):
                lines.send(b'{"execute":"colo-proxy-command-help"}' * 100)
        self.assertEqual(self.qmp.get("/objects/m0", "status"), "on")

    def test_events_carry_the_time_and_go_to_all_who_negotiated(self):
        self.start()
        other, silent = self.running.client(), self.running.client(negotiate=False)
        before = time.time()
        xen = self.running.wire("xen")
        xen.send(b"COLO_CHECKPOINT")
        for client in (self.qmp, other):
            event = client.message()
            self.assertEqual(event["event"], "COLO_PROXY_CHECKPOINT")
            self.assertEqual(set(event), {"event", "timestamp", "data"})
            stamp = event["timestamp"]
            self.assertTrue(0 <= stamp["microseconds"] < 10**6)
            self.assertTrue(before - 1 <= stamp["seconds"] + stamp["microseconds"] / 1e6 <= time.time() + 1)
        self.assertEqual(silent.request({"execute": "qmp_capabilities"}), {"return": {}})


class Nonsense(Monitored):
    def test_is_one_error_and_the_conversation_goes_on(self):
        self.start()
        for data in (b"hello\n", b"{\n\x00\n", b"[]\n", b"42\n", b'"x"\n', b"{}\n", b"{]\n", b'{"execute"}\n', b"nul\n",
                     b'{"execute":}\n', b'{"execute":"query-version",}\n', b'{"execute":"\xc3\x28"}\n', b"\xff",
                     b'{"execute":"query-version","arguments":7}\n', b'{"execute":["query-version"]}\n',
                     b'{"execute":"query-version","colour":"red"}\n', b'{"exec-oob":"query-version"}\n',
                     b'{"execute":"query-version","id":1,"id":2,"arguments":[]}\n'):
            with self.subTest(data):
                self.refused(data)
                self.qmp.lines.send(b"\n")
                self.assertEqual(self.qmp.request({"execute": "query-version", "id": 9})["id"], 9)

    def test_of_a_megabyte_is_one_error(self):
        self.start()
        long = b"x" * (MIB + MIB // 2)
        for data in (b'{"execute":"query-version","id":"' + long + b'"}\n', long + b"\n", b" " * MIB + long + b"\n",
                     b'{"execute":"' + long + b'"}\n'):
            with self.subTest(data[:20]):
                self.assertIn(str(MIB), self.refused(data))
                self.assertEqual(self.qmp.request({"execute": "query-version", "id": 9})["id"], 9)

    def test_just_short_of_a_megabyte_is_taken(self):
        self.start()
        given = "x" * (MIB - 100)
        self.assertEqual(self.qmp.request({"execute": "query-version", "id": given})["id"], given)

    def test_of_any_depth_is_one_error(self):
        self.start()
        for data in (b"[" * 200_000 + b"]" * 200_000, b"[" * 200_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
                     b'{"execute":"query-version","id":' + b"[" * 100 + b"]" * 100 + b"}"):
            with self.subTest(data[:20]):
                self.assertIn("levels", self.refused(data + b"\n"))
                self.assertEqual(self.qmp.request({"execute": "query-version", "id": 9})["id"], 9)

    def test_of_many_members_is_one_error(self):
        self.start()
        request = {"execute": "object-add", "arguments": {f"k{i}": i for i in range(20_000)}}
        self.refused(request)
        self.qmp("query-version")


class Commands(Monitored):
    def test_of_the_contract_are_all_there(self):
        self.start()
        names = {command["name"] for command in self.qmp("query-commands")}
        self.assertEqual(set(COMMANDS) - names, set())

    def test_that_nobody_knows_are_named(self):
        self.start()
        self.assertIn("make-coffee", self.refused({"execute": "make-coffee"}, "CommandNotFound"))
        self.refused({"execute": ""}, "CommandNotFound")

    WRONG = [
        ("qom-get", {}, ["path"]),
        ("qom-get", {"path": "/objects/m0"}, ["property"]),
        ("qom-get", {"path": 1, "property": "status"}, ["path", "string"]),
        ("qom-get", {"path": "/objects/m0", "property": "status", "colour": 1}, ["colour"]),
        ("qom-get", {"path": "/objects/nobody", "property": "status"}, ["nobody"]),
        ("qom-get", {"path": "/objects/m0", "property": "colour"}, ["colour"]),
        ("qom-get", {"path": "", "property": "status"}, ["''"]),
        ("qom-set", {"path": "/objects/m0", "property": "status"}, ["value"]),
        ("qom-set", {"path": "/objects/m0", "property": "status", "value": "perhaps"}, ["m0", "status"]),
        ("qom-set", {"path": "/objects/m0", "property": "status", "value": 1}, ["m0", "status"]),
        ("qom-set", {"path": "/objects/m0", "property": "status", "value": None}, ["status"]),
        ("qom-set", {"path": "/objects/m0", "property": "status", "value": {}}, ["status"]),
        ("qom-set", {"path": "/objects/m0", "property": "netdev", "value": "up0"}, ["netdev"]),
        ("qom-set", {"path": "/objects/comp0", "property": "compare_timeout", "value": -5}, ["compare_timeout"]),
        ("qom-set", {"path": "/objects/comp0", "property": "compare_timeout", "value": 1.5}, ["compare_timeout"]),
        ("qom-set", {"path": "/objects/comp0", "property": "compare_timeout", "value": 2**64 - 1}, ["compare_timeout"]),
        ("qom-list", {}, ["path"]),
        ("qom-list", {"path": "/nowhere"}, ["nowhere"]),
        ("qom-list-properties", {"typename": "filter-nonsense"}, ["filter-nonsense"]),
        ("object-add", {"id": "x"}, ["qom-type"]),
        ("object-add", {"qom-type": "filter-dump"}, ["id"]),
        ("object-add", {"qom-type": "filter-nonsense", "id": "x"}, ["filter-nonsense"]),
        ("object-add", {"qom-type": "filter-rewriter", "id": "w0", "netdev": "hn0"}, ["w0"]),
        ("object-add", {"qom-type": "filter-rewriter", "id": "w9", "netdev": "hn9"}, ["w9", "hn9"]),
        ("object-add", {"qom-type": "filter-rewriter", "id": "w9", "netdev": {"a": 1}}, ["netdev"]),
        ("object-add", {"qom-type": "filter-rewriter", "id": "w9", "netdev": "hn0", "colour": "red"}, ["w9", "colour"]),
        ("object-add", {"qom-type": "filter-mirror", "id": "m9", "netdev": "hn0", "outdev": "copy"}, ["m9", "copy"]),
        ("object-del", {"id": "nobody"}, ["nobody"]),
        ("chardev-add", {"id": "c9"}, ["backend"]),
        ("chardev-add", {"id": "c9", "backend": {}}, ["type"]),
        ("chardev-add", {"id": "c9", "backend": {"type": "pty", "data": {}}}, ["socket"]),
        ("chardev-add", {"id": "c9", "backend": {"type": "options"}}, ["socket"]),
        ("chardev-add", {"id": "c9", "backend": {"type": "options", "data": "pty"}}, ["socket"]),
        ("chardev-add", {"id": "c9", "backend": {"type": "socket"}}, ["path"]),
        ("chardev-add", {"id": "c9", "backend": {"type": "socket", "data": 5}}, ["data"]),
        ("chardev-add", {"id": "c9", "backend": {"type": "socket", "data": {"addr": 5}}}, ["addr"]),
        ("chardev-add", {"id": "c9", "backend": {"type": "socket", "data": {"colour": "red"}}}, ["c9"]),
        ("chardev-add", {"id": "copy", "backend": {"type": "socket", "data": {
            "addr": {"type": "unix", "data": {"path": "elsewhere"}}, "server": True}}}, ["copy"]),
        ("chardev-remove", {"id": "nobody"}, ["nobody"]),
        ("chardev-remove", {"id": "copy"}, ["copy", "busy"]),
        ("colo-proxy-start", {}, ["colo-proxy-start"]),
        ("colo-proxy-stop", {}, ["colo-proxy-stop"]),
        ("colo-proxy-reprotect", {}, ["colo-proxy-reprotect"]),
        ("colo-proxy-failover", {"force": "yes"}, ["force"]),
        ("query-colo-proxy", {"verbose": True}, ["verbose"]),
    ]

    def test_with_wrong_arguments_say_which(self):
        self.start()
        for command, arguments, words in self.WRONG:
            with self.subTest(command=command, arguments=arguments):
                message = self.refused({"execute": command, "arguments": arguments})
                for word in words:
                    self.assertIn(word, message)
                self.assertNotIn("exception", message)

    def test_with_wrong_arguments_leave_nothing_behind(self):
        self.start()
        listed = lambda: [self.qmp("qom-list", path=path) for path in ("/objects", "/chardevs", "/netdevs")]
        before = listed()
        for command, arguments, _ in self.WRONG:
            self.qmp.request({"execute": command, "arguments": arguments})
        self.assertEqual(listed(), before)
        self.assertFalse(self.exists("elsewhere"))


class Objects(Monitored):
    def names(self, path):
        return {entry["name"] for entry in self.qmp("qom-list", path=path)}

    def test_are_listed_with_their_types_and_properties(self):
        self.start()
        self.assertLessEqual({"objects", "chardevs", "netdevs"}, self.names("/"))
        types = {entry["name"]: entry["type"] for entry in self.qmp("qom-list", path="/objects")}
        self.assertEqual(types, {"m0": "child<filter-mirror>", "w0": "child<filter-rewriter>",
                                 "comp0": "child<colo-compare>"})
        self.assertLessEqual({"netdev", "queue", "status", "position", "insert", "outdev", "vnet_hdr_support"},
                             self.names("/objects/m0"))
        self.assertEqual(self.names("/netdevs"), {"up0", "hn0"})

    def test_tell_every_property_they_list(self):
        self.start()
        for path in ("/objects/m0", "/objects/w0", "/objects/comp0"):
            for entry in self.qmp("qom-list", path=path):
                with self.subTest(path=path, property=entry["name"]):
                    self.assertIsInstance(self.qmp.get(path, entry["name"]), (str, int))

    def test_of_a_type_tell_what_properties_they_have(self):
        self.start()
        for kind, some in (("filter-mirror", {"netdev", "queue", "status", "outdev"}),
                           ("filter-redirector", {"indev", "outdev", "vnet_hdr_support"}),
                           ("filter-rewriter", {"netdev", "status"}), ("filter-dump", {"file", "maxlen"}),
                           ("colo-compare", {"primary_in", "compare_timeout"}), ("iothread", {"type"}),
                           ("colo-link", {"state", "problem", "server"}), ("tls-creds-x509", {"dir", "endpoint"})):
            with self.subTest(kind):
                properties = self.qmp("qom-list-properties", typename=kind)
                self.assertLessEqual(some, {entry["name"] for entry in properties})

    def test_of_a_type_are_those_of_its_objects(self):
        self.start()
        for path in ("/objects/m0", "/objects/w0", "/objects/comp0"):
            kind = self.qmp.get(path, "type")
            self.assertEqual(self.qmp("qom-list-properties", typename=kind), self.qmp("qom-list", path=path))

    def test_switch_by_words_and_flags(self):
        self.start()
        for value, reads in (("off", "off"), ("on", "on"), (False, "off"), (True, "on")):
            self.qmp.set("/objects/w0", "status", value)
            self.assertEqual(self.qmp.get("/objects/w0", "status"), reads)
        self.assertEqual(self.qmp.get("w0", "status"), "on")

    def test_are_made_and_removed_as_in_colos_documentation(self):
        self.start()
        done = {"return": {}}
        self.assertEqual(self.qmp.request(
            b"{'execute': 'chardev-add', 'arguments': {'id': 'mirror0', 'backend': {'type': 'socket', 'data': {"
            b"'addr': {'type': 'inet', 'data': {'host': '127.0.0.1', 'port': '0'}}, 'server': true}}}}\n"), done)
        self.assertEqual(self.qmp.request(
            b"{'execute': 'object-add', 'arguments': {'qom-type': 'filter-mirror', 'id': 'm1', 'insert': 'before', "
            b"'position': 'id=w0', 'netdev': 'hn0', 'queue': 'tx', 'outdev': 'mirror0'}}\n"), done)
        self.assertEqual(self.qmp.get("/objects/m1", "outdev"), "mirror0")
        self.assertIn("busy", self.refused({"execute": "chardev-remove", "arguments": {"id": "mirror0"}}))
        for command, name in (("object-del", "m1"), ("chardev-remove", "mirror0")):
            self.assertEqual(self.qmp(command, id=name), {})
        self.assertEqual(self.names("/objects"), {"m0", "w0", "comp0"})
        self.assertNotIn("mirror0", self.names("/chardevs"))

    def test_that_qmp_makes_a_socket_of_listen_unless_told_otherwise(self):
        self.start()
        self.qmp("chardev-add", id="c9", backend={"type": "socket", "data": {
            "addr": {"type": "unix", "data": {"path": "c9"}}}})
        self.assertTrue(self.exists("c9"))
        self.qmp("chardev-remove", id="c9")
        self.assertFalse(self.exists("c9"))

    def test_come_and_go_without_end(self):
        self.start()
        for _ in range(200):
            self.qmp("object-add", {"qom-type": "filter-redirector"}, id="r9", netdev="hn0", queue="rx",
                     outdev="free")
            self.qmp("object-del", id="r9")
        self.qmp("object-del", id="comp0")
        self.assertEqual(self.qmp.status()["mode"], "idle")
        self.assertIn("colo-compare", self.refused({"execute": "colo-proxy-checkpoint"}))
        self.qmp("object-add", {"qom-type": "colo-compare"}, id="comp0", primary_in="pri", secondary_in="sec",
                 outdev="out", compare_timeout=5000)
        self.assertEqual(self.qmp.status()["mode"], "lockstep")
        self.assertEqual(self.qmp.get("/objects/comp0", "compare_timeout"), 5000)


class Status(Monitored):
    SHAPE = {
        "mode": str, "role": str, "epoch": int, "peer": str,
        "flows": {"tracked", "half-open", "closing", "untracked-held"},
        "queued": {"primary-frames", "primary-bytes", "secondary-frames", "secondary-bytes"},
        "frames": {"primary", "secondary", "released", "passed", "dropped"},
        "hold-us": {"p50", "p99", "max"}, "checkpoints": REASONS,
    }

    def test_has_exactly_the_members_of_the_contract(self):
        self.start()
        status = self.qmp.status()
        self.assertEqual(set(status), set(self.SHAPE))
        for name, shape in self.SHAPE.items():
            if isinstance(shape, set):
                self.assertEqual(set(status[name]), shape)
                self.assertEqual(set(map(type, status[name].values())), {int})
            else:
                self.assertIs(type(status[name]), shape)
        self.assertIn(status["mode"], ("lockstep", "simple", "unprotected", "idle"))

    def test_counts_what_happens(self):
        self.start()
        pri, sec, out = self.compared()
        pri.send(answer(b"1"), answer(b"2"), answer(b"3", ports=(9, 9)))
        sec.send(answer(b"1"), answer(b"4", ports=(8, 8)))
        self.assertEqual(out.frame(), answer(b"1"))
        eventually(lambda: self.qmp.status()["frames"]["secondary"] == 2, "two of the secondary")
        status = self.qmp.status()
        self.assertEqual(status["frames"],
                         {"primary": 4, "secondary": 2, "released": 2, "passed": 1, "dropped": 0})
        size = len(answer(b"1"))
        self.assertEqual(status["queued"], {"primary-frames": 2, "primary-bytes": 2 * size,
                                            "secondary-frames": 1, "secondary-bytes": size})
        self.assertEqual(status["flows"]["tracked"], 3)
        self.assertEqual((status["mode"], status["epoch"]), ("lockstep", 0))
        xen = self.running.wire("xen")
        self.qmp("colo-proxy-checkpoint")
        self.assertEqual(xen.frame(), b"DO_CHECKPOINT")
        xen.send(b"COLO_CHECKPOINT")
        self.assertEqual(self.qmp.event("COLO_PROXY_CHECKPOINT")["reason"], "manual")
        status = self.qmp.status()
        self.assertEqual((status["epoch"], status["frames"]["released"]), (1, 4))
        self.assertEqual({reason: n for reason, n in status["checkpoints"].items() if n}, {"manual": 1})
        self.assertEqual(status["queued"]["primary-frames"], 0)


class Metrics(Monitored):
    def scrape(self):
        return scraped(self.lines("metrics"))

    def test_are_the_figures_of_query_colo_proxy(self):
        self.start("-metrics", "unix:metrics")
        pri, sec, out = self.compared()
        pri.send(answer(b"1"), answer(b"2"))
        sec.send(answer(b"1"), answer(b"4", ports=(8, 8)))
        self.assertEqual(out.frame(), answer(b"1"))
        eventually(lambda: self.qmp.status()["frames"]["secondary"] == 2, "two of the secondary")
        status, samples = self.qmp.status(), self.scrape()
        self.assertEqual(self.qmp.status(), status)
        for member, family in (("frames", "colo_proxy_frames_total"), ("flows", "colo_proxy_flows"),
                               ("checkpoints", "colo_proxy_checkpoints_total")):
            for name, value in status[member].items():
                self.assertEqual(samples[family, name], value, (member, name))
        for unit in ("frames", "bytes"):
            for side in ("primary", "secondary"):
                self.assertEqual(samples[f"colo_proxy_queued_{unit}", side], status["queued"][f"{side}-{unit}"])
        self.assertEqual(samples["colo_proxy_epoch", None], status["epoch"])
        self.assertEqual(samples["colo_proxy_mode", status["mode"]], 1)
        self.assertEqual(samples["colo_proxy_hold_microseconds", "0.5"], status["hold-us"]["p50"])
        self.assertEqual(samples["colo_proxy_hold_microseconds", "0.99"], status["hold-us"]["p99"])

    def test_of_another_kind_are_refused(self):
        self.start("-metrics", "unix:metrics")
        for request in (b"nonsense\r\n\r\n", b"POST /metrics HTTP/1.1\r\n\r\n", b"GET /nothing HTTP/1.1\r\n\r\n",
                        b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n"):
            with self.subTest(request[:20]):
                lines = self.lines("metrics")
                lines.send(request)
                self.assertRegex(lines.read().decode(), r"^HTTP/1\.1 4\d\d ")
        self.scrape()

    def test_go_over_tcp_on_this_machine(self):
        self.start("-metrics", "tcp:127.0.0.1:0")
        address = self.qmp("query-monitor")[1]["address"]
        host, _, port = address.removeprefix("tcp:").rpartition(":")
        with socket.create_connection((host, int(port)), PATIENCE) as client:
            client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            self.assertTrue(client.recv(100).startswith(b"HTTP/1.1 200"))


class Elsewhere(program.Case):
    def test_errors_name_the_option_of_the_subcommand(self):
        pair = ["--vm", "v", "--uplink", "unix:u", "--link", "unix:l", "--qmp", "q", "--migrate", "m", "--incoming", "i"]
        commands = [(["primary", *pair], ("--monitor", "--text-monitor", "--metrics")),
                    (["secondary", *pair], ("--monitor", "--text-monitor", "--metrics")),
                    (["tunnel", "listen", "--link", "unix:l", "--to", "unix:t"], ("--monitor",))]
        for command, options in commands:
            for option in options:
                value = "unix:no/where" if option == "--metrics" else "no/where"
                with self.subTest(command=command[0], option=option):
                    outcome = program.run([*command, option, value], cwd=self.folder)
                    self.assertEqual(outcome.status, 1, outcome.stderr)
                    self.assertIn(f"colo-proxy {command[0]}: {option} unix:no/where: ", outcome.stderr)


class Text(Monitored):
    PROMPT = b"(colo-proxy) "

    def talk(self):
        lines = self.lines("text")
        self.assertIn(b"colo-proxy", lines.read(self.PROMPT))

        def say(words):
            lines.send(words.encode() + b"\n")
            return lines.read(self.PROMPT)[:-len(self.PROMPT)].decode()
        return say

    def test_has_words_for_all_commands(self):
        self.start("-monitor", "unix:text,server=on,wait=off")
        say = self.talk()
        self.assertIn("lockstep", say("info colo"))
        self.assertEqual(say("info flows").strip(), "flows: -")
        self.assertIn("m0", say("qom-list /objects"))
        self.assertEqual(say("qom-get /objects/m0 status").strip(), "on")
        self.assertEqual(say("qom-set /objects/m0 status off"), "")
        self.assertEqual(self.qmp.get("/objects/m0", "status"), "off")
        say("qom_set path=/objects/m0 property=status value=on")
        self.assertEqual(self.qmp.get("/objects/m0", "status"), "on")
        self.assertEqual(say("qom-set /objects/comp0 compare_timeout 500"), "")
        self.assertEqual(self.qmp.get("/objects/comp0", "compare_timeout"), 500)
        self.assertEqual(say("chardev_add socket,id=c9,path=c9,server=on,wait=off"), "")
        self.assertEqual(say("object_add filter-redirector,id=r9,netdev=hn0,queue=rx,outdev=c9,status=off"), "")
        self.assertEqual(self.qmp.get("/objects/r9", "status"), "off")
        self.assertEqual(say("object_del r9"), "")
        self.assertEqual(say("chardev_remove c9"), "")
        self.assertEqual(say("colo-proxy-passthrough-add dns proto=udp guest-port=53"), "")
        self.assertIn("dns", say("info colo-proxy-passthrough"))
        self.assertEqual(say("colo_proxy_passthrough_del dns"), "")
        self.assertEqual(say("colo_proxy_checkpoint"), "")
        self.assertIn("qom-set", say("help"))

    def test_says_what_is_wrong(self):
        self.start("-monitor", "unix:text")
        say = self.talk()
        for words, named in (("make coffee", "make"), ("info coffee", "coffee"),
                             ("qom-get /objects/nobody status", "nobody"),
                             ("qom-get", "path"), ("qom-set /objects/m0 status perhaps", "status"),
                             ("object_add filter-nonsense,id=x", "filter-nonsense"), ("object_add", "missing"),
                             ("chardev_add pty,id=x", "socket"), ("chardev_add", "missing"),
                             ("qom-get 'open", "quote"),
                             ("x" * 70_000, "65536")):
            with self.subTest(words[:40]):
                answer_ = say(words)
                self.assertTrue(answer_.startswith("Error: "), answer_)
                self.assertIn(named, answer_)
                self.assertNotIn("exception", answer_)

    def test_may_be_on_standard_input(self):
        outcome = program.run(["run", *OBJECTS, "-monitor", "stdio"], b"qom-get /objects/m0 status\nquit\n",
                              cwd=self.folder)
        self.assertEqual(outcome.status, 0, outcome.stderr)
        self.assertIn("on\n", outcome.stdout)


class Client(Monitored):
    """`colo-proxy monitor SOCKET`, as scripts use it."""

    def client(self, script=None, *lines, path="qmp"):
        return program.run(["monitor", self.path(path), *lines], script)

    def test_runs_a_script_from_standard_input(self):
        self.start()
        outcome = self.client(b"# a comment\n\nqom-get /objects/m0 status\nqom-set /objects/m0 status off\n"
                              b'{"execute": "qom-get", "arguments": {"path": "/objects/m0", "property": "status"}}\n')
        self.assertEqual((outcome.status, outcome.stderr), (0, ""))
        first, second = outcome.stdout.splitlines()
        self.assertEqual((first, json.loads(second)), ("on", {"return": "off"}))

    def test_runs_commands_from_its_arguments(self):
        self.start()
        outcome = self.client(None, "info colo", "qom-get /objects/m0 queue")
        self.assertEqual(outcome.status, 0, outcome.stderr)
        self.assertIn("mode: lockstep\n", outcome.stdout)
        self.assertTrue(outcome.stdout.endswith("tx\n"))

    def test_tells_by_its_status_that_a_command_failed_and_goes_on(self):
        self.start()
        outcome = self.client(b"make coffee\nqom-get /objects/m0 status\n")
        self.assertEqual((outcome.status, outcome.stdout), (1, "on\n"))
        self.assertIn("make", outcome.stderr)

    def test_may_end_the_process(self):
        self.start()
        self.assertEqual(self.client(b"quit\n").status, 0)
        self.assertEqual(self.running.wait(), 0)

    def test_without_a_monitor_says_so(self):
        outcome = self.client(b"", path="nobody")
        self.assertEqual(outcome.status, 1)
        self.assertIn("nobody", outcome.stderr)


if __name__ == "__main__":
    unittest.main()
