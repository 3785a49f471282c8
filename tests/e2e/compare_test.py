# SPDX-License-Identifier: GPL-2.0-or-later
"""colo-compare between its sockets: what leaves, when, in which order, and who is told."""
import random
import unittest

from frames import FIN, GUEST, GUEST6, PEER, PEER6, Connection, answer, echo_reply, ip
from hosted import HostedCase, chardev, marker
from qmp import QmpError, eventually

INIT, INIT_ANSWER = b"COLO_USERSPACE_PROXY_INIT", b"COLO_COMPARE_GET_XEN_INIT"
MADE, WANTED = b"COLO_CHECKPOINT", b"DO_CHECKPOINT"
NEVER = "compare_timeout=86400000"
FLOW = {"proto": "udp", "guest": GUEST + ":53", "peer": PEER + ":40000"}


class Compare(HostedCase):
    def start(self, *options, notify=True, vnet=None):
        """A colo-compare and its peers: `pri`, `sec`, `out`, and Xen's side, `xen`."""
        with_vnet = ["vnet_hdr_support=on"] if vnet is not None else []
        with_notify = ["notify_dev=xen"] if notify else []
        self.proxy_ = self.proxy(
            *chardev("pri"), *chardev("sec"), *chardev("out"), *(chardev("xen") if notify else ()),
            "-object", ",".join(["colo-compare,id=comp0,primary_in=pri,secondary_in=sec,outdev=out",
                                 *with_notify, *with_vnet, *options]))
        self.qmp = self.proxy_.qmp
        self.pri, self.sec, self.out = (self.proxy_.wire(name, vnet) for name in ("pri", "sec", "out"))
        # An answer does not say that the peers have been accepted; a frame that came through does.
        self.pri.send(marker())
        self.assertEqual(self.out.frame(), marker())
        self.marks = 0
        if notify:
            self.xen = self.proxy_.wire("xen")
            self.await_xen()

    def await_xen(self):
        self.xen.send(INIT)
        self.assertEqual(self.xen.frame(), INIT_ANSWER)

    def released(self):
        """What has come out since the last time, all that the primary has sent being judged."""
        self.marks += 1
        self.pri.send(marker(self.marks))
        return self.out.up_to(marker(self.marks))

    def told(self):
        """What notify_dev has been told since the last time."""
        self.xen.send(INIT)
        return self.xen.up_to(INIT_ANSWER)

    def is_told_once(self):
        self.assertEqual(self.xen.frame(), WANTED)
        self.assertEqual(self.told(), [])

    def checkpoint(self):
        """Xen makes the one that was asked for."""
        self.assertEqual(self.xen.frame(), WANTED)
        self.xen.send(MADE)

    def secondary_is_seen(self, count):
        """Its frames come on a socket of their own: waits until they have been looked at."""
        eventually(lambda: self.qmp.status()["frames"]["secondary"] >= count, f"{count} of the secondary")

    def held(self):
        return self.qmp.status()["queued"]["primary-frames"]


ALIKE = {
    "udp": answer(b"reply"),
    "udp of IPv6": answer(b"reply", GUEST6, PEER6),
    "udp with a VLAN tag": answer(b"reply", vlan=42),
    "udp of IPv6 with a VLAN tag": answer(b"reply", GUEST6, PEER6, vlan=42),
    "icmp": echo_reply(b"ping"),
    "icmpv6": echo_reply(b"ping", GUEST6, PEER6),
    "an unknown protocol": ip(GUEST, PEER, 132, b"payload"),
    "tcp": Connection(1000).syn_ack(),
    "tcp of IPv6": Connection(1000, guest=GUEST6, peer=PEER6).syn_ack(),
    "tcp with a VLAN tag": Connection(1000, vlan=7).syn_ack(),
    "tcp with data": Connection(1000).output(0, b"payload"),
    "tcp with a FIN": Connection(1000).output(0, b"payload", FIN),
}


