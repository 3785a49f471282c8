# SPDX-License-Identifier: GPL-2.0-or-later
"""Filters between a VM and its uplink: their order, what each does, and switching them while frames flow."""
import socket
import struct
import threading
import unittest

import captures
from frames import GUEST, GUEST_MAC, PEER, Connection, answer, ethernet, udp
from hosted import HostedCase, chardev, marker, stream
from program import DIVISOR
from qmp import PATIENCE, eventually

OUTPUT, INPUT = answer(b"reply"), udp(PEER, GUEST, (40000, 53), b"request")


class Filters(HostedCase):
    def start(self, *filters, chardevs=(), vnet=None):
        """`filters` between `up0` and `hn0`; wires of the same names, and of the chardevs'."""
        options = [*stream("up0"), *stream("hn0", "peer=up0")]
        for name in chardevs:
            options += chardev(name)
        for text in filters:
            options += ["-object", text]
        self.running = self.proxy(*options)
        self.qmp = self.running.qmp
        self.uplink, self.vm = self.running.wire("up0"), self.running.wire("hn0")
        self.peers = {name: self.running.wire(name, vnet) for name in chardevs}
        eventually(lambda: all(c["connected"] for c in self.qmp("query-chardev")), "all chardevs")

    def status(self, name, value):
        self.qmp.set(f"/objects/{name}", "status", value)

    def add(self, kind, **options):
        self.qmp("object-add", {"qom-type": kind}, **options)

    def tx(self, *frames):
        """From the uplink to the VM; all that arrives there."""
        self.uplink.send(*frames, marker())
        return self.vm.up_to(marker())

    def rx(self, *frames):
        self.vm.send(*frames, marker())
        return self.uplink.up_to(marker())


class Mirror(Filters):
    def test_copies_what_its_queue_names_and_lets_everything_pass(self):
        for queue, copies in (("tx", [INPUT]), ("rx", [OUTPUT]), ("all", [INPUT, OUTPUT])):
            with self.subTest(queue):
                self.start(f"filter-mirror,id=m0,netdev=hn0,queue={queue},outdev=copy", chardevs=["copy"])
                self.assertEqual(self.tx(INPUT), [INPUT])
                self.assertEqual(self.rx(OUTPUT), [OUTPUT])
                came = [frame for frame in self.peers["copy"].frames(2 * len(copies)) if frame != marker()]
                self.assertEqual(came, copies)
                self.running.stop()

    def test_puts_a_vnet_header_in_front_when_told_to(self):
        self.start("filter-mirror,id=m0,netdev=hn0,queue=tx,outdev=copy,vnet_hdr_support=on", chardevs=["copy"])
        self.assertEqual(self.tx(INPUT), [INPUT])
        copy = self.peers["copy"]
        size, front = struct.unpack(">II", copy.bytes(8))
        self.assertEqual(copy.bytes(size)[front:], INPUT)
        self.assertEqual(size, front + len(INPUT))

    def test_needs_nobody_at_the_other_end(self):
        self.start("filter-mirror,id=m0,netdev=hn0,outdev=copy", chardevs=["copy"])
        self.peers["copy"].close()
        for i in range(10):
            self.assertEqual(self.tx(marker(i + 1)), [marker(i + 1)])

    def test_is_not_held_up_by_who_does_not_read(self):
        """What has no room is dropped, counted and told; the VM's own frames go on."""
        self.start("filter-mirror,id=m0,netdev=hn0,queue=tx,outdev=copy", chardevs=["copy"])
        frame = bytes(60_000)
        count = 0
        while not self.qmp.events_so_far("COLO_PROXY_DROP"):
            self.assertEqual(self.tx(*[frame] * 100), [frame] * 100)
            count += 100
            self.assertLess(count, 10_000)
        self.assertEqual(self.qmp.event("COLO_PROXY_DROP")["reason"], "queue-full")
        self.assertEqual(self.peers["copy"].frame(), frame)

    def test_that_is_off_copies_nothing(self):
        self.start("filter-mirror,id=m0,netdev=hn0,queue=tx,outdev=copy,status=off", chardevs=["copy"])
        self.assertEqual(self.tx(INPUT), [INPUT])
        self.status("m0", "on")
        self.assertEqual(self.tx(OUTPUT), [OUTPUT])
        self.assertEqual(self.peers["copy"].frame(), OUTPUT)


