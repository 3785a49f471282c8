# SPDX-License-Identifier: GPL-2.0-or-later
"""Two `colo-proxy run` joined by a colo-link, frame by frame: mirrored packets, the secondary's, offsets,
fences, and what happens when the link, or the host at its other end, goes."""
import socket
import struct
import unittest

from frames import GUEST, PEER, PSH, Connection, answer, ethernet, udp
from hosted import HostedCase, Proxy, chardev, marker, stream
from qmp import PATIENCE, QmpError, eventually
from tunnel_test import both, free_port

QUESTION = ethernet(0x0806, struct.pack(">HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, bytes.fromhex("525400000002"),
                                        bytes((10, 0, 0, 2)), bytes(6), bytes((10, 0, 0, 9))))
HEADER = struct.Struct(">IBBBBIIII")
HELLO, GOODBYE, PACKETS, CONTROL, MESSAGE = 1, 2, 1, 2, 3


def ask(payload):
    """A client's datagram."""
    return udp(PEER, GUEST, (40000, 53), payload)


def local(name):
    """A server chardev, and a client of it in the same process."""
    return (*chardev(name), "-chardev", f"socket,id={name}-c,path={name}")


def message(kind, payload=b"", channel=PACKETS, procedure=0, serial=0, epoch=0):
    return HEADER.pack(HEADER.size + len(payload), 1, channel, kind, 0, procedure, serial, 0, epoch) + payload


def hello(capability=b"colo-filters", name=b"stranger"):
    capabilities = bytes((1, 1, len(capability))) + capability + b"\x011"
    return message(MESSAGE, b"cololink\1\1" + struct.pack(">II", 1 << 20, 256) + bytes((len(name),)) + name +
                   capabilities, channel=0, procedure=HELLO)