class Release(Compare):
    def test_only_after_the_secondary_has_sent_the_same(self):
        self.start(NEVER)
        for name, frame in ALIKE.items():
            with self.subTest(name):
                self.pri.send(frame)
                self.assertEqual(self.released(), [])
                self.sec.send(frame)
                self.assertEqual(self.out.frame(), frame)
                # Flows that later ones do not continue.
                self.qmp("colo-proxy-checkpoint")
                self.checkpoint()
                self.qmp.event("COLO_PROXY_CHECKPOINT")

    def test_at_once_when_the_secondary_was_first(self):
        self.start(NEVER)
        frame = answer(b"reply")
        self.sec.send(frame)
        self.secondary_is_seen(1)
        self.pri.send(frame)
        self.assertEqual(self.out.frame(), frame)

    def test_never_what_differs(self):
        self.start(NEVER, notify=False)
        for name, frame in ALIKE.items():
            if "tcp" in name:
                continue
            with self.subTest(name):
                self.pri.send(frame)
                self.sec.send(frame[:-1] + bytes([frame[-1] ^ 1]))
                self.qmp.event("COLO_PROXY_DIVERGENCE")
                self.assertEqual(self.released(), [])

    def test_neither_a_time_to_live_nor_an_identification_is_compared(self):
        self.start(NEVER)
        one, other = answer(b"reply", ident=1), answer(b"reply", ident=2)
        self.pri.send(one)
        self.sec.send(other)
        self.assertEqual(self.out.frame(), one)

    def test_arp_passes(self):
        self.start(NEVER)
        self.assertEqual(self.released(), [])
        frames = self.qmp.status()["frames"]
        self.assertEqual((frames["passed"], frames["released"]), (2, 2))

    def test_a_flow_that_waits_blocks_no_other(self):
        self.start(NEVER)
        first, second = answer(b"?", ports=(1, 1)), answer(b"?", ports=(2, 1))
        self.pri.send(first, second)
        self.sec.send(second)
        self.assertEqual(self.out.frame(), second)
        self.sec.send(first)
        self.assertEqual(self.out.frame(), first)

    def test_segments_may_be_cut_in_another_way(self):
        self.start(NEVER)
        c = Connection(1000)
        whole = c.output(0, b"0123456789")
        self.pri.send(c.syn_ack(), whole)
        self.sec.send(c.syn_ack(), c.output(0, b"0123"))
        self.assertEqual(self.out.frame(), c.syn_ack())
        self.secondary_is_seen(2)
        self.assertEqual(self.released(), [])
        self.sec.send(c.output(4, b"456789"))
        self.assertEqual(self.out.frame(), whole)

    def test_an_ack_waits_until_the_secondary_has_read_as_much(self):
        self.start(NEVER)
        c = Connection(1000)
        self.pri.send(c.syn_ack(), c.output(0, read=100))
        self.sec.send(c.syn_ack(), c.output(0, read=99))
        self.assertEqual(self.out.frame(), c.syn_ack())
        self.secondary_is_seen(2)
        self.assertEqual(self.released(), [])
        self.sec.send(c.output(0, read=100))
        self.assertEqual(self.out.frame(), c.output(0, read=100))

    def test_fragments_of_a_datagram_are_released_together(self):
        self.start(NEVER)
        whole = answer(bytes(range(200)))[34:]
        parts = [ip(GUEST, PEER, 17, whole[:104], ident=9, fragment=0x2000),
                 ip(GUEST, PEER, 17, whole[104:], ident=9, fragment=13)]
        self.pri.send(*parts)
        self.sec.send(parts[0])
        self.secondary_is_seen(1)
        self.assertEqual(self.released(), [])
        self.sec.send(parts[1])
        self.assertEqual(self.out.frames(2), parts)

    def test_with_a_vnet_header_on_every_side(self):
        self.start(NEVER, vnet=12, notify=False)
        frame = answer(b"reply")
        self.pri.send(frame)
        self.assertEqual(self.released(), [])
        self.sec.send(frame)
        self.assertEqual(self.out.frame(), frame)