class Redirector(Filters):
    def test_takes_frames_out_and_lets_the_other_direction_pass(self):
        self.start("filter-redirector,id=r0,netdev=hn0,queue=rx,outdev=out", chardevs=["out"])
        self.vm.send(OUTPUT)
        self.assertEqual(self.peers["out"].frame(), OUTPUT)
        self.assertEqual(self.tx(INPUT), [INPUT])
        self.status("r0", "off")
        self.assertEqual(self.rx(marker(1)), [marker(1)])

    def test_lets_frames_pass_while_nobody_is_at_outdev(self):
        self.start("filter-redirector,id=r0,netdev=hn0,queue=rx,outdev=out", chardevs=["out"])
        self.peers["out"].close()
        eventually(lambda: not self.qmp("query-chardev")[0]["connected"], "the end of the connection")
        self.assertEqual(self.rx(OUTPUT), [OUTPUT])
        self.assertEqual(self.qmp.get("/objects/r0", "passed-unconnected"), 2)
        back = self.running.wire("out")
        eventually(lambda: self.qmp("query-chardev")[0]["connected"], "the new connection")
        self.vm.send(marker(1))
        self.assertEqual(back.frame(), marker(1))

    def without_a_primary(self, *objects):
        self.start(*objects, chardevs=["out"])
        self.vm.send(OUTPUT)
        self.assertEqual(self.peers["out"].frame(), OUTPUT)
        self.peers["out"].close()
        eventually(lambda: not self.qmp("query-chardev")[0]["connected"], "the end of the connection")

    def test_beside_a_secondary_lets_nothing_out_before_a_failover_once_its_primary_is_gone(self):
        for option in ("", ",fail-closed=on"):
            with self.subTest(option):
                self.without_a_primary(f"filter-redirector,id=r0,netdev=hn0,queue=rx,outdev=out{option}",
                                       "filter-rewriter,id=w0,netdev=hn0")
                self.vm.send(OUTPUT)
                eventually(lambda: self.qmp.get("/objects/r0", "dropped-unconnected") == 1, "it is dropped")
                self.assertEqual(self.qmp.event("COLO_PROXY_DROP"),
                                 {"where": "filter-redirector 'r0'", "reason": "no-primary", "count": 1})
                self.assertEqual(self.tx(INPUT), [INPUT])
                self.qmp("colo-proxy-failover")
                self.vm.send(answer(b"alone"))
                self.assertNotIn(OUTPUT, self.uplink.up_to(answer(b"alone")))
                # Whoever comes back is no primary any more.
                self.running.wire("out")
                eventually(lambda: self.qmp("query-chardev")[0]["connected"], "a new connection")
                self.vm.send(answer(b"still alone"))
                self.uplink.up_to(answer(b"still alone"))
                self.running.end()

    def test_that_is_not_to_fail_closed_does_as_qemus(self):
        self.without_a_primary("filter-redirector,id=r0,netdev=hn0,queue=rx,outdev=out,fail-closed=off",
                               "filter-rewriter,id=w0,netdev=hn0")
        self.assertEqual(self.rx(OUTPUT), [OUTPUT])

    def test_puts_frames_in_for_the_directions_that_its_queue_names(self):
        for queue, to_vm, to_uplink in (("tx", True, False), ("rx", False, True), ("all", True, True)):
            with self.subTest(queue):
                self.start(f"filter-redirector,id=r0,netdev=hn0,queue={queue},indev=in", chardevs=["in"])
                self.peers["in"].send(OUTPUT)
                if to_vm:
                    self.assertEqual(self.vm.frame(), OUTPUT)
                if to_uplink:
                    self.assertEqual(self.uplink.frame(), OUTPUT)
                self.assertEqual((self.tx(), self.rx()), ([], []))
                self.running.stop()

    def test_puts_frames_in_behind_itself(self):
        """Towards the VM a later mirror sees them, an earlier one does not; from the VM the other way round."""
        for queue, sees in (("tx", "late"), ("rx", "early")):
            with self.subTest(queue):
                self.start(f"filter-mirror,id=m0,netdev=hn0,queue={queue},outdev=early",
                           f"filter-redirector,id=r0,netdev=hn0,queue={queue},indev=in",
                           f"filter-mirror,id=m1,netdev=hn0,queue={queue},outdev=late",
                           chardevs=["early", "in", "late"])
                self.peers["in"].send(OUTPUT)
                to = self.vm if queue == "tx" else self.uplink
                self.assertEqual(to.frame(), OUTPUT)
                (self.tx if queue == "tx" else self.rx)()
                seen = {name: self.peers[name].up_to(marker()) for name in ("early", "late")}
                self.assertEqual(seen, {"early": [], "late": [], sees: [OUTPUT]})
                self.running.stop()

    def test_that_is_off_keeps_what_comes_in_until_it_is_on(self):
        self.start("filter-redirector,id=r0,netdev=hn0,queue=tx,indev=in,status=off", chardevs=["in"])
        frames = [marker(i + 1) for i in range(100)]
        self.peers["in"].send(*frames[:50])
        self.assertEqual(self.tx(), [])
        self.status("r0", "on")
        self.peers["in"].send(*frames[50:])
        self.assertEqual(self.vm.frames(100), frames)


    def test_that_is_off_keeps_64_mib_and_tells_what_it_drops(self):
        self.start("filter-redirector,id=r0,netdev=hn0,queue=tx,indev=in,status=off", chardevs=["in"])
        frame, count = bytes(1 << 16), 1024
        for _ in range(8):
            self.peers["in"].send(*[frame] * (count // 8))
        self.peers["in"].send(frame, marker(1))
        self.assertEqual(self.qmp.event("COLO_PROXY_DROP")["where"], "filter-redirector 'r0'")
        self.status("r0", "on")
        self.assertEqual(sum(frame == self.vm.frame() for _ in range(count)), count)
        self.peers["in"].send(marker(2))
        self.assertEqual(self.vm.up_to(marker(2)), [])


class Rewriter(Filters):
    def test_puts_acks_and_sequence_numbers_into_each_others_space(self):
        self.start("filter-rewriter,id=w0,netdev=hn0,queue=all")
        for ports in ((80, 40000), (80, 40001)):
            p, s = Connection(1000, ports=ports), Connection(70_000, ports=ports)
            self.assertEqual(self.tx(p.syn()), [p.syn()])
            self.rx(s.syn_ack())
            self.assertEqual(self.tx(p.input(0)), [s.input(0)])
            self.assertEqual(self.rx(s.output(0, b"answer")), [p.output(0, b"answer")])
            self.assertEqual(self.tx(p.input(0, b"more", read=6)), [s.input(0, b"more", read=6)])
        self.assertEqual(self.qmp.get("/objects/w0", "connections"), 2)

    def test_that_is_off_changes_nothing(self):
        self.start("filter-rewriter,id=w0,netdev=hn0,queue=all")
        p, s = Connection(1000), Connection(70_000)
        self.tx(p.syn())
        self.rx(s.syn_ack())
        self.tx(p.input(0))
        self.status("w0", "off")
        self.assertEqual(self.rx(s.output(0, b"answer")), [s.output(0, b"answer")])
        self.status("w0", "on")
        self.assertEqual(self.rx(s.output(0, b"answer")), [p.output(0, b"answer")])

    def test_keeps_what_the_vm_has_no_room_for(self):
        """The primary's VM may have had the room; then the client does not send it again."""
        size = 16384  # four are one byte more than the VM's window
        for name, event in (("until it has", lambda s: self.vm.send(s.output(0, read=1))),
                            ("until it goes on alone", lambda s: self.qmp("colo-proxy-failover")),
                            ("until the filter is off", lambda s: self.status("w0", "off"))):
            with self.subTest(name):
                self.start("filter-rewriter,id=w0,netdev=hn0,queue=all")
                p, s = Connection(1000), Connection(70_000)
                self.tx(p.syn())
                self.rx(s.syn_ack())
                self.tx(p.input(0))
                here, there = ([side.input(size * i, bytes([i]) * size) for i in range(4)] for side in (s, p))
                self.assertEqual(self.tx(*there), here[:3])
                event(s)
                self.assertEqual(self.vm.frame(), here[3])
                self.assertEqual(self.qmp.get("/objects/w0", "feed-held"), 1)
                self.running.stop()

    def test_leaves_alone_what_is_not_tcp(self):
        self.start("filter-rewriter,id=w0,netdev=hn0,queue=all")
        frames = [OUTPUT, INPUT, marker(1), bytes(14), b"\xff" * 60]
        self.assertEqual((self.tx(*frames), self.rx(*frames)), (frames, frames))

    def test_learns_nothing_from_an_ack_to_a_handshake_that_no_vm_answered(self):
        self.start("filter-rewriter,id=w0,netdev=hn0,queue=all")
        p = Connection(1000)
        self.tx(p.syn())
        self.assertEqual(self.tx(p.input(0)), [p.input(0)])
        self.assertEqual(self.rx(p.output(0, b"x")), [p.output(0, b"x")])

    def test_says_again_what_no_client_has_acked_when_the_vm_goes_on_alone(self):
        self.start("filter-rewriter,id=w0,netdev=hn0,queue=all")
        p, s = Connection(1000), Connection(70_000)
        self.tx(p.syn())
        self.rx(s.syn_ack())
        self.tx(p.input(0))
        self.rx(s.output(0, b"heard"), s.output(5, b"unheard"))
        self.tx(p.input(0, read=5))
        self.qmp("colo-proxy-failover")
        self.assertIn(p.output(5, b"unheard"), self.uplink.frames(3))  # the others announce the address

    def test_announces_the_addresses_of_a_vm_that_goes_on_alone(self):
        self.start("filter-rewriter,id=w0,netdev=hn0,queue=all")
        self.vm.send(OUTPUT)
        self.assertEqual(self.uplink.frame(), OUTPUT)
        self.qmp("colo-proxy-failover")
        address = socket.inet_aton(GUEST)
        arp = struct.pack(">HHBBH", 1, 0x800, 6, 4, 1) + GUEST_MAC + address + bytes(6) + address + bytes(18)
        self.assertEqual(self.uplink.frames(5), [ethernet(0x0806, arp, destination=b"\xff" * 6)] * 5)


class Dump(Filters):
    def packets(self):
        self.assertEqual(self.running.stop(), 0)
        with open(self.path("dump"), "rb") as file:
            return captures.read_pcapng(file.read())

    def test_writes_both_directions_as_a_capture_that_replay_reads(self):
        self.start("filter-dump,id=d0,netdev=hn0,file=dump")
        self.tx(INPUT)
        self.rx(OUTPUT)
        self.assertEqual([(record.data, way) for record, way in self.packets()],
                         [(INPUT, 1), (marker(), 1), (OUTPUT, 2), (marker(), 2)])
        result = self.result(self.path("dump"), self.path("dump"))
        self.assertEqual((result["verdict"], result["primary"]["frames"]), ("identical", 4))

    def test_writes_what_its_queue_names_and_no_more_than_maxlen(self):
        self.start("filter-dump,id=d0,netdev=hn0,queue=rx,maxlen=20,file=dump")
        self.tx(INPUT)
        self.rx(OUTPUT)
        (record, _), _ = self.packets()
        self.assertEqual((record.data, record.wire), (OUTPUT[:20], len(OUTPUT)))

    def test_is_readable_while_it_is_being_written(self):
        self.start("filter-dump,id=d0,netdev=hn0,file=dump")
        self.tx(INPUT)

        def written():
            with open(self.path("dump"), "rb") as file:
                return INPUT in file.read()
        eventually(written, "the frame in the file")

    def test_of_a_full_disk_does_not_even_begin(self):
        message = self.ends(1, *stream("hn0"), "-object", "filter-dump,id=d0,netdev=hn0,file=/dev/full")
        self.assertIn("d0", message)
        self.assertIn("/dev/full", message)


class Order(Filters):
    """A redirector takes frames out: a mirror sees them only where they pass it first."""

    def sees(self, queue, add_mirror):
        self.start(f"filter-redirector,id=r0,netdev=hn0,queue={queue},outdev=out", chardevs=["out", "copy"])
        add_mirror(queue)
        source, to = (self.uplink, self.vm) if queue == "tx" else (self.vm, self.uplink)
        source.send(marker(1))
        self.assertEqual(self.peers["out"].frame(), marker(1))
        self.status("r0", "off")
        source.send(marker(2))
        self.assertEqual(to.frame(), marker(2))
        seen = self.peers["copy"].frame() == marker(1)
        self.running.stop()
        return seen

    def test_is_that_of_their_making_unless_position_and_insert_say_otherwise(self):
        for options, before in (({}, False), ({"position": "tail"}, False), ({"position": "head"}, True),
                                ({"position": "id=r0"}, False), ({"position": "id=r0", "insert": "behind"}, False),
                                ({"position": "id=r0", "insert": "before"}, True)):
            for queue in ("tx", "rx"):
                with self.subTest(queue=queue, **options):
                    seen = self.sees(queue, lambda queue: self.add(
                        "filter-mirror", id="m0", netdev="hn0", queue=queue, outdev="copy", **options))
                    # Frames from the VM pass the filters in reverse.
                    self.assertEqual(seen, before == (queue == "tx"))

    def test_survives_the_removal_of_what_stands_between(self):
        self.start("filter-rewriter,id=w0,netdev=hn0", "filter-redirector,id=r0,netdev=hn0,queue=tx,outdev=out",
                   "filter-rewriter,id=w1,netdev=hn0", chardevs=["out", "copy"])
        self.qmp("object-del", id="w0")
        self.add("filter-mirror", id="m0", netdev="hn0", queue="tx", outdev="copy", position="id=r0",
                 insert="before")
        self.qmp("object-del", id="w1")
        self.uplink.send(INPUT)
        self.assertEqual([self.peers[name].frame() for name in ("copy", "out")], [INPUT, INPUT])
        self.qmp("object-del", id="r0")
        self.assertEqual(self.tx(INPUT), [INPUT])

    def test_puts_filters_of_the_uplink_between_it_and_those_of_the_vm(self):
        self.start("filter-redirector,id=r0,netdev=hn0,queue=tx,outdev=out",
                   "filter-mirror,id=m0,netdev=up0,queue=tx,outdev=copy", chardevs=["out", "copy"])
        self.uplink.send(INPUT)
        self.assertEqual([self.peers[name].frame() for name in ("copy", "out")], [INPUT, INPUT])


class Switching(Filters):
    """Numbered frames flow while filters are switched on and off, or come and go, hundreds of times."""

    COUNT = max(100_000 // DIVISOR, 400)
    TURNS = 400 if DIVISOR == 1 else 100
    SIZE = 60
    HEAD = ethernet(0x88B5, b"")

    def frame(self, number):
        return self.HEAD + number.to_bytes(4, "big") + bytes(self.SIZE - len(self.HEAD) - 4)

    def read(self, wire, pieces):
        wire.socket.settimeout(0.05)
        while not self.done.is_set():
            try:
                pieces.append(wire.socket.recv(1 << 20))
            except TimeoutError:
                continue

    def arrived(self, wires):
        return sum(len(piece) for wire in wires for piece in self.came[wire]) // (4 + self.SIZE)

    def numbers(self, wire):
        data = b"".join(self.came[wire])
        stride = 4 + self.SIZE
        self.assertEqual(len(data) % stride, 0)
        at = 4 + len(self.HEAD)
        return [int.from_bytes(data[i + at:i + at + 4], "big") for i in range(0, len(data), stride)]

    def flow(self, source, turn, complete, also=()):
        """Sends all frames in pieces, with a `turn` after each, until as many have arrived at the `complete`
        wires. Returns the numbers that were sent."""
        self.done, self.came = threading.Event(), {wire: [] for wire in (*complete, *also)}
        readers = [threading.Thread(target=self.read, args=item, daemon=True) for item in self.came.items()]
        for reader in readers:
            reader.start()
        piece = self.COUNT // self.TURNS
        try:
            for i in range(self.TURNS):
                source.send(*(self.frame(i * piece + j) for j in range(piece)))
                turn(i)
            eventually(lambda: self.arrived(complete) >= piece * self.TURNS, "all frames")
        finally:
            self.done.set()
            for reader in readers:
                reader.join(PATIENCE)
        return list(range(piece * self.TURNS))

    def switching(self, name):
        return lambda i: self.status(name, "off" if i % 2 == 0 else "on")

    def in_part(self, numbers, sent):
        """In order, none twice, not none and not all."""
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertTrue(0 < len(numbers) < len(sent), len(numbers))

    def test_past_a_mirror_loses_and_reorders_nothing(self):
        self.start("filter-mirror,id=m0,netdev=hn0,queue=tx,outdev=copy", chardevs=["copy"])
        copy = self.peers["copy"]
        sent = self.flow(self.uplink, self.switching("m0"), (self.vm,), (copy,))
        self.assertEqual(self.numbers(self.vm), sent)
        self.in_part(self.numbers(copy), sent)

    def test_past_a_redirector_goes_one_way_or_the_other(self):
        self.start("filter-redirector,id=r0,netdev=hn0,queue=tx,outdev=out", chardevs=["out"])
        out = self.peers["out"]
        sent = self.flow(self.uplink, self.switching("r0"), (self.vm, out))
        passed, redirected = self.numbers(self.vm), self.numbers(out)
        self.in_part(passed, sent)
        self.in_part(redirected, sent)
        self.assertEqual(sorted(passed + redirected), sent)

    def test_into_a_redirector_loses_and_reorders_nothing(self):
        self.start("filter-redirector,id=r0,netdev=hn0,queue=tx,indev=in", chardevs=["in"])
        sent = self.flow(self.peers["in"], self.switching("r0"), (self.vm,))
        self.assertEqual(self.numbers(self.vm), sent)

    def test_past_a_rewriter_loses_and_reorders_nothing(self):
        self.start("filter-rewriter,id=w0,netdev=hn0,queue=all")
        for source, sink in ((self.uplink, self.vm), (self.vm, self.uplink)):
            sent = self.flow(source, self.switching("w0"), (sink,))
            self.assertEqual(self.numbers(sink), sent)
            sink.socket.settimeout(PATIENCE)

    def test_past_filters_that_come_and_go_loses_and_reorders_nothing(self):
        self.start(chardevs=["copy"])

        def turn(i):
            if i % 2 == 0:
                self.add("filter-mirror", id="m0", netdev="hn0", queue="tx", outdev="copy")
            else:
                self.qmp("object-del", id="m0")
        sent = self.flow(self.uplink, turn, (self.vm,), (self.peers["copy"],))
        self.assertEqual(self.numbers(self.vm), sent)
        self.in_part(self.numbers(self.peers["copy"]), sent)


if __name__ == "__main__":
    unittest.main()
