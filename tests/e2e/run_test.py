# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line of `colo-proxy run`, its chardevs and its netdevs."""
import random
import signal
import socket
import struct
import unittest

import captures
from captures import Record, pcap, pcapng
from frames import GUEST, PEER, PEER6, GUEST6, UDP, Connection, answer, pseudo, checksum, udp
from hosted import HostedCase, chardev, marker, stream
from program import MS
from qmp import PATIENCE, QmpError, eventually
from wire import Wire

LARGEST = 69632
REQUEST = udp(PEER, GUEST, (40000, 53), b"request")
COMPARE = "colo-compare,id=comp0,primary_in=pri,secondary_in=sec,outdev=out"


def free_ports(count):
    """Ports that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class CommandLine(HostedCase):
    def test_options_come_in_any_order(self):
        """Among objects, too: what others need is made first, as in QEMU."""
        options = [chardev("pri"), chardev("sec"), chardev("out"), chardev("copy"), stream("hn0"),
                   ("-object", "filter-mirror,id=m0,netdev=hn0,queue=tx,outdev=copy"),
                   ("-object", "iothread,id=iothread1"), ("-object", COMPARE + ",iothread=iothread1")]
        for seed in range(6):
            random.Random(seed).shuffle(options)
            with self.subTest([option for _, option in options]):
                proxy = self.proxy(*(word for option in options for word in option))
                names = {entry["name"] for entry in proxy.qmp("qom-list", path="/objects")}
                self.assertEqual(names, {"m0", "comp0", "iothread1"})
                self.assertEqual(proxy.stop(), 0, proxy.messages())

    def test_a_client_may_stand_before_its_server(self):
        port = free_ports(1)[0]
        for address in ("path=c0", f"host=127.0.0.1,port={port}"):
            server = ["-chardev", f"socket,id=s0,{address},server=on,wait=on"]
            client = ["-chardev", f"socket,id=c0,{address}"]
            for options in (server + client, client + server):
                with self.subTest(options):
                    proxy = self.proxy(*options)
                    self.assertTrue(all(c["connected"] for c in proxy.qmp("query-chardev")))
                    self.assertEqual(proxy.stop(), 0, proxy.messages())

    def test_a_client_that_cannot_connect_is_told_of_once(self):
        port = free_ports(1)[0]
        for address, name in (("path=nobody", "unix:nobody"), (f"host=127.0.0.1,port={port}", f"tcp:127.0.0.1:{port}")):
            with self.subTest(address):
                self.assertEqual(self.ends(1, "-chardev", "socket,id=c0," + address).count(name), 1)
        proxy = self.proxy()
        proxy.qmp("chardev-add", id="c0", backend={"type": "socket", "data": {
            "server": False, "addr": {"type": "inet", "data": {"host": "127.0.0.1", "port": str(port)}}}})
        eventually(lambda: f"c0': cannot connect to tcp:127.0.0.1:{port}" in proxy.messages(), "a message")

    def test_keys_come_in_any_order_and_one_dash_is_as_good_as_two(self):
        proxy = self.proxy("--chardev", "wait=off,server=on,path=copy,id=copy,backend=socket",
                           "--netdev", "addr.path=hn0,server=on,addr.type=unix,type=stream,id=hn0",
                           "--object", "outdev=copy,netdev=hn0,id=m0,qom-type=filter-mirror")
        self.assertEqual(proxy.qmp.get("/objects/m0", "outdev"), "copy")

    def test_a_comma_is_doubled(self):
        proxy = self.proxy("-chardev", "socket,id=copy,path=a,,b,server=on,wait=off")
        proxy.qmp("query-version")
        self.assertTrue(self.exists("a,b"))

    def test_unknown_options_are_bad_usage(self):
        for words in (["-nonsense"], ["-object"], ["nonsense"], ["-device", "e1000"], ["-qmp"], [""], ["-"]):
            with self.subTest(words):
                self.assertIn(repr(words[0]).replace('"', "'"), self.ends(2, *words))

    def test_help_is_no_error(self):
        self.assertEqual(self.proxy("-help", monitor=False).wait(), 0)

    WRONG = [
        (["-chardev", "socket,id=c0,path=x,server=on,wait=off,colour=red"], ["c0", "colour"]),
        (["-chardev", "socket,path=x"], ["id"]),
        (["-chardev", "socket,id=c0"], ["c0", "path"]),
        (["-chardev", "socket,id=c0,path=x,host=h,port=1"], ["c0", "host"]),
        (["-chardev", "socket,id=c0,host=127.0.0.1"], ["c0", "port"]),
        (["-chardev", "socket,id=c0,host=127.0.0.1,port=65536"], ["c0", "port", "65536"]),
        (["-chardev", "pty,id=c0"], ["c0", "pty"]),
        (["-chardev", "socket,id=c0,path=x,server=maybe"], ["c0", "server", "maybe"]),
        (["-chardev", "socket,id=c0,path=x,server=on,reconnect=1"], ["c0", "reconnect"]),
        (["-chardev", "socket,id=c0,path=" + "x" * 200], ["c0", "path"]),
        (["-chardev", "socket,id=c0,path=nobody"], ["c0", "nobody"]),
        ([*chardev("c0"), *chardev("c0")], ["c0"]),
        (["-netdev", "user,id=hn0"], ["hn0", "user"]),
        (["-netdev", "stream,id=hn0,server=on,addr.type=unix,addr.path=x,speed=9"], ["hn0", "speed"]),
        (["-netdev", "stream,id=hn0,server=on,addr.type=carrier"], ["hn0", "carrier"]),
        (["-netdev", "pcap,id=hn0"], ["hn0", "file"]),
        (["-netdev", "pcap,id=hn0,file=missing.pcap"], ["hn0", "missing.pcap"]),
        ([*stream("hn0", "peer=up0")], ["hn0", "up0"]),
        ([*stream("hn0", "peer=hn0")], ["hn0", "peer"]),
        ([*stream("hn0"), *stream("hn0")], ["hn0"]),
        (["-object", "filter-nonsense,id=f0"], ["filter-nonsense"]),
        (["-object", "filter-dump,netdev=hn0,file=d"], ["id"]),
        (["-object", "filter-dump,id=0f,netdev=hn0,file=d"], ["0f"]),
        (["-object", "filter-mirror,id=m0,netdev=nobody,outdev=c0"], ["m0", "outdev", "c0"]),
        ([*chardev("c0"), "-object", "filter-mirror,id=m0,netdev=nobody,outdev=c0"], ["m0", "netdev", "nobody"]),
        ([*chardev("c0"), "-object", "filter-mirror,id=m0,outdev=c0"], ["m0", "netdev"]),
        ([*stream("hn0"), "-object", "filter-mirror,id=m0,netdev=hn0"], ["m0", "outdev"]),
        ([*stream("hn0"), "-object", "filter-redirector,id=r0,netdev=hn0"], ["r0", "indev"]),
        ([*stream("hn0"), "-object", "filter-dump,id=d0,netdev=hn0"], ["d0", "file"]),
        ([*stream("hn0"), "-object", "filter-dump,id=d0,netdev=hn0,file=no/where"], ["d0", "no/where"]),
        ([*stream("hn0"), "-object", "filter-rewriter,id=w0,netdev=hn0,queue=up"], ["w0", "queue", "up"]),
        ([*stream("hn0"), "-object", "filter-rewriter,id=w0,netdev=hn0,position=id=x"], ["w0", "position", "'x'"]),
        ([*stream("hn0"), "-object", "filter-rewriter,id=w0,netdev=hn0,position=here"], ["w0", "position", "here"]),
        ([*stream("hn0"), "-object", "filter-rewriter,id=w0,netdev=hn0,insert=on"], ["w0", "insert", "on"]),
        ([*stream("hn0"), "-object", "filter-rewriter,id=w0,netdev=hn0,status=perhaps"], ["w0", "status"]),
        ([*stream("hn0"), "-object", "filter-rewriter,id=w0,netdev=hn0,colour=red"], ["w0", "colour"]),
        ([*chardev("pri"), *chardev("sec"), *chardev("out"), "-object", COMPARE + ",iothread=io9"], ["comp0", "io9"]),
        ([*chardev("pri"), *chardev("sec"), *chardev("out"), "-object", COMPARE + ",colour=red"], ["comp0", "colour"]),
        ([*chardev("pri"), *chardev("sec"), *chardev("out"), "-object", COMPARE + ",compare_timeout=soon"],
         ["comp0", "compare_timeout", "soon"]),
        ([*chardev("pri"), *chardev("out"), "-object", COMPARE], ["comp0", "secondary_in", "sec"]),
        ([*chardev("pri"), "-object", "colo-compare,id=c,primary_in=pri,secondary_in=pri,outdev=o"], ["secondary_in"]),
        (["-object", "iothread,id=i0", "-object", "iothread,id=i0"], ["i0"]),
        (["-qmp", "unix:qmp,colour=red"], ["-qmp", "colour"]),
        (["-qmp", "pigeon:qmp"], ["-qmp", "pigeon"]),
        (["-qmp", "unix:no/where"], ["-qmp", "no/where"]),
        (["-metrics", "metrics"], ["-metrics", "unix:PATH or tcp:HOST:PORT is needed"]),
        (["-metrics", "tcp:192.0.2.1:0"], ["-metrics", "192.0.2.1"]),
    ]

    def test_unknown_keys_types_and_ids_are_named(self):
        for options, words in self.WRONG:
            with self.subTest(options):
                message = self.ends(1, *options)
                for word in words:
                    self.assertIn(word, message)

    def test_a_chardev_serves_one_object(self):
        message = self.ends(1, *chardev("c0"), *stream("hn0"),
                            *("-object", "filter-mirror,id=m0,netdev=hn0,outdev=c0") ,
                            *("-object", "filter-mirror,id=m1,netdev=hn0,outdev=c0"))
        self.assertIn("m1", message)
        self.assertIn("c0", message)


class Process(HostedCase):
    def test_ends_in_order_at_a_signal(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                proxy = self.proxy(*chardev("c0"), *stream("hn0"))
                proxy.qmp("query-version")
                self.assertEqual(proxy.stop(number), 0)
                for name in ("c0", "hn0", "qmp"):
                    self.assertFalse(self.exists(name), name)

    def test_what_is_under_way_when_the_signal_comes_is_sent(self):
        """The frames and the signal wake it up together."""
        proxy = self.proxy(*stream("hn0", "peer=up0"), *stream("up0"))
        vm, uplink = proxy.wire("hn0"), proxy.wire("up0")
        vm.send(marker())
        self.assertEqual(uplink.frame(), marker())
        proxy.process.send_signal(signal.SIGSTOP)
        frames = [answer(b"%d" % number) for number in range(1000)]
        vm.send(*frames)
        proxy.process.send_signal(signal.SIGTERM)
        proxy.process.send_signal(signal.SIGCONT)
        self.assertEqual(uplink.frames(len(frames)), frames)
        self.assertEqual(proxy.wait(), 0)

    def test_ends_at_a_signal_while_it_waits_for_a_client(self):
        proxy = self.proxy("-chardev", "socket,id=c0,path=c0,server=on,wait=on")
        proxy.qmp("query-version")
        self.assertEqual(proxy.stop(), 0)

    def test_ends_at_quit(self):
        proxy = self.proxy()
        self.assertEqual(proxy.qmp("quit"), {})
        self.assertEqual(proxy.wait(), 0)

    def test_replaces_socket_files_that_nobody_listens_on(self):
        for name in ("qmp", "c0", "hn0", "text", "metrics"):
            with socket.socket(socket.AF_UNIX) as left_behind:
                left_behind.bind(self.path(name))
        proxy = self.proxy(*chardev("c0"), *stream("hn0"), "-monitor", "unix:text", "-metrics", "unix:metrics",
                           "-object", "filter-mirror,id=m0,netdev=hn0,queue=rx,outdev=c0")
        wire, copy = proxy.wire("hn0"), proxy.wire("c0")
        wire.send(marker())
        self.assertEqual(copy.frame(), marker())

    def test_replaces_no_socket_that_somebody_listens_on(self):
        proxy = self.proxy(*chardev("c0"))
        proxy.qmp("query-version")
        for options in (["-qmp", "unix:qmp,server=on,wait=off"], chardev("c0")):
            with self.subTest(options):
                self.assertIn("listens there", self.ends(1, *options))
        proxy.qmp("query-version")

    def test_replaces_no_other_file(self):
        self.file("c0", b"precious")
        self.assertIn("c0", self.ends(1, *chardev("c0")))
        with open(self.path("c0"), "rb") as file:
            self.assertEqual(file.read(), b"precious")


class ColoDocumentation(HostedCase):
    """The command lines of QEMU's docs/COLO-FT.txt, with netdevs of ours and other ports."""

    def start(self):
        mirror, secondary, own, out = free_ports(4)
        self.primary = self.proxy(
            *stream("up0"), *stream("hn0", "peer=up0"),
            "-chardev", f"socket,id=mirror0,host=127.0.0.1,port={mirror},server=on,wait=off",
            "-chardev", f"socket,id=compare1,host=127.0.0.1,port={secondary},server=on,wait=on",
            "-chardev", f"socket,id=compare0,host=127.0.0.1,port={own},server=on,wait=off",
            "-chardev", f"socket,id=compare0-0,host=127.0.0.1,port={own}",
            "-chardev", f"socket,id=compare_out,host=127.0.0.1,port={out},server=on,wait=off",
            "-chardev", f"socket,id=compare_out0,host=127.0.0.1,port={out}",
            "-object", "filter-mirror,id=m0,netdev=hn0,queue=tx,outdev=mirror0",
            "-object", "filter-redirector,netdev=hn0,id=redire0,queue=rx,indev=compare_out",
            "-object", "filter-redirector,netdev=hn0,id=redire1,queue=rx,outdev=compare0",
            "-object", "iothread,id=iothread1",
            "-object", "colo-compare,id=comp0,primary_in=compare0-0,secondary_in=compare1,"
                       "outdev=compare_out0,iothread=iothread1,compare_timeout=86400000")
        self.primary.qmp("query-version")
        other = lambda name: f"stream,id={name},server=on,addr.type=unix,addr.path=s-{name}"
        self.secondary = self.proxy(
            "-netdev", other("hn0"), "-qmp", "unix:s-qmp",
            "-chardev", f"socket,id=red0,host=127.0.0.1,port={mirror},reconnect=1",
            "-chardev", f"socket,id=red1,host=127.0.0.1,port={secondary},reconnect=1",
            "-object", "filter-redirector,id=f1,netdev=hn0,queue=tx,indev=red0",
            "-object", "filter-redirector,id=f2,netdev=hn0,queue=rx,outdev=red1",
            "-object", "filter-rewriter,id=rew0,netdev=hn0,queue=all", monitor=False)
        self.secondary.await_socket(self.path("s-qmp"))
        self.client = self.primary.wire("up0")
        self.pvm = self.primary.wire("hn0")
        self.svm = Wire(self.path("s-hn0"))
        self.addCleanup(self.svm.close)
        self.await_pair()

    def await_pair(self):
        """Until then redirectors without a peer let all frames pass."""
        connected = lambda: all(c["connected"] for c in self.primary.qmp("query-chardev"))
        eventually(connected, "all chardevs")

    def test_makes_a_pair_that_answers_as_one(self):
        self.start()
        p, s = Connection(1000), Connection(70_000)
        self.client.send(p.syn())
        self.assertEqual([vm.frame() for vm in (self.pvm, self.svm)], [p.syn()] * 2)
        self.svm.send(s.syn_ack())
        self.pvm.send(p.syn_ack())
        self.assertEqual(self.client.frame(), p.syn_ack())
        self.client.send(p.input(0, b"request"))
        self.assertEqual(self.pvm.frame(), p.input(0, b"request"))
        self.assertEqual(self.svm.frame(), s.input(0, b"request"))
        self.pvm.send(p.output(0, b"answer", read=7))
        self.pvm.send(marker())
        self.assertEqual(self.client.frame(), marker())
        self.svm.send(s.output(0, b"answer", read=7))
        self.assertEqual(self.client.frame(), p.output(0, b"answer", read=7))

    def test_shows_a_divergence(self):
        self.start()
        self.pvm.send(answer(b"yes"))
        self.svm.send(answer(b"no!"))
        self.assertEqual(self.primary.qmp.event("COLO_PROXY_DIVERGENCE")["flow"]["guest"], GUEST + ":53")


