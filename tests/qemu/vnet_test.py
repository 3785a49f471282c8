# SPDX-License-Identifier: GPL-2.0-or-later
"""Vnet headers through the plugin's filters: what a guest leaves to its card is left to the next one who knows such
headers, and done for who does not."""
import itertools
import sys

from plugin_rig import QmpError, body, eventually, main
from frames import GUEST, GUEST6, PEER, PEER6, Connection
from frames_test import Stream
from paired_rig import CALM, tcg_shim
from tap_rig import MSS, NO_OFFLOAD, Large, TapCase, TapMachine, unavailable
from virtio_card import MRG_RXBUF, OFFLOADS
from wire import Wire

PAYLOAD = bytes(i % 251 for i in range(4 * MSS - 100))
SHORT, SHORT_BACK = body(1, 300), body(2, 400)  # below the tap's MTU
DEVICE = "colo-proxy,id=c0,netdev=a,filter-id=f0"


def chardev(name):
    return f"chardev=socket,,id={name},,path={name},,server=on,,wait=off"


def answer(isn=1000, ident=1, guest=GUEST, peer=PEER):
    return Large(guest, peer, (80, 40000), isn + 1, 77_001, PAYLOAD, ident)


def request(isn=1000, guest=GUEST, peer=PEER):
    return Large(peer, guest, (40000, 80), 77_001, isn + 1, PAYLOAD)


FAMILIES = ({}, {"guest": GUEST6, "peer": PEER6})


class PlainFilters(TapCase):
    def wire(self, name):
        wire = Wire(self.path(name))
        self.addCleanup(wire.close)
        return wire

    def vnet_copy(self, wire, length):
        """Of a chardev whose frames have headers."""
        size, front = (int.from_bytes(wire.bytes(4), "big") for _ in range(2))
        self.assertEqual(front, length)
        data = wire.bytes(size)
        return data[:10], data[front:]

    def test_headers_are_kept_and_copies_without_any_are_cut(self):
        """Of both lengths, as the guest's driver chooses them at run time; some filters come when it has."""
        self.boot("-device", f"{DEVICE},role=mirror,outdev=plain,{chardev('plain')}", features=OFFLOADS | MRG_RXBUF)
        self.qmp.set("/machine/peripheral/c0", "chardev", "socket,id=vnet,path=vnet,server=on,wait=off")
        for more in ("mirror,filter-id=f1,netdev=a,outdev=vnet,vnet_hdr_support=on", "rewriter,filter-id=f2,netdev=a",
                     "dump,filter-id=f3,netdev=a,file=dump"):
            self.qmp.set("/machine/peripheral/c0", "add", more)
        plain, vnet = Stream(self, "plain"), self.wire("vnet")
        for features, length in ((OFFLOADS | MRG_RXBUF, 12), (OFFLOADS, 10)):
            if self.card.header != length:
                self.card.start(features)
            ways = ((answer, self.card.send, self.outside.receive), (request, self.outside.send, self.card.receive))
            for (make, send, receive), ends in itertools.product(ways, FAMILIES):
                with self.subTest(make.__name__, length=length, **ends):
                    large = make(**ends)
                    send(large.header, large.frame)
                    self.check_sent(large.as_it_is(), receive)
                    self.check_sent(large.cut(), lambda: (NO_OFFLOAD, plain.frames(1)[0]))
                    self.check_sent(large.as_it_is(), lambda: self.vnet_copy(vnet, length))
        self.machine.quit()

    def test_a_redirector_hands_on_headers_where_it_is_told_to(self):
        for support in ("off", "on"):
            with self.subTest(vnet_hdr_support=support):
                self.doCleanups()
                self.setUp()
                more = f"queue=rx,vnet_hdr_support={support}"
                self.boot("-device", f"{DEVICE},role=redirector,outdev=out,{more},{chardev('out')}", features=OFFLOADS)
                self.qmp.set("/machine/peripheral/c0", "chardev", "socket,id=in,path=in,server=on,wait=off")
                self.qmp.set("/machine/peripheral/c0", "add",
                             f"redirector,filter-id=f1,netdev=a,position=head,indev=in,{more}")
                out, back = self.wire("out"), self.wire("in")
                large = answer()
                expected = large.as_it_is() if support == "on" else large.cut()
                self.card.send(large.header, large.frame)
                for _ in expected:
                    self.hand_on(out, back, support == "on")
                self.check_sent(expected, self.outside.receive)
                self.machine.quit()

    @staticmethod
    def hand_on(out, back, with_header):
        """One frame, as it is."""
        prefix = out.bytes(8 if with_header else 4)
        back.socket.sendall(prefix + out.bytes(int.from_bytes(prefix[:4], "big")))

    def test_a_rewriter_maps_a_large_segment_and_leaves_the_rest_to_the_card(self):
        self.boot("-device", f"{DEVICE},role=rewriter", features=OFFLOADS)
        client, vm = Connection(1000), Connection(70_000)
        for frame, mapped, send, receive in (
                (client.syn(), client.syn(), self.outside.send, self.card.receive),
                (vm.syn_ack(), vm.syn_ack(), self.card.send, self.outside.receive),
                (client.input(0), vm.input(0), self.outside.send, self.card.receive)):
            send(NO_OFFLOAD, frame)
            self.check_sent([(NO_OFFLOAD, mapped)], receive)
        self.outside.send(request().header, request().frame)
        self.check_sent(request(70_000).as_it_is(), self.card.receive)
        self.card.send(answer(70_000).header, answer(70_000).frame)
        self.check_sent(answer().as_it_is(), self.outside.receive)
        self.machine.quit()