class Order(Compare):
    FLOWS, EACH = 20, 60

    def frames(self):
        shuffled = random.Random(1)
        frames = [(flow, answer(b"%d of %d" % (i, flow), ports=(flow + 1, 1)))
                  for flow in range(self.FLOWS) for i in range(self.EACH)]
        order = [flow for flow, _ in frames]
        shuffled.shuffle(order)
        by_flow = [[f for own, f in frames if own == flow] for flow in range(self.FLOWS)]
        at = [0] * self.FLOWS
        mixed = []
        for flow in order:
            mixed.append((flow, by_flow[flow][at[flow]]))
            at[flow] += 1
        return by_flow, mixed

    def in_order(self, by_flow, came):
        where = {frame: flow for flow, frames in enumerate(by_flow) for frame in frames}
        for flow, frames in enumerate(by_flow):
            self.assertEqual([f for f in came if where[f] == flow], frames)

    def test_of_each_flow_is_kept_whatever_the_secondarys_is(self):
        self.start(NEVER)
        by_flow, mixed = self.frames()
        self.pri.send(*(frame for _, frame in mixed))
        for flow in reversed(range(self.FLOWS)):
            self.sec.send(*by_flow[flow])
        self.in_order(by_flow, self.out.frames(len(mixed)))

    def test_is_kept_by_a_checkpoint_that_releases(self):
        self.start(NEVER)
        by_flow, mixed = self.frames()
        self.pri.send(*(frame for _, frame in mixed))
        self.sec.send(*by_flow[3][:20], *by_flow[7][:5])
        first = self.out.frames(25)
        self.assertEqual(self.held(), len(mixed) - 25)
        self.qmp("colo-proxy-checkpoint")
        self.checkpoint()
        self.in_order(by_flow, first + self.out.frames(len(mixed) - 25))

    def test_of_what_comes_after_a_checkpoint_is_kept(self):
        self.start(NEVER)
        by_flow, mixed = self.frames()
        frames = [frame for _, frame in mixed]
        self.pri.send(*frames[:600])
        self.assertEqual(self.released(), [])
        self.qmp("colo-proxy-checkpoint")
        self.checkpoint()
        self.qmp.event("COLO_PROXY_CHECKPOINT")
        self.pri.send(*frames[600:])
        self.sec.send(*frames[600:])
        self.in_order(by_flow, self.out.frames(len(frames)))


class Divergence(Compare):
    def diverge(self):
        c = Connection(1000)
        self.pri.send(c.syn_ack(), c.output(0, b"0123456789"))
        self.sec.send(c.syn_ack(), c.output(0, b"0123X56789"))
        self.assertEqual(self.out.frame(), c.syn_ack())
        return c

    def test_is_an_event_that_shows_where(self):
        self.start(NEVER, notify=False)
        self.diverge()
        event = self.qmp.event("COLO_PROXY_DIVERGENCE")
        self.assertEqual(event["flow"], {"proto": "tcp", "guest": GUEST + ":80", "peer": PEER + ":40000"})
        self.assertEqual(event["offset"], 4)
        self.assertTrue(bytes.fromhex(event["primary"]).startswith(b"45"))
        self.assertTrue(bytes.fromhex(event["secondary"]).startswith(b"X5"))
        self.assertLessEqual(len(event["primary"]), 32)

    def test_is_told_once_and_the_checkpoint_releases(self):
        self.start(NEVER)
        c = self.diverge()
        self.is_told_once()
        later = [c.output(10 + i, b"%d" % (i % 10)) for i in range(50)]
        self.pri.send(*later)
        self.sec.send(*(c.output(10 + i, b"?") for i in range(50)))
        self.secondary_is_seen(52)
        self.assertEqual(self.released(), [])
        self.assertEqual(self.told(), [])
        self.assertEqual(len(self.qmp.events_so_far("COLO_PROXY_DIVERGENCE")), 1)
        self.xen.send(MADE)
        self.assertEqual(self.out.frames(51), [c.output(0, b"0123456789"), *later])
        event = self.qmp.event("COLO_PROXY_CHECKPOINT")
        self.assertEqual((event["reason"], event["offset"], event["epoch"]), ("divergence", 4, 1))
        self.assertEqual(event["flow"]["guest"], GUEST + ":80")
        self.assertGreaterEqual(event["duration-us"], 0)
        self.assertEqual(self.told(), [])
        status = self.qmp.status()
        self.assertEqual((status["checkpoints"]["divergence"], status["epoch"]), (1, 1))
        self.assertEqual(status["queued"]["primary-frames"], 0)

    def test_after_a_checkpoint_both_are_compared_again(self):
        self.start(NEVER)
        c = self.diverge()
        self.checkpoint()
        self.assertEqual(self.out.frame(), c.output(0, b"0123456789"))
        self.pri.send(c.output(10, b"more"))
        self.assertEqual(self.released(), [])
        self.sec.send(c.output(10, b"more"))
        self.assertEqual(self.out.frame(), c.output(10, b"more"))
        self.pri.send(c.output(14, b"1"))
        self.sec.send(c.output(14, b"2"))
        self.assertEqual(self.xen.frame(), WANTED)

    def test_of_datagrams(self):
        self.start(NEVER)
        self.pri.send(answer(b"yes"))
        self.sec.send(answer(b"no!"))
        self.assertEqual(self.qmp.event("COLO_PROXY_DIVERGENCE")["flow"], FLOW)
        self.checkpoint()
        self.assertEqual(self.out.frame(), answer(b"yes"))

    def test_shows_the_vlan(self):
        self.start(NEVER, notify=False)
        self.pri.send(answer(b"yes", vlan=42))
        self.sec.send(answer(b"no!", vlan=42))
        self.assertEqual(self.qmp.event("COLO_PROXY_DIVERGENCE")["flow"], {**FLOW, "vlan": 42})

    def test_without_anybody_to_make_a_checkpoint_holds_and_says_so_at_start(self):
        self.start(NEVER, notify=False)
        self.assertIn("nobody can make a checkpoint", self.proxy_.messages())
        self.diverge()
        self.qmp.event("COLO_PROXY_DIVERGENCE")
        self.assertEqual(self.released(), [])
        self.assertEqual(self.held(), 1)
        self.assertIn("no notify_dev", self.fails(QmpError, self.qmp, "colo-proxy-checkpoint"))

    def test_with_on_divergence_release_lets_the_primary_go_on(self):
        self.start(NEVER, "on-divergence=release", notify=False)
        c = self.diverge()
        self.assertEqual(self.out.frame(), c.output(0, b"0123456789"))
        self.qmp.event("COLO_PROXY_DIVERGENCE")

    def test_may_be_changed_to_release_while_something_is_held(self):
        self.start(NEVER, notify=False)
        c = self.diverge()
        self.qmp.event("COLO_PROXY_DIVERGENCE")
        self.qmp.set("/objects/comp0", "on-divergence", "release")
        self.assertEqual(self.qmp.get("/objects/comp0", "on-divergence"), "release")
        self.pri.send(c.output(10, b"more"))
        self.assertEqual(self.out.frames(2), [c.output(0, b"0123456789"), c.output(10, b"more")])