class Redirected(HostedCase):
    """Frames from a chardev go to a netdev: the shortest way through."""

    def start(self, vnet=None, server=True, count=1):
        with_vnet = ",vnet_hdr_support=on" if vnet is not None else ""
        options = [*stream("hn0")]
        for i in range(count):
            options += [*(chardev(f"in{i}") if server else ("-chardev", f"socket,id=in{i},path=in{i},reconnect=1")),
                        "-object", f"filter-redirector,id=f{i},netdev=hn0,queue=tx,indev=in{i}{with_vnet}"]
        self.running = self.proxy(*options)
        self.vm = self.running.wire("hn0")


class Framing(Redirected):
    def test_any_cutting_of_the_stream_is_the_same(self):
        self.start()
        wire = self.running.wire("in0")
        frames = [answer(bytes([i]) * i) for i in range(40)]
        data = b"".join(wire.framed(frame) for frame in frames)
        for step in (1, 3, 7, 1000, len(data)):
            with self.subTest(step=step):
                for at in range(0, len(data), step):
                    wire.raw(data[at:at + step])
                self.assertEqual(self.vm.frames(40), frames)

    def test_frames_of_every_size_pass(self):
        self.start()
        wire = self.running.wire("in0")
        for size in (1, 2, 13, 14, 60, 1514, 4095, 4096, 65535, 65536, LARGEST):
            with self.subTest(size=size):
                frame = bytes(i & 0xFF for i in range(size))
                wire.send(frame)
                self.assertEqual(self.vm.frame(), frame)

    def close_only_theirs(self, vnet, lies):
        """Each ends its connection after what was right before it; others go on, and a new one is served."""
        self.start(vnet, count=2)
        other = self.running.wire("in1", vnet)
        for lie in lies:
            with self.subTest(lie[:8].hex()):
                wire = self.running.wire("in0", vnet)
                wire.raw(wire.framed(REQUEST) + lie)
                self.assertEqual(self.vm.frame(), REQUEST)
                self.assertTrue(wire.is_closed())
                other.send(marker(1))
                self.assertEqual(self.vm.frame(), marker(1))
                self.assertIn("in0", self.running.messages())
        again = self.running.wire("in0", vnet)
        again.send(marker(2))
        self.assertEqual(self.vm.frame(), marker(2))

    def test_lengths_that_lie_end_the_connection(self):
        rest = bytes(100)
        self.close_only_theirs(None, [struct.pack(">I", n) + rest
                                      for n in (0, LARGEST + 1, 1 << 24, 1 << 31, 0xFFFFFFFF)])

    def test_lengths_of_the_vnet_header_that_lie_end_the_connection(self):
        rest = bytes(100)
        self.close_only_theirs(12, [struct.pack(">II", *lie) + rest
                                    for lie in ((60, 61), (60, 0xFFFFFFFF), (60, 11), (60, 13), (0, 0), (0, 12),
                                                (LARGEST + 1, 12))])

    def test_a_frame_without_an_end_is_none(self):
        self.start()
        for size in (1, 3, 4, 20):
            wire = self.running.wire("in0")
            wire.raw(wire.framed(REQUEST) + wire.framed(REQUEST)[:size])
            self.assertEqual(self.vm.frame(), REQUEST)
            wire.close()
        wire = self.running.wire("in0")
        wire.send(marker())
        self.assertEqual(self.vm.frame(), marker())

    def test_a_vnet_header_stays_behind_where_none_goes(self):
        for front in (0, 10, 12, 20):
            with self.subTest(front=front):
                self.start(front)
                wire = self.running.wire("in0", front)
                wire.send(REQUEST, marker())
                self.assertEqual(self.vm.frames(2), [REQUEST, marker()])
                self.running.stop()

    def test_what_the_guest_left_to_its_card_is_done_where_no_vnet_header_goes(self):
        self.start(12)
        whole = answer(b"checksum to be filled in")
        total = ~checksum(pseudo(GUEST, PEER, UDP, len(whole) - 34)) & 0xFFFF
        partial = whole[:40] + struct.pack(">H", total) + whole[42:]
        header = struct.pack("<BBHHHHH", 1, 0, 0, 0, 34, 6, 0)
        data = header + partial
        wire = self.running.wire("in0")
        wire.raw(struct.pack(">II", len(data), 12) + data)
        self.assertEqual(self.vm.frame(), whole)

    def test_a_vnet_header_that_asks_for_nonsense_drops_the_frame_and_tells(self):
        self.start(12)
        wire = self.running.wire("in0", 12)
        header = struct.pack("<BBHHHHH", 1, 0, 0, 0, 60_000, 6, 0)
        wire.raw(struct.pack(">II", 12 + len(REQUEST), 12) + header + REQUEST)
        wire.send(marker())
        self.assertEqual(self.vm.frame(), marker())
        event = self.running.qmp.event("COLO_PROXY_DROP")
        self.assertEqual(event["count"], 1)
        self.assertIn("hn0", event["where"])
        self.assertIn("vnet", event["reason"])