class Primary(TapCase):
    def test_what_crosses_an_unprotected_primary_is_cut_both_ways(self):
        self.boot("-device", f"{DEVICE},role=primary,link=unix:link", features=OFFLOADS)
        for ends in FAMILIES:
            self.card.send(answer(**ends).header, answer(**ends).frame)
            self.check_sent(answer(**ends).cut(), self.outside.receive)
            self.outside.send(request(**ends).header, request(**ends).frame)
            self.check_sent(request(**ends).cut(), self.card.receive)
        self.assertEqual(self.qmp.get("/objects/f0", "refused"), 0)
        self.machine.quit()


class Protected(TapCase):
    """Two VMs, the secondary a copy of the primary, whose cards the test drives one after the other."""

    def protect(self):
        shim = tcg_shim(self)
        self.boot("-device", f"{DEVICE},role=primary,link=unix:link,monitor=own,{CALM}", features=OFFLOADS, preload=shim)
        if self.qmp("query-version")["qemu"]["major"] > 7:
            self.skipTest("COLO does not work in this QEMU")
        self.other = TapMachine(self, self.namespace, "other")
        self.other.boot("-incoming", "unix:incoming", "-device", f"{DEVICE},role=secondary,link=unix:link,"
                        f"incoming=incoming,{CALM}", preload=shim)
        self.proxy = self.own()
        eventually(self.is_protected, "the pair is protected")
        self.other.card = self.other.keep(self.card.twin(self.path("other.qtest")))

    def is_protected(self):
        try:
            self.proxy("colo-proxy-start")
        except QmpError:  # it may run already; the secondary may not be there yet
            pass
        return self.proxy.status()["mode"] == "lockstep"

    def test_a_large_segment_agrees_with_the_same_bytes_in_small_ones(self):
        self.protect()
        primary, secondary = Connection(1000), Connection(70_000)
        self.outside.send(NO_OFFLOAD, primary.syn())
        for card, vm in ((self.card, primary), (self.other.card, secondary)):
            self.check_sent([(NO_OFFLOAD, primary.syn())], card.receive)
            card.send(NO_OFFLOAD, vm.syn_ack())
        self.check_sent([(NO_OFFLOAD, primary.syn_ack())], self.outside.receive)
        self.outside.send(request().header, request().frame)
        for card, isn in ((self.card, 1000), (self.other.card, 70_000)):
            self.check_sent(request(isn).cut(), card.receive)
        self.card.send(answer().header, answer().frame)
        for segment in answer(70_000, ident=500).segments:
            self.other.card.send(NO_OFFLOAD, segment)
        self.check_sent(answer().cut(), self.outside.receive)
        status = self.proxy.status()
        self.assertEqual((status["mode"], sum(status["checkpoints"].values()), status["flows"]["tracked"]), ("lockstep", 0, 1))
        self.assertTrue(self.outside.is_silent() and self.other.outside.is_silent())


class Taps(TapCase):
    """A card that sets no length of headers, and a tap that has none."""

    def test_frames_pass_where_no_card_knows_headers(self):
        for vnet in ("on", "off"):
            with self.subTest(vnet_hdr=vnet):
                self.doCleanups()
                self.setUp()
                machine = TapMachine(self, self.namespace, vnet=vnet)
                hub = ["-netdev", "hubport,id=p,hubid=0,netdev=a", *machine.b.netdev("b"),
                       "-netdev", "hubport,id=q,hubid=0,netdev=b"]
                machine.boot(*hub, "-device", f"{DEVICE},role=mirror,outdev=plain,{chardev('plain')}", has_card=False)
                copies = Stream(self, "plain")
                machine.b.send(SHORT)
                self.check_sent([(NO_OFFLOAD, SHORT)], machine.outside.receive)
                machine.outside.send(NO_OFFLOAD, SHORT_BACK)
                self.check_arrived(machine.b, [SHORT_BACK])
                self.assertEqual(copies.frames(2), [SHORT, SHORT_BACK])
                machine.quit()

    def test_a_virtio_card_on_a_tap_without_headers_has_no_offloads(self):
        self.boot("-device", f"{DEVICE},role=dump,file=dump", vnet="off", features=0)
        self.card.send(NO_OFFLOAD, SHORT)
        self.check_sent([(NO_OFFLOAD, SHORT)], self.outside.receive)
        self.outside.send(NO_OFFLOAD, SHORT_BACK)
        self.check_sent([(NO_OFFLOAD, SHORT_BACK)], self.card.receive)
        self.machine.quit()


if __name__ == "__main__":
    if reason := unavailable():
        print(reason)
        sys.exit(77)  # Meson's word for skipped
    main()