class Timeout(Compare):
    def test_asks_for_a_checkpoint(self):
        self.start("compare_timeout=20")
        self.pri.send(answer(b"alone"))
        self.checkpoint()
        self.assertEqual(self.out.frame(), answer(b"alone"))
        self.assertEqual(self.qmp.event("COLO_PROXY_CHECKPOINT")["reason"], "timeout")
        self.assertEqual(self.qmp.status()["checkpoints"]["timeout"], 1)

    def test_is_none_of_what_only_the_secondary_sent(self):
        self.start("compare_timeout=20")
        self.sec.send(answer(b"alone"))
        self.secondary_is_seen(1)
        eventually(lambda: self.qmp.status()["queued"]["secondary-frames"] == 0, "its end")
        self.assertEqual(self.told(), [])

    def test_may_be_set_while_something_is_held(self):
        self.start(NEVER)
        self.pri.send(answer(b"alone"))
        self.assertEqual(self.released(), [])
        self.assertEqual(self.told(), [])
        self.qmp.set("/objects/comp0", "compare_timeout", 1)
        self.assertEqual(self.qmp.get("/objects/comp0", "compare_timeout"), 1)
        self.checkpoint()
        self.assertEqual(self.out.frame(), answer(b"alone"))

    def test_with_on_divergence_release_lets_the_frame_go(self):
        self.start("compare_timeout=20", "on-divergence=release", notify=False)
        self.pri.send(answer(b"alone"))
        self.assertEqual(self.out.frame(), answer(b"alone"))