class Connections(Redirected):
    def test_a_client_that_comes_back_is_served(self):
        self.start()
        for i in range(5):
            wire = self.running.wire("in0")
            wire.send(marker(i))
            self.assertEqual(self.vm.frame(), marker(i))
            wire.close()

    def test_a_second_client_waits_for_its_turn(self):
        self.start()
        first, second = self.running.wire("in0"), self.running.wire("in0")
        second.send(marker(2))
        first.send(marker(1))
        self.assertEqual(self.vm.frame(), marker(1))
        first.close()
        self.assertEqual(self.vm.frame(), marker(2))

    def test_ours_come_back_when_told_to(self):
        listener = self.listener("in0")
        self.start(server=False)
        for i in range(2):
            wire = listener.accept()
            wire.send(marker(i))
            self.assertEqual(self.vm.frame(), marker(i))
            wire.close()

    def test_the_vms_netdev_may_come_back(self):
        self.start()
        wire = self.running.wire("in0")
        self.vm.close()
        vm = self.running.wire("hn0")
        # The first one's end and the second one's beginning are news of different sockets.
        def arrives():
            wire.send(marker())
            vm.socket.settimeout(0.05)
            try:
                return vm.frame() == marker()
            except TimeoutError:
                return False
        eventually(arrives, "a frame to the second one")

    def test_frames_to_nobody_are_counted_and_told(self):
        self.start()
        self.vm.close()
        wire = self.running.wire("in0")
        eventually(lambda: wire.send(marker()) or self.running.qmp.events_so_far("COLO_PROXY_DROP"), "an event")
        event = self.running.qmp.event("COLO_PROXY_DROP")
        self.assertEqual(event["reason"], "not-connected")
        self.assertIn("hn0", event["where"])

    def test_a_server_with_wait_on_holds_up_nobody_but_its_start(self):
        proxy = self.proxy(*stream("hn0"), "-chardev", "socket,id=in0,path=in0,server=on,wait=on",
                           "-object", "filter-redirector,id=f0,netdev=hn0,queue=tx,indev=in0")
        vm, wire = proxy.wire("hn0"), proxy.wire("in0")
        wire.send(marker())
        self.assertEqual(vm.frame(), marker())

    def test_a_client_may_be_that_of_a_server_of_the_same_process_which_waits_for_it(self):
        proxy = self.proxy(*stream("up0"), *stream("hn0", "peer=up0"),
                           "-chardev", "socket,id=there,path=loop,server=on,wait=on",
                           "-chardev", "socket,id=here,path=loop",
                           "-object", "filter-redirector,id=f0,netdev=hn0,queue=tx,outdev=there",
                           "-object", "filter-redirector,id=f1,netdev=hn0,queue=tx,indev=here")
        uplink, vm = proxy.wire("up0"), proxy.wire("hn0")
        uplink.send(REQUEST, marker())
        self.assertEqual(vm.frames(2), [REQUEST, marker()])