class Stranger:
    """Whoever else connects to a link."""

    def __init__(self, case, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        case.addCleanup(self.socket.close)

    def send(self, data):
        self.socket.sendall(data)

    def goodbye(self):
        """What it is told at the end."""
        data = b""
        try:
            while piece := self.socket.recv(1 << 16):
                data += piece
        except ConnectionResetError:
            pass
        while data:
            size, _, channel, _, _, procedure = HEADER.unpack(data[:HEADER.size])[:6]
            if (channel, procedure) == (0, GOODBYE):
                return data[HEADER.size:size].decode()
            data = data[size:]
        return None


class Linked(HostedCase):
    server, client = "path=link,server=on", "path=link"
    nics = (0,)

    def primary_options(self, server, more=()):
        options = ["-object", f"colo-link,id=l0,{server}", *chardev("xen"), *more]
        for nic in self.nics:
            options += [*stream(f"pvm{nic}", f"peer=up{nic}"), *stream(f"up{nic}"), *local(f"cmp{nic}"),
                        *local(f"out{nic}"),
                        "-object", f"filter-mirror,id=m{nic},netdev=pvm{nic},queue=tx,link=l0,nic={nic}",
                        "-object", f"filter-redirector,id=ro{nic},netdev=pvm{nic},queue=rx,indev=out{nic}-c",
                        "-object", f"filter-redirector,id=rc{nic},netdev=pvm{nic},queue=rx,outdev=cmp{nic}-c",
                        "-object", f"colo-compare,id=comp{nic},primary_in=cmp{nic},link=l0,nic={nic},"
                        f"outdev=out{nic},compare_timeout=600000" + (",notify_dev=xen" if nic == 0 else "")]
        return options

    def secondary_options(self, client, more=""):
        options = ["-object", f"colo-link,id=l1,{client}"]
        for nic in self.nics:
            options += [*stream(f"svm{nic}", f"peer=sup{nic}"), *stream(f"sup{nic}"),
                        "-object", f"filter-redirector,id=f{nic},netdev=svm{nic},link=l1,nic={nic}",
                        "-object", f"filter-rewriter,id=rw{nic},netdev=svm{nic},link=l1,nic={nic}{more}"]
        return options

    def start(self, server=None, client=None, more="", wait=True):
        self.pri = Proxy(self, *self.primary_options(server or self.server), name="p")
        self.pri.qmp("query-version")
        self.start_secondary(client, more)
        self.pvm, self.up, self.xen = (self.pri.wire(name) for name in ("pvm0", "up0", "xen"))
        if wait:
            self.await_state("connected")
        self.xen.send(b"COLO_USERSPACE_PROXY_INIT")
        self.assertEqual(self.xen.frame(), b"COLO_COMPARE_GET_XEN_INIT")

    def start_secondary(self, client=None, more="", name="s"):
        self.sec = Proxy(self, *self.secondary_options(client or self.client, more), name=name)
        self.svm, self.sup = self.sec.wire("svm0"), self.sec.wire("sup0")

    def await_state(self, state):
        eventually(lambda: self.pri.qmp.get("/objects/l0", "state") == state, f"the primary's link is {state}")
        if state == "connected":
            eventually(lambda: self.sec.qmp.get("/objects/l1", "state") == state, "so is the secondary's")

    def both_get(self, frame):
        self.up.send(frame)
        self.assertEqual(self.pvm.frame(), frame)
        self.assertEqual(self.svm.frame(), frame)

    def both_say(self, frame):
        self.pvm.send(frame)
        self.svm.send(frame)
        self.assertEqual(self.up.frame(), frame)

    def checkpoint(self):
        """Which has been asked for."""
        self.assertEqual(self.xen.frame(), b"DO_CHECKPOINT")
        self.xen.send(b"COLO_CHECKPOINT")

    def shake_hands(self, ports=(80, 40000), pvm_isn=1000, svm_isn=500_000):
        """The two ends of a new connection, as either VM counts them."""
        pvm, svm = Connection(pvm_isn, ports=ports), Connection(svm_isn, ports=ports)
        self.both_get(pvm.syn())
        self.pvm.send(pvm.syn_ack())
        self.svm.send(svm.syn_ack())
        self.assertEqual(self.up.frame(), pvm.syn_ack())
        self.up.send(pvm.input(0))
        self.assertEqual(self.pvm.frame(), pvm.input(0))
        self.assertEqual(self.svm.frame(), svm.input(0))
        return pvm, svm

    def nothing_is_said(self, wire, by):
        """`by` sends a marker that gets there when nothing else did."""
        by.send(marker(7))
        self.assertEqual(wire.up_to(marker(7)), [])


class Frames(Linked):
    def test_input_goes_to_both_vms_and_output_comes_out_once(self):
        self.start()
        for number in range(50):
            self.both_get(ask(b"question %d" % number))
            self.both_say(answer(b"answer %d" % number))
        self.assertEqual(self.pri.qmp.status()["peer"], "connected")
        self.assertEqual(self.pri.qmp.status()["frames"]["released"], 50)

    def test_secondarys_uplink_gives_and_gets_nothing(self):
        self.start()
        self.sup.send(ask(b"from beside the secondary"))
        eventually(lambda: self.sec.qmp.get("/objects/f0", "dropped-uplink") == 1, "it is dropped")
        self.both_say(answer(b"compared"))
        self.both_get(ask(b"from the primary"))
        self.sec.qmp("colo-proxy-failover")
        self.svm.send(marker())
        self.assertNotIn(answer(b"compared"), self.sup.up_to(marker()))

    def test_output_waits_for_the_secondarys(self):
        self.start()
        self.pvm.send(answer(b"one"))
        eventually(lambda: self.pri.qmp.status()["queued"]["primary-frames"] == 1, "it is held")
        self.svm.send(answer(b"one"))
        self.assertEqual(self.up.frame(), answer(b"one"))

    def test_a_burst_keeps_its_order(self):
        self.start()
        frames = [answer(b"%06d" % i + bytes(i % 1400)) for i in range(1000)]
        self.svm.send(*frames)
        self.pvm.send(*frames)
        self.assertEqual(self.up.frames(len(frames)), frames)

    def test_secondarys_question_leaves_by_the_primarys_uplink(self):
        self.start()
        self.svm.send(QUESTION)
        self.assertEqual(self.up.frame(), QUESTION)

    def test_events_name_their_object(self):
        self.start()
        self.pvm.send(answer(b"this"))
        self.svm.send(answer(b"that"))
        self.checkpoint()
        self.assertEqual(self.pri.qmp.event("COLO_PROXY_DIVERGENCE")["object"], "comp0")
        self.assertEqual(self.pri.qmp.event("COLO_PROXY_CHECKPOINT")["object"], "comp0")
        self.assertEqual(self.sec.qmp.get("/objects/l1", "state"), "connected")


class TwoNics(Linked):
    nics = (0, 1)

    def test_each_has_its_own_frames(self):
        self.start()
        pvm, up = self.pri.wire("pvm1"), self.pri.wire("up1")
        svm = self.sec.wire("svm1")
        up.send(ask(b"second"))
        self.assertEqual((pvm.frame(), svm.frame()), (ask(b"second"), ask(b"second")))
        self.both_get(ask(b"first"))
        for wire in (pvm, svm):
            wire.send(answer(b"second"))
        self.assertEqual(up.frame(), answer(b"second"))
        self.both_say(answer(b"first"))


class Offsets(Linked):
    def test_handshake_is_held_until_its_offset_is_told(self):
        self.start()
        pvm, svm = Connection(1000), Connection(500_000)
        self.both_get(pvm.syn())
        self.pvm.send(pvm.syn_ack())
        eventually(lambda: self.pri.qmp.status()["queued"]["primary-frames"] == 1, "the SYN-ACK is held")
        self.svm.send(svm.syn_ack())
        self.assertEqual(self.up.frame(), pvm.syn_ack())
        self.assertEqual(self.pri.qmp.get("/objects/l0", "offsets-out"), 1)

    def test_both_ends_talk_in_their_own_numbers(self):
        self.start()
        pvm, svm = self.shake_hands()
        for offset in range(0, 3000, 1000):
            data = bytes((offset // 1000,)) * 1000
            self.pvm.send(pvm.output(offset, data, PSH))
            self.svm.send(svm.output(offset, data[:400], PSH), svm.output(offset + 400, data[400:], PSH))
            self.assertEqual(self.up.frame(), pvm.output(offset, data, PSH))
            self.up.send(pvm.input(0, read=offset + 1000))
            self.assertEqual(self.pvm.frame(), pvm.input(0, read=offset + 1000))
            self.assertEqual(self.svm.frame(), svm.input(0, read=offset + 1000))

    def test_what_the_secondary_has_no_room_for_waits_and_is_counted(self):
        self.start()
        pvm, svm = self.shake_hands()
        size = 16384  # four are one byte more than a VM's window
        self.up.send(*[pvm.input(size * i, bytes([i]) * size) for i in range(4)])
        eventually(lambda: self.sec.qmp.get("/objects/rw0", "feed-held") == 1, "it is held")
        self.assertEqual([self.svm.frame() for _ in range(3)], [svm.input(size * i, bytes([i]) * size) for i in range(3)])

    def test_at_a_checkpoint_the_secondary_becomes_the_primary(self):
        self.start()
        pvm, svm = self.shake_hands()
        self.pvm.send(pvm.output(0, b"mine", PSH))
        self.svm.send(svm.output(0, b"hers", PSH))
        self.checkpoint()
        self.assertEqual(self.up.frame(), pvm.output(0, b"mine", PSH))
        self.pri.qmp.event("COLO_PROXY_CHECKPOINT")
        self.both_get(pvm.input(0, read=4))
        self.both_say(pvm.output(4, b"the same", PSH))

    def test_what_the_secondary_sent_before_a_fence_does_not_count_behind_it(self):
        self.start()
        self.pvm.send(answer(b"a"))
        self.svm.send(answer(b"b"), answer(b"again"))
        self.checkpoint()
        self.assertEqual(self.up.frame(), answer(b"a"))
        self.pri.qmp.event("COLO_PROXY_CHECKPOINT")
        self.pvm.send(answer(b"again"))
        eventually(lambda: self.pri.qmp.status()["queued"]["primary-frames"] == 1, "it is held")
        self.svm.send(answer(b"again"))
        self.assertEqual(self.up.frame(), answer(b"again"))

    def test_a_full_table_asks_the_primary_for_a_checkpoint(self):
        self.start(more=",max-connections=1")
        first = self.shake_hands()[0]
        pvm, svm = Connection(9000, ports=(80, 40001)), Connection(800_000, ports=(80, 40001))
        self.both_get(pvm.syn())
        self.pvm.send(pvm.syn_ack())
        self.svm.send(svm.syn_ack())
        self.checkpoint()
        self.assertEqual(self.pri.qmp.event("COLO_PROXY_CHECKPOINT")["reason"], "peer")
        self.assertEqual(self.up.up_to(pvm.syn_ack()), [])
        for connection in (first, pvm):
            self.both_get(connection.input(0))
            self.both_say(connection.output(0, b"after", PSH))


class Ends(Linked):
    def test_nothing_leaves_while_the_link_is_down_and_it_comes_back(self):
        self.start()
        self.both_say(answer(b"before"))
        self.sec.kill()
        self.assertEqual(self.pri.qmp.event("COLO_PROXY_PEER")["state"], "connected")
        lost = self.pri.qmp.event("COLO_PROXY_PEER")
        self.assertEqual((lost["state"], lost["object"]), ("lost", "l0"))
        self.assertEqual(self.pri.qmp.status()["peer"], "lost")
        self.pvm.send(answer(b"held"))
        eventually(lambda: self.pri.qmp.status()["queued"]["primary-frames"] == 1, "it is held")
        self.start_secondary(name="t")
        self.await_state("connected")
        self.checkpoint()
        self.assertEqual(self.up.frame(), answer(b"held"))
        self.assertEqual(self.pri.qmp.event("COLO_PROXY_CHECKPOINT")["reason"], "peer")
        self.both_get(ask(b"again"))
        self.both_say(answer(b"again"))

    def test_survivors_output_waits_for_the_failover(self):
        self.start()
        pvm, svm = self.shake_hands()
        self.pri.kill()
        eventually(lambda: self.sec.qmp.get("/objects/l1", "state") == "lost", "the link is lost")
        self.svm.send(svm.output(0, b"nobody has compared this", PSH))
        eventually(lambda: self.sec.qmp.get("/objects/f0", "dropped-unconnected") == 1, "it is dropped")
        self.assertEqual(self.sec.qmp.event("COLO_PROXY_DROP"), {"where": "filter-redirector 'f0'",
                                                                 "reason": "no-primary", "count": 1})
        self.sec.qmp("colo-proxy-failover")
        output = (frame for frame in iter(self.sup.frame, None) if frame[12:14] == b"\x08\0")
        self.assertEqual(next(output), pvm.output(0, b"nobody has compared this", PSH), "it is said again")
        self.svm.send(svm.output(24, b"said by a survivor", PSH))
        self.assertEqual(next(output), pvm.output(24, b"said by a survivor", PSH))
        self.sup.send(pvm.input(0, b"go on", PSH, read=42))
        self.assertEqual(self.svm.frame(), svm.input(0, b"go on", PSH, read=42))

    def test_a_survivor_tells_its_new_secondary_what_remains_of_the_old_numbers(self):
        self.start()
        pvm, svm = self.shake_hands()
        self.pri.kill()
        survivor, vm, up = self.sec, self.svm, self.sup
        survivor.qmp("colo-proxy-failover")
        survivor.qmp("object-del", id="f0")
        for arguments in (
                {"id": "cmp", "backend": {"type": "socket", "data": {"addr": {
                    "type": "unix", "data": {"path": self.path("scmp")}}, "wait": False}}},
                {"id": "out", "backend": {"type": "socket", "data": {"addr": {
                    "type": "unix", "data": {"path": self.path("sout")}}, "wait": False}}},
                {"id": "cmp-c", "backend": {"type": "socket", "data": {"server": False, "addr": {
                    "type": "unix", "data": {"path": self.path("scmp")}}}}},
                {"id": "out-c", "backend": {"type": "socket", "data": {"server": False, "addr": {
                    "type": "unix", "data": {"path": self.path("sout")}}}}}):
            survivor.qmp("chardev-add", arguments)
        for arguments in (
                {"qom-type": "colo-link", "id": "l2", "path": "link2", "server": True},
                {"qom-type": "filter-mirror", "id": "m0", "netdev": "svm0", "queue": "tx", "link": "l2",
                 "position": "head"},
                {"qom-type": "filter-redirector", "id": "ro", "netdev": "svm0", "queue": "rx", "indev": "out-c",
                 "position": "id=m0", "insert": "behind"},
                {"qom-type": "filter-redirector", "id": "rc", "netdev": "svm0", "queue": "rx", "outdev": "cmp-c",
                 "position": "id=ro", "insert": "behind"},
                {"qom-type": "colo-compare", "id": "comp0", "primary_in": "cmp", "link": "l2", "outdev": "out"}):
            survivor.qmp("object-add", arguments)
        survivor.qmp.set("/objects/rw0", "link", "l2")
        self.nics = (1,)
        new = Proxy(self, *[text.replace("nic=1", "nic=0") for text in self.secondary_options("path=link2")], name="n")
        copy = new.wire("svm1")
        eventually(lambda: survivor.qmp.get("/objects/l2", "state") == "connected", "the new link is up")
        eventually(lambda: new.qmp.get("/objects/l1", "offsets-in") == 1, "the base is told")
        # The new secondary is a copy of the survivor, whose own numbers are the old secondary's.
        up.send(pvm.input(0, b"to both", PSH))
        for wire in (vm, copy):
            self.assertEqual(wire.frame(), svm.input(0, b"to both", PSH))
            wire.send(svm.output(0, b"from both", PSH, read=7))
        self.assertEqual(next(frame for frame in iter(up.frame, None) if frame[12:14] == b"\x08\0"),
                         pvm.output(0, b"from both", PSH, read=7))

    def test_a_second_secondary_is_refused_with_a_reason(self):
        self.start()
        stranger = Stranger(self, self.path("link"))
        stranger.send(hello())
        self.assertIn("there is a peer already", stranger.goodbye())
        self.both_say(answer(b"undisturbed"))

    def test_hostile_peers_are_refused_with_a_reason_and_the_next_one_is_served(self):
        self.pri = Proxy(self, *self.primary_options(self.server), name="p")
        self.pri.qmp("query-version")
        mark = message(MESSAGE, procedure=2, epoch=7)
        for bad, why in (
                (hello(b"colo-pair"), "colo-pair"),
                (b"\x16\x03\x01" + bytes(64), "TLS"),
                (message(MESSAGE, b"\1" * 60, procedure=1), "hello"),
                (hello() + message(MESSAGE, procedure=1), "a frame of 0 bytes"),
                (hello() + message(MESSAGE, bytes(44), procedure=3), "offsets that are malformed"),
                (hello() + message(MESSAGE, b"\x0b" + bytes(60), procedure=17), "a vnet header of 11 bytes"),
                (hello() + message(MESSAGE, b"\x0c" + bytes(12), procedure=17), "a frame of 0 bytes"),
                (hello() + message(MESSAGE, bytes(60), procedure=99), "a packet of kind 99"),
                (hello() + mark + message(MESSAGE, b"", CONTROL, procedure=1), "control message 1"),
                (hello() + HEADER.pack(1 << 30, 1, PACKETS, MESSAGE, 0, 1, 0, 0, 0), "length"),
                (hello() + message(9, bytes(8)), "type")):
            with self.subTest(why):
                stranger = Stranger(self, self.path("link"))
                stranger.send(bad)
                self.assertIn(why, stranger.goodbye() or "")
                eventually(lambda: self.pri.qmp.get("/objects/l0", "state") != "connected", "it is gone")
        self.start_secondary()
        self.pvm, self.up = self.pri.wire("pvm0"), self.pri.wire("up0")
        self.await_state("connected")

    def test_a_hostile_peer_may_send_frames_for_nics_that_are_not_there(self):
        self.pri = Proxy(self, *self.primary_options(self.server), name="p")
        self.pri.qmp("query-version")
        stranger = Stranger(self, self.path("link"))
        stranger.send(hello() + b"".join(message(MESSAGE, marker(), procedure=1, serial=nic) for nic in range(1, 1000)))
        eventually(lambda: self.pri.qmp.get("/objects/l0", "unclaimed") == 999, "they are counted")

    def test_orderly_end_says_so(self):
        self.start()
        self.assertEqual(self.sec.stop(), 0)
        self.pri.qmp.event("COLO_PROXY_PEER")
        self.assertIn("colo-link 'l1' was removed", self.pri.qmp.event("COLO_PROXY_PEER")["reason"])


class Tcp(Frames):
    def setUp(self):
        super().setUp()
        port = free_port()
        both(self.path("pki"))
        self.server = f"host=127.0.0.1,port={port},server=on,tls-creds=t0"
        self.client = f"host=127.0.0.1,port={port},tls-creds=t0"

    def creds(self, endpoint, folder="pki"):
        return ["-object", f"tls-creds-x509,id=t0,endpoint={endpoint},dir={self.path(folder)}"]

    def primary_options(self, server, more=()):
        return super().primary_options(server, (*self.creds("server"), *more))

    def secondary_options(self, client, more="", folder="pki"):
        return self.creds("client", folder) + super().secondary_options(client, more)

    def test_nothing_is_in_the_clear(self):
        port = self.client.split(",")[1].split("=")[1]
        self.pri = Proxy(self, *self.primary_options(self.server), name="p")
        self.pri.qmp("query-version")
        with socket.create_connection(("127.0.0.1", int(port))) as plain:
            plain.settimeout(PATIENCE)
            plain.sendall(hello())
            eventually(lambda: "does not speak TLS" in self.pri.messages(), "it is refused")

    def test_a_certificate_of_another_authority_is_refused_with_a_reason(self):
        both(self.path("other"))
        self.secondary_options = lambda client, more="": (
            self.creds("client", "other") + Linked.secondary_options(self, client, more))
        self.start(wait=False)
        eventually(lambda: "certificate" in self.sec.qmp.get("/objects/l1", "problem"), "the secondary says why")
        eventually(lambda: self.pri.qmp.get("/objects/l0", "problem"), "the primary says why")
        self.assertEqual(self.pri.qmp.status()["peer"], "none")

    def test_a_name_that_is_not_allowed_is_refused_with_a_reason(self):
        self.start(server=self.server + ",tls-allow=CN=somebody else", wait=False)
        reason = "'CN=connecting' is not in the list of names allowed"
        eventually(lambda: reason in self.pri.qmp.get("/objects/l0", "problem"), "the primary says why")
        eventually(lambda: reason in self.sec.qmp.get("/objects/l1", "problem"), "the secondary is told")

    def test_a_host_whose_certificate_is_for_another_is_refused(self):
        self.start(client=self.client + ",tls-peer=elsewhere.example", wait=False)
        eventually(lambda: "is not one for 'elsewhere.example'" in self.sec.qmp.get("/objects/l1", "problem"), "why")

    def test_allowed_names_may_come(self):
        self.start(server=self.server + ",tls-allow=CN=conn*")


class SetUp(HostedCase):
    def test_errors_name_object_and_key(self):
        link = ("-object", "colo-link,id=l0,path=link,server=on")
        hub = stream("hn0")
        os_creds = ("-object", f"tls-creds-x509,id=t0,endpoint=server,dir={both(self.path('pki')).folder}")
        for options, words in (
                (("-object", "colo-link,id=l0"), "colo-link 'l0': path: is missing, and so is host"),
                (("-object", "colo-link,id=l0,host=127.0.0.1,port=0,server=on"), "insecure=on allows that"),
                (("-object", "colo-link,id=l0,path=link,tls-allow=CN=x"), "tls-creds: is missing"),
                (("-object", "colo-link,id=l0,path=no/where/link,server=on"), "colo-link 'l0': "),
                ((*os_creds, "-object", "colo-link,id=l0,path=link,tls-creds=t0"), "a client endpoint"),
                ((*os_creds, "-object", "colo-link,id=l0,path=link,tls-creds=t0,insecure=on"), "insecure: "),
                ((*link, "-object", "colo-link,id=l1,path=l,tls-creds=l0"), "object with id 'l0' is not TLS credentials"),
                (("-object", "colo-link,id=l1,path=l,tls-creds=t1"), "no TLS credentials with id 't1'"),
                ((*link, *hub, "-object", "filter-mirror,id=m0,netdev=hn0,link=nobody"),
                 "filter-mirror 'm0': link: no colo-link 'nobody'"),
                ((*link, *hub, "-object", "filter-mirror,id=m0,netdev=hn0,link=l0,outdev=x"),
                 "outdev: and link exclude each other"),
                ((*hub, "-object", "filter-mirror,id=m0,netdev=hn0"), "outdev: is missing, and so is link"),
                ((*hub, *chardev("x"), "-object", "filter-mirror,id=m0,netdev=hn0,outdev=x,nic=1"), "nic: is for link="),
                ((*link, *hub, "-object", "filter-mirror,id=m0,netdev=hn0,link=l0,nic=64"), "nic: '64'"),
                ((*link, *hub, "-object", "filter-redirector,id=r0,netdev=hn0,link=l0,indev=x"),
                 "link: excludes indev and outdev"),
                ((*link, *hub, "-object", "filter-mirror,id=m0,netdev=hn0,link=l0", "-object",
                  "filter-mirror,id=m1,netdev=hn0,link=l0"), "filter-mirror 'm1': link: Device 'l0' is in use"),
                (("-object", "colo-compare,id=c0,primary_in=a,outdev=b"), "secondary_in: is missing, and so is link"),
                ((*hub, *chardev("x"), "-object", "filter-redirector,id=r0,netdev=hn0,outdev=x,fail-closed=maybe"),
                 "'maybe' is none of auto, on, off")):
            with self.subTest(words):
                self.assertIn(words, self.ends(1, *options))

    def test_a_link_in_use_cannot_be_removed(self):
        host = self.proxy("-object", "colo-link,id=l0,path=link,server=on", *stream("hn0"),
                          "-object", "filter-mirror,id=m0,netdev=hn0,link=l0")
        self.assertIn("in use", self.fails(QmpError, host.qmp, "object-del", id="l0"))
        host.qmp("object-del", id="m0")
        host.qmp("object-del", id="l0")
        self.assertFalse(self.exists("link"))


if __name__ == "__main__":
    unittest.main()