class Xen(Compare):
    def test_is_answered_at_every_handshake(self):
        self.start(NEVER)
        for _ in range(3):
            self.await_xen()

    def test_may_make_checkpoints_that_nobody_asked_for(self):
        self.start(NEVER)
        self.pri.send(answer(b"held"))
        self.assertEqual(self.released(), [])
        self.xen.send(MADE)
        self.assertEqual(self.out.frame(), answer(b"held"))
        self.assertEqual(self.qmp.event("COLO_PROXY_CHECKPOINT")["reason"], "periodic")
        self.assertEqual(self.told(), [])

    def test_gets_an_order_that_was_due_before_it_came(self):
        self.start("compare_timeout=1")
        self.xen.close()
        self.pri.send(answer(b"held"))
        self.assertEqual(self.released(), [])
        self.xen = self.proxy_.wire("xen")
        self.checkpoint()
        self.assertEqual(self.out.frame(), answer(b"held"))

    def test_is_asked_again_when_it_comes_back_without_having_answered(self):
        self.start(NEVER)
        self.pri.send(answer(b"held"))
        self.assertEqual(self.released(), [])
        self.qmp("colo-proxy-checkpoint")
        self.assertEqual(self.xen.frame(), WANTED)
        self.xen.close()
        self.xen = self.proxy_.wire("xen")
        self.await_xen_and(WANTED)
        self.xen.send(MADE)
        self.assertEqual(self.out.frame(), answer(b"held"))
        self.assertEqual(self.told(), [])

    def await_xen_and(self, message):
        self.xen.send(INIT)
        self.assertEqual(sorted(self.xen.frames(2)), sorted([INIT_ANSWER, message]))

    def test_may_say_what_nobody_knows(self):
        self.start(NEVER)
        self.xen.send(b"COLO_NONSENSE", b"x" * 60_000)
        self.await_xen()

    def test_gets_its_messages_without_a_vnet_header_though_it_sends_one(self):
        self.start(NEVER, notify=False)
        self.qmp("object-del", id="comp0")
        self.qmp("chardev-add", id="xen", backend={"type": "socket", "data": {
            "addr": {"type": "unix", "data": {"path": "xen"}}, "server": True}})
        self.qmp("object-add", {"qom-type": "colo-compare"}, id="comp0", primary_in="pri", secondary_in="sec",
                 outdev="out", notify_dev="xen", vnet_hdr_support=True)
        xen = self.proxy_.wire("xen")
        xen.raw(len(INIT).to_bytes(4, "big") + bytes(4) + INIT)
        self.assertEqual(xen.frame(), INIT_ANSWER)