class Netdevs(HostedCase):
    def test_streams_carry_frames_both_ways(self):
        proxy = self.proxy(*stream("up0"), *stream("hn0", "peer=up0"))
        uplink, vm = proxy.wire("up0"), proxy.wire("hn0")
        there, back = [marker(i) for i in range(1000)], [marker(10_000 + i) for i in range(1000)]
        uplink.send(*there)
        self.assertEqual(vm.frames(1000), there)
        vm.send(*back)
        self.assertEqual(uplink.frames(1000), back)

    def test_which_of_the_two_has_a_peer_decides_who_is_the_uplink(self):
        proxy = self.proxy(*stream("a", "peer=b"), *stream("b"), *chardev("copy"),
                           "-object", "filter-mirror,id=m0,netdev=a,queue=tx,outdev=copy")
        a, b, copy = proxy.wire("a"), proxy.wire("b"), proxy.wire("copy")
        a.send(marker(1))
        self.assertEqual(b.frame(), marker(1))
        b.send(marker(2))
        self.assertEqual([copy.frame(), a.frame()], [marker(2)] * 2)

    def test_a_stream_netdev_may_be_the_client(self):
        listener = self.listener("vm")
        proxy = self.proxy(*stream("up0"), "-netdev", "stream,id=hn0,addr.type=unix,addr.path=vm,peer=up0")
        vm, uplink = listener.accept(), proxy.wire("up0")
        vm.send(marker())
        self.assertEqual(uplink.frame(), marker())

    def test_datagrams_are_frames(self):
        proxy = self.proxy(*stream("up0"), "-netdev", "dgram,id=hn0,local.type=unix,local.path=ours,"
                           "remote.type=unix,remote.path=theirs,peer=up0")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as vm:
            vm.settimeout(PATIENCE)
            vm.bind(self.path("theirs"))
            uplink = proxy.wire("up0")
            for size in (14, 60, 1514, 60_000):
                vm.sendto(bytes(size), self.path("ours"))
                self.assertEqual(uplink.frame(), bytes(size))
                uplink.send(bytes(size))
                self.assertEqual(vm.recv(1 << 17), bytes(size))

    FRAMES = [marker(1), answer(b"answer"), answer(b"answer", GUEST6, PEER6, vlan=3), bytes(1514)]

    def recorded(self, name):
        with open(self.path(name), "rb") as file:
            return [record.data for record in captures.read_pcap(file.read())]

    def test_a_capture_is_played_and_what_is_sent_is_recorded(self):
        records = [Record(i * MS, frame) for i, frame in enumerate(self.FRAMES)]
        for data in (pcap(records), pcapng(records)):
            for pace in ("on", "off"):
                with self.subTest(pcapng=data[0] == 10, pace=pace):
                    self.file("in.pcap", data)
                    proxy = self.proxy("-netdev", f"pcap,id=up0,file=in.pcap,pace={pace}",
                                       "-netdev", "pcap,id=hn0,record=out.pcap,peer=up0",
                                       "-object", "filter-dump,id=d0,netdev=hn0,file=dump.pcapng")
                    eventually(lambda: proxy.qmp.get("/objects/d0", "frames") == 4 or None, "four frames")
                    proxy.stop()
                    self.assertEqual(self.recorded("out.pcap"), self.FRAMES)

    def test_a_capture_is_played_to_who_is_there(self):
        listener = self.listener("vm")
        self.file("in.pcap", pcap([Record(0, frame) for frame in self.FRAMES]))
        self.proxy("-netdev", "pcap,id=up0,file=in.pcap",
                   "-netdev", "stream,id=hn0,addr.type=unix,addr.path=vm,peer=up0")
        self.assertEqual(listener.accept().frames(4), self.FRAMES)

    def test_a_damaged_capture_is_played_up_to_there_and_the_rest_goes_on(self):
        records = [Record(i, frame) for i, frame in enumerate(self.FRAMES)]
        self.file("in.pcap", pcap(records)[:-10])
        proxy = self.proxy("-netdev", "pcap,id=up0,file=in.pcap", "-netdev", "pcap,id=hn0,record=out.pcap,peer=up0",
                           "-object", "filter-dump,id=d0,netdev=hn0,file=dump.pcapng")
        eventually(lambda: proxy.qmp.get("/objects/d0", "frames") == 3 or None, "three frames")
        eventually(lambda: "up0" in proxy.messages(), "a message")
        proxy.stop()
        self.assertEqual(self.recorded("out.pcap"), self.FRAMES[:3])


if __name__ == "__main__":
    unittest.main()