class Limits(Compare):
    def overflow(self, count, kept):
        """`count` frames of one flow, of which no more than `kept` may be held."""
        frames = [answer(b"%d" % i) for i in range(count)]
        self.pri.send(*frames)
        self.assertEqual(self.released(), [])
        status = self.qmp.status()
        self.assertEqual(status["frames"]["dropped"], count - kept)
        self.assertEqual(status["queued"]["primary-frames"], kept)
        self.is_told_once()
        self.xen.send(MADE)
        self.assertEqual(self.out.frames(kept), frames[:kept])
        self.assertEqual(self.qmp.event("COLO_PROXY_CHECKPOINT")["reason"], "queue-full")

    def dropped(self, count):
        """The events that make up `count`; there may be one a second."""
        events = [self.qmp.event("COLO_PROXY_DROP")]
        while sum(event["count"] for event in events) < count:
            events.append(self.qmp.event("COLO_PROXY_DROP"))
        self.assertEqual(sum(event["count"] for event in events), count)
        for event in events:
            self.assertIn("comp0", event["where"])
            self.assertEqual(event["reason"], "queue-full")
        return events

    def test_of_a_flows_frames_drop_the_newest_count_them_and_ask_for_a_checkpoint(self):
        self.start(NEVER, "max_queue_size=4")
        self.overflow(10, 4)
        self.assertEqual(len(self.dropped(6)), 1)

    def test_of_a_flows_frames_may_be_set(self):
        self.start(NEVER)
        self.qmp.set("/objects/comp0", "max_queue_size", 7)
        self.assertEqual(self.qmp.get("/objects/comp0", "max_queue_size"), 7)
        self.overflow(10, 7)

    def test_of_bytes_may_be_set(self):
        self.start(NEVER)
        self.qmp.set("/objects/comp0", "max-queue-bytes", 300)
        self.assertEqual(self.qmp.get("/objects/comp0", "max-queue-bytes"), 300)
        self.pri.send(*(answer(b"%03d" % i) for i in range(100)))
        self.assertEqual(self.released(), [])
        status = self.qmp.status()
        self.assertLess(status["queued"]["primary-bytes"], 300 + len(answer(b"000")))
        self.assertEqual(status["frames"]["dropped"] + status["queued"]["primary-frames"], 100)
        self.is_told_once()
        self.dropped(status["frames"]["dropped"])

    def test_of_one_flow_are_none_of_another(self):
        self.start(NEVER, "max_queue_size=2")
        frames = [answer(b"?", ports=(i % 5 + 1, i // 5 + 1)) for i in range(20)]
        self.pri.send(*frames)
        self.assertEqual(self.released(), [])
        self.assertEqual((self.held(), self.qmp.status()["frames"]["dropped"]), (20, 0))

    def test_of_the_table_hold_what_has_no_room_and_ask_for_a_checkpoint(self):
        self.start(NEVER, "max-connections=3")
        frames = [answer(b"?", ports=(i + 1, 1)) for i in range(5)]
        self.pri.send(*frames)
        self.assertEqual(self.released(), [])
        self.assertEqual(self.qmp.status()["flows"]["untracked-held"], 2)
        self.checkpoint()
        self.assertEqual(self.out.frames(5), frames)
        self.assertEqual(self.qmp.event("COLO_PROXY_CHECKPOINT")["reason"], "table-full")

    def test_refuse_what_makes_no_sense(self):
        self.start(NEVER)
        for name, value in (("compare_timeout", 0), ("compare_timeout", "soon"), ("max_queue_size", 0),
                            ("max-queue-bytes", -1), ("max_queue_size", 2**32), ("on-divergence", "panic"),
                            ("expired_scan_cycle", 0)):
            before = self.qmp.get("/objects/comp0", name)
            with self.subTest(name=name, value=value):
                self.assertIn(name, self.fails(QmpError, self.qmp.set, "/objects/comp0", name, value))
                self.assertEqual(self.qmp.get("/objects/comp0", name), before)


class SimpleMode(Compare):
    def test_is_entered_after_many_checkpoints_and_told(self):
        self.start("compare_timeout=1")
        for i in range(1000):
            self.pri.send(answer(b"%d" % i))
            self.checkpoint()
            self.assertEqual(self.out.frame(), answer(b"%d" % i))
            if self.qmp.status()["mode"] == "simple":
                break
        self.assertEqual(self.qmp.event("COLO_PROXY_MODE")["mode"], "simple")
        # Nothing is compared now, and all is held until the next checkpoint.
        self.pri.send(answer(b"both"))
        self.sec.send(answer(b"both"))
        self.checkpoint()
        self.assertEqual(self.out.frame(), answer(b"both"))


class Passthrough(Compare):
    RULE = {"id": "dns", "proto": "udp", "guest": GUEST, "guest-port": 53}

    def rules(self):
        return self.qmp("query-colo-proxy-passthrough")

    def test_lets_flows_go_uncompared_and_counts_them(self):
        self.start(NEVER)
        self.assertEqual(self.rules(), [])
        self.qmp("colo-proxy-passthrough-add", self.RULE)
        self.assertEqual(self.rules(), [{**self.RULE, "frames": 0}])
        self.pri.send(*(answer(b"%d" % i) for i in range(5)), answer(b"other", ports=(54, 1)))
        self.assertEqual(self.released(), [answer(b"%d" % i) for i in range(5)])
        self.assertEqual(self.rules()[0]["frames"], 5)
        self.assertEqual(self.held(), 1)

    def test_of_every_kind_of_rule(self):
        self.start(NEVER)
        v6 = answer(b"?", GUEST6, PEER6)
        for rule, fits, fits_not in (
                ({"proto": "udp"}, answer(b"?"), echo_reply(b"?")),
                ({"proto": "tcp"}, Connection(1).syn_ack(), answer(b"?")),
                ({"proto": "icmp"}, echo_reply(b"?"), answer(b"?")),
                ({"proto": "icmpv6"}, echo_reply(b"?", GUEST6, PEER6), v6),
                ({"proto": "ip-132"}, ip(GUEST, PEER, 132, b"?"), answer(b"?")),
                ({"guest": GUEST}, answer(b"?"), v6),
                ({"guest": GUEST6}, v6, answer(b"?")),
                ({"peer": PEER}, answer(b"?"), answer(b"?", peer="10.0.0.9")),
                ({"guest-port": 53}, answer(b"?"), answer(b"?", ports=(54, 40000))),
                ({"peer-port": 40000}, answer(b"?"), answer(b"?", ports=(53, 40001)))):
            with self.subTest(rule=rule):
                self.qmp("colo-proxy-passthrough-add", rule, id="x")
                self.pri.send(fits, fits_not)
                self.assertEqual(self.released(), [fits])
                self.qmp("colo-proxy-passthrough-del", id="x")
                self.checkpoint()
                self.assertEqual(self.out.frame(), fits_not)
                self.qmp.event("COLO_PROXY_CHECKPOINT")

    def test_releases_what_is_held_already(self):
        self.start(NEVER)
        self.pri.send(answer(b"held"))
        self.assertEqual(self.released(), [])
        self.qmp("colo-proxy-passthrough-add", self.RULE)
        self.pri.send(answer(b"next"))
        self.assertEqual(self.released(), [answer(b"held"), answer(b"next")])

    def test_removed_holds_its_flows_until_the_fence(self):
        self.start(NEVER)
        self.qmp("colo-proxy-passthrough-add", self.RULE)
        self.pri.send(answer(b"free"))
        self.assertEqual(self.released(), [answer(b"free")])
        self.qmp("colo-proxy-passthrough-del", id="dns")
        self.assertEqual(self.rules(), [])
        self.pri.send(answer(b"not any more"))
        self.sec.send(answer(b"not any more"))
        self.secondary_is_seen(1)
        self.assertEqual(self.released(), [])
        self.checkpoint()
        self.assertEqual(self.out.frame(), answer(b"not any more"))
        self.assertEqual(self.qmp.event("COLO_PROXY_CHECKPOINT")["reason"], "policy-change")
        self.pri.send(answer(b"compared"))
        self.assertEqual(self.released(), [])
        self.sec.send(answer(b"compared"))
        self.assertEqual(self.out.frame(), answer(b"compared"))

    def test_refuses_what_makes_no_sense_by_name(self):
        self.start(NEVER)
        self.qmp("colo-proxy-passthrough-add", self.RULE)
        for rule, word in (({"id": "dns"}, "dns"), ({"id": ""}, "id"), ({"id": "x", "proto": "sctp"}, "sctp"),
                           ({"id": "x", "proto": "ip-256"}, "ip-256"), ({"id": "x", "proto": "ip-"}, "ip-"),
                           ({"id": "x", "guest": "10.0.0"}, "10.0.0"),
                           ({"id": "x", "guest-port": 65536}, "guest-port"),
                           ({"id": "x", "peer-port": -1}, "peer-port"), ({"id": "x", "peer-port": "1"}, "peer-port"),
                           ({"id": "x", "guest": GUEST, "peer": PEER6}, "peer"), ({"id": "x", "dir": "in"}, "dir"),
                           ({"proto": "udp"}, "id")):
            with self.subTest(rule=rule):
                self.assertIn(word, self.fails(QmpError, self.qmp, "colo-proxy-passthrough-add", rule))
        self.assertIn("nope", self.fails(QmpError, self.qmp, "colo-proxy-passthrough-del", id="nope"))
        self.assertEqual(len(self.rules()), 1)

    def test_says_whether_an_id_is_taken_or_there_are_too_many(self):
        self.start(NEVER)
        refusal = lambda rule: self.fails(QmpError, self.qmp, "colo-proxy-passthrough-add", id=rule)
        for number in range(255):
            self.qmp("colo-proxy-passthrough-add", id=f"r{number}", proto="udp")
        self.assertIn("'r254': the id is taken", refusal("r254"))
        self.assertIn("'r255': there are 255 rules", refusal("r255"))


class Flows(Compare):
    def listed(self, limit, after=None):
        """All pages from there on, and how long each was."""
        flows, pages = [], []
        while True:
            page = self.qmp("colo-proxy-flows", {} if after is None else {"after": after}, limit=limit)
            self.assertLessEqual(len(page["flows"]), limit)
            flows += page["flows"]
            pages.append(len(page["flows"]))
            if "next" not in page:
                return flows, pages
            after = page["next"]

    def test_a_thousand_in_pages(self):
        self.start(NEVER)
        self.pri.send(*(answer(b"?", ports=(53, i + 1)) for i in range(1000)))
        self.assertEqual(self.released(), [])
        expected = {f"{PEER}:{i + 1}" for i in range(1000)}
        for limit in (1, 77, 100, 500, 999, 1000, 1001):
            with self.subTest(limit=limit):
                flows, pages = self.listed(limit)
                self.assertEqual({flow["peer"] for flow in flows}, expected)
                self.assertEqual((len(flows), len(pages)), (1000, -(-1000 // limit)))
        self.assertEqual(len(self.qmp("colo-proxy-flows")["flows"]), 100)

    def test_tell_what_each_is_and_holds(self):
        self.start(NEVER)
        c = Connection(1000, vlan=5)
        self.pri.send(c.syn_ack(), c.output(0, b"12345"), c.output(5, b"678"))
        self.sec.send(c.syn_ack(), c.output(0, b"12345"))
        self.assertEqual(self.out.frames(2), [c.syn_ack(), c.output(0, b"12345")])
        (flow,), _ = self.listed(10)
        held = flow.pop("held-us")
        self.assertGreaterEqual(held, 0)
        self.assertIn(flow.pop("state"), ("half-open", "established"))
        self.assertEqual(flow, {"proto": "tcp", "guest": GUEST + ":80", "peer": PEER + ":40000", "vlan": 5,
                                "verified": 5, "held-frames": 1})

    def test_refuse_cursors_and_limits_that_make_no_sense(self):
        self.start(NEVER)
        for arguments in ({"limit": 0}, {"limit": -1}, {"after": -1}, {"limit": "many"}, {"after": 1.5}):
            with self.subTest(arguments):
                self.fails(QmpError, self.qmp, "colo-proxy-flows", arguments)
        for after in (1, 2**31, 2**32 - 1, 2**32, 2**63 - 1):
            self.assertEqual(self.qmp("colo-proxy-flows", after=after), {"flows": []})


class Several(HostedCase):
    """A colo-compare for each of two NICs: commands reach both, figures are sums."""
    RULE = {"id": "dns", "proto": "udp", "guest-port": 53}

    def start(self, *options_of_nics):
        chardevs = [option for nic in "ab" for name in ("pri", "sec", "out", "xen") for option in chardev(name + nic)]
        self.host = self.proxy(*chardevs, *(o for options in options_of_nics for o in ("-object", options)))
        self.qmp = self.host.qmp

    @staticmethod
    def object(nic, notify=True):
        notify_dev = f",notify_dev=xen{nic}" if notify else ""
        return f"colo-compare,id=comp{nic},primary_in=pri{nic},secondary_in=sec{nic},outdev=out{nic},{NEVER}{notify_dev}"

    def nic(self, name):
        """Its primary's wire and where its output comes out."""
        pri, out = self.host.wire("pri" + name), self.host.wire("out" + name)
        pri.send(marker())
        self.assertEqual(out.frame(), marker())
        return pri, out

    def rules(self):
        return self.qmp("query-colo-proxy-passthrough")

    def test_have_the_same_rules_and_one_count_of_frames(self):
        self.start(self.object("a"), self.object("b"))
        self.qmp("colo-proxy-passthrough-add", self.RULE)
        for i, name in enumerate("ab"):
            pri, out = self.nic(name)
            pri.send(answer(b"free"))
            self.assertEqual(out.frame(), answer(b"free"))
            self.assertEqual(self.rules(), [{**self.RULE, "frames": i + 1}])
        self.qmp("colo-proxy-passthrough-del", id="dns")
        self.assertEqual(self.rules(), [])

    def test_made_later_have_the_rules_of_those_that_are_there(self):
        self.start(self.object("a"))
        self.qmp("colo-proxy-passthrough-add", self.RULE)
        self.qmp("object-add", {"qom-type": "colo-compare", "id": "compb", "primary_in": "prib",
                                "secondary_in": "secb", "outdev": "outb"})
        self.qmp("object-del", id="compa")
        self.assertEqual(self.rules(), [{**self.RULE, "frames": 0}])
        pri, out = self.nic("b")
        pri.send(answer(b"free"))
        self.assertEqual(out.frame(), answer(b"free"))

    def test_are_all_asked_for_a_checkpoint(self):
        self.start(self.object("a"), self.object("b"))
        xen = [self.host.wire("xen" + name) for name in "ab"]
        for wire in xen:
            wire.send(INIT)
            self.assertEqual(wire.frame(), INIT_ANSWER)
        self.qmp("colo-proxy-checkpoint")
        self.assertEqual([wire.frame() for wire in xen], [WANTED, WANTED])

    def test_are_not_asked_when_one_of_them_can_ask_nobody(self):
        self.start(self.object("a"), self.object("b", notify=False))
        xen = self.host.wire("xena")
        xen.send(INIT)
        self.assertEqual(xen.frame(), INIT_ANSWER)
        self.assertIn("compb", self.fails(QmpError, self.qmp, "colo-proxy-checkpoint"))
        xen.send(INIT)
        self.assertEqual(xen.frame(), INIT_ANSWER)

    def test_list_their_flows_together(self):
        self.start(self.object("a"), self.object("b"))
        for name in "ab":
            pri, _ = self.nic(name)
            pri.send(*(answer(b"?", ports=(53, i + 1)) for i in range(5)), marker(1))
        eventually(lambda: self.qmp.status()["flows"]["tracked"] == 10, "ten flows")
        peers, after = [], 0
        while after is not None:
            page = self.qmp("colo-proxy-flows", after=after, limit=3)
            peers += [flow["peer"] for flow in page["flows"]]
            after = page.get("next")
        self.assertEqual(sorted(peers), sorted(2 * [f"{PEER}:{i + 1}" for i in range(5)]))


if __name__ == "__main__":
    unittest.main()
