#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A `colo-proxy run` that is given no rest: frames through a comparator and through a chain of filters while, by
a seed, filters are switched and replaced, peers die in the middle of a frame and come back, the VMs differ and
checkpoints are made. No frame may be lost, doubled or reordered but where its receiver died; memory stays flat.
Chardevs are servers and clients with reconnect=, on unix and on TCP sockets; with an odd seed frames at them have
vnet headers.

    COLO_PROXY=$PWD/build-asan/cli/colo-proxy ASAN_OPTIONS=quarantine_size_mb=16 tests/e2e/soak.py --frames 20000000
"""
import argparse
import collections
import itertools
import os
import random
import select
import socket
import struct
import sys
import time
import unittest

from frames import GUEST, PEER, tcp, udp
from hosted import HostedCase, marker, stream
from qmp import PATIENCE, eventually
from tunnel_test import free_port
from wire import Wire

FLOWS = 256           # of each kind, and half of them datagrams
TRAIN = 4             # frames of a flow in a round
PAYLOAD = 64          # of a segment; a datagram has as much more as its header is shorter
FRAME = 14 + 20 + 20 + PAYLOAD
SEQ_AT, NUMBER_AT = 14 + 20 + 4, FRAME - 8
VNET = 12             # bytes of a header
DATAGRAMS, SEGMENTS = range(FLOWS), range(FLOWS, 2 * FLOWS)
ROUND = 2 * FLOWS * TRAIN
SETTLED = 0.25        # of all frames: from then on memory is watched
GROWTH = 24 << 20     # what may come on top: buffers of a stall that was longer than those before

OPTIONS = None


class Framing:
    """All frames are of one size, so each has the same bytes in front."""

    def __init__(self, vnet=None):
        self.vnet = vnet  # as Wire has it
        self.prefix = struct.pack(">I", FRAME) if vnet is None else struct.pack(">II", vnet + FRAME, vnet) + bytes(vnet)
        self.size = len(self.prefix) + FRAME

    def frames_of(self, data):
        return [data[at + len(self.prefix):at + self.size] for at in range(0, len(data), self.size)]

    def by_flow(self, data):
        """Addresses and ports -> its frames, in order."""
        flows = collections.defaultdict(list)
        for frame in self.frames_of(data):
            flows[frame[14 + 9:SEQ_AT]].append(frame)
        return flows


class Output:
    """What a guest says round after round: trains of all flows, each frame with a number of its own."""

    def __init__(self, framing):
        frames = [udp(GUEST, PEER, (53, 1000 + flow), bytes(PAYLOAD + 12)) for flow in DATAGRAMS for _ in range(TRAIN)]
        frames += [tcp(GUEST, PEER, (80, 1000 + flow), 0, 1, payload=bytes(PAYLOAD))
                   for flow in SEGMENTS for _ in range(TRAIN)]
        self.rounds, self.framing = 0, framing
        self.bytes = bytearray(b"".join(framing.prefix + frame for frame in frames))

    def next(self):
        size, front = self.framing.size, len(self.framing.prefix)
        half = ROUND // 2 * size
        for place in range(TRAIN):
            number = struct.pack(">Q", self.rounds * TRAIN + place)
            seq = struct.pack(">I", (self.rounds * TRAIN + place) * PAYLOAD & 0xFFFFFFFF)
            for values, at, first in ((number, NUMBER_AT, 0), (seq, SEQ_AT, half)):
                for i, value in enumerate(values):
                    column = slice(first + place * size + front + at + i, None, TRAIN * size)
                    self.bytes[column] = bytes([value]) * len(self.bytes[column])
        self.rounds += 1
        return bytes(self.bytes)


def is_subsequence(part, whole):
    remaining = iter(whole)
    return all(frame in remaining for frame in part)


class Soak(HostedCase):
    def setUp(self):
        super().setUp()
        self.random = random.Random(OPTIONS.seed)
        self.frames = self.lost = 0
        self.done = collections.Counter()
        self.memory = []

    def test_given_no_rest(self):
        self.start()
        began = time.monotonic()
        while self.frames < OPTIONS.frames:
            act = self.random.choices(list(ACTS), list(ACTS.values()))[0]
            act(self)
            self.done[act.__name__] += 1
            self.frames += ROUND
            self.host.qmp.events.clear()
            self.watch_memory()
        self.report(time.monotonic() - began)

    # --- The process and its peers ---

    def start(self):
        has_vnet = OPTIONS.seed % 2 == 1
        vnet = ",vnet_hdr_support=on" if has_vnet else ""
        self.plain, self.framed = Framing(), Framing(VNET if has_vnet else None)
        # A netdev that is a stream has no headers: their length is 0 where its frames leave.
        self.redirected = Framing(0 if has_vnet else None)
        self.ports = {name: free_port() for name in CHARDEVS}
        self.listeners = {}
        options = [*itertools.chain(*(("-chardev", self.chardev(name)) for name in CHARDEVS)),
                   *stream("hn0", "peer=up0"), *stream("up0"),
                   "-object", "colo-compare,id=comp0,primary_in=pri,secondary_in=sec,outdev=out,notify_dev=xen" + vnet,
                   "-object", "filter-rewriter,id=rw0,netdev=hn0" + vnet, "-object", self.text(self.mirror(vnet)),
                   "-object", "filter-redirector,id=red0,netdev=hn0,queue=rx,outdev=red,status=off,fail-closed=off" + vnet]
        self.vnet = vnet
        self.host = self.proxy(*options)
        self.host.qmp("query-version")
        self.wires = {}
        for name in ("out", "xen", "pri", "sec", "mir", "red", "up0", "hn0"):
            self.connect(name)
        self.compared, self.filtered = Output(self.framed), Output(self.plain)

    def chardev(self, name):
        """A server, or a client of ours that comes back."""
        family, role = CHARDEVS[name]
        at = f"path={name}" if family == "unix" else f"host=127.0.0.1,port={self.ports[name]}"
        if role == "client":
            self.listeners[name] = self.listening(name, family)
        return f"socket,id={name},{at}," + ("server=on,wait=off" if role == "server" else "reconnect=1")

    def listening(self, name, family):
        listener = socket.socket(socket.AF_UNIX if family == "unix" else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(self.path(name) if family == "unix" else ("127.0.0.1", self.ports[name]))
        listener.listen()
        listener.settimeout(PATIENCE)
        self.addCleanup(listener.close)
        return listener

    def mirror(self, vnet):
        mirror = {"qom-type": "filter-mirror", "id": "m0", "netdev": "hn0", "queue": "rx", "outdev": "mir"}
        return {**mirror, "vnet_hdr_support": "on"} if vnet else mirror

    @staticmethod
    def text(options):
        return ",".join([options["qom-type"], *(f"{k}={v}" for k, v in options.items() if k != "qom-type")])

    def connect(self, name):
        """Anew, once the program has seen the last one go."""
        if name in self.wires:
            self.wires.pop(name).close()
            if name not in self.listeners:
                eventually(lambda: not self.is_connected(name), f"{name} is free")
        self.wires[name] = self.peer_of(name)
        self.addCleanup(self.wires[name].close)
        eventually(lambda: self.is_connected(name), f"{name} is connected")
        if name == "xen":
            self.tell("COLO_USERSPACE_PROXY_INIT")

    def peer_of(self, name):
        vnet = 0 if self.vnet and name in ("mir", "red") else None
        if name in self.listeners:
            return Wire(vnet=vnet, connected=self.listeners[name].accept()[0])
        if name in CHARDEVS and CHARDEVS[name][0] == "tcp":
            return Wire(vnet=vnet, connected=socket.create_connection(("127.0.0.1", self.ports[name])))
        return Wire(self.path(name), vnet)

    def is_connected(self, name):
        chardevs = {c["label"]: c["connected"] for c in self.host.qmp("query-chardev")}
        return chardevs.get(name, True)  # a netdev's peer has been accepted before the second question

    def tell(self, words):
        """With the header's length where there are headers; what comes from there has none (qemu.md)."""
        head = struct.pack(">II", len(words), 0) if self.vnet else struct.pack(">I", len(words))
        self.wires["xen"].raw(head + words.encode())

    def answer_xen(self):
        """Whoever asks for a checkpoint gets it."""
        while True:
            if self.wires["xen"].frame() == b"DO_CHECKPOINT":
                self.tell("COLO_CHECKPOINT")
            if not self.wires["xen"].rest:
                return

    # --- Sending, collecting, looking ---

    def collect(self, is_complete, *names):
        """{name: bytes} as soon as they are; checkpoints are made meanwhile."""
        data = {name: bytearray() for name in names}
        sockets = {self.wires[name].socket: name for name in (*names, "xen")}
        while not is_complete(data):
            ready, _, _ = select.select(sockets, [], [], PATIENCE)
            self.assertTrue(ready, f"{ {n: len(d) for n, d in data.items()} } and no more, {self.where()}")
            for socket in ready:
                if sockets[socket] == "xen":
                    self.answer_xen()
                    continue
                piece = socket.recv(1 << 18)
                self.assertTrue(piece, f"{sockets[socket]} closed, {self.where()}")
                data[sockets[socket]] += piece
        return {name: bytes(part) for name, part in data.items()}

    def collect_size(self, size, *names):
        data = self.collect(lambda data: sum(map(len, data.values())) >= size, *names)
        self.assertEqual(sum(map(len, data.values())), size, f"too much, {self.where()}")
        return data

    def where(self):
        return f"round of {self.frames} frames, seed {OPTIONS.seed}: {self.host.messages()[-2000:]}"

    def expect_released(self, sent):
        released = self.collect_size(len(sent), "out")["out"]
        if released != sent:
            self.assertEqual(self.framed.by_flow(released), self.framed.by_flow(sent), self.where())

    def send_by_halves(self, name, data, between):
        """`between` happens while the first part, which may end inside a frame, is under way."""
        cut = self.random.randrange(len(data))
        self.wires[name].raw(data[:cut])
        between()
        self.wires[name].raw(data[cut:])

    def send_with_a_death(self, name, data):
        """The peer dies inside a frame, comes back, and begins with that frame."""
        cut = self.random.randrange(len(data))
        self.wires[name].raw(data[:cut])
        self.connect(name)
        self.wires[name].raw(data[cut // self.framed.size * self.framed.size:])

    # --- What happens in a round ---

    def compare(self):
        data = self.compared.next()
        for name in self.random.sample(("pri", "sec"), 2):
            self.wires[name].raw(data)
        self.expect_released(data)

    def compare_what_differs(self):
        data = self.compared.next()
        other = bytearray(data)
        other[self.random.randrange(ROUND) * self.framed.size + len(self.framed.prefix) + NUMBER_AT - 1] ^= 1
        self.wires["pri"].raw(data)
        self.wires["sec"].raw(other)
        self.expect_released(data)

    def checkpoint_unasked(self):
        data = self.compared.next()
        self.send_by_halves("pri", data, lambda: self.tell("COLO_CHECKPOINT"))
        self.send_by_halves("sec", data, lambda: self.tell("COLO_CHECKPOINT"))
        self.expect_released(data)

    def input_dies(self):
        data = self.compared.next()
        dying = self.random.choice(("pri", "sec"))
        for name in ("pri", "sec"):
            self.send_with_a_death(name, data) if name == dying else self.wires[name].raw(data)
        self.expect_released(data)

    def xen_dies(self):
        data = self.compared.next()
        self.wires["pri"].raw(data)
        self.connect("xen")
        self.wires["sec"].raw(data)
        self.expect_released(data)

    def output_dies(self):
        """What is under way to it is lost; what comes behind is not."""
        data = self.compared.next()
        self.wires["pri"].raw(data)
        self.send_by_halves("sec", data, lambda: self.connect("out"))
        primary = self.compared.rounds * ROUND + self.done["output_dies"]
        eventually(lambda: self.has_released(primary), f"all is released, {self.where()}")
        end = Wire.framed(self.framed, marker())
        self.wires["pri"].raw(end)
        seen = self.collect(lambda data: data["out"].endswith(end), "out")["out"]
        released, sent = self.framed.by_flow(seen[:-len(end)]), self.framed.by_flow(data)
        for flow, frames in released.items():
            self.assertTrue(is_subsequence(frames, sent[flow]), self.where())
        self.lost += ROUND - sum(map(len, released.values()))

    def has_released(self, primary):
        if select.select([self.wires["xen"].socket], [], [], 0)[0]:
            self.answer_xen()
        status = self.host.qmp.status()
        return status["frames"]["primary"] == primary and status["queued"]["primary-frames"] == 0

    def filter_frames(self, between=lambda: None):
        """Each frame leaves once, by the uplink or by the redirector, in order; of each at most one copy."""
        data = self.filtered.next()
        self.send_by_halves("hn0", data, between)
        framings = {"up0": self.plain, "red": self.redirected}
        count = lambda parts: sum(len(part) / framings[name].size for name, part in parts.items())
        parts = self.collect(lambda parts: count(parts) >= ROUND, *framings)
        parts = {name: framings[name].frames_of(part) for name, part in parts.items()}
        whole = self.plain.frames_of(data)
        if whole not in parts.values():
            self.assertEqual(sorted(parts["up0"] + parts["red"]), sorted(whole), self.where())
            for part in parts.values():
                self.assertTrue(is_subsequence(part, whole), self.where())
        self.look_at_copies(data)

    def look_at_copies(self, data):
        """With a marker behind, which goes where the frames go."""
        self.host.qmp.set("/objects/m0", "status", "on")
        self.host.qmp.set("/objects/red0", "status", "off")
        self.wires["hn0"].send(marker())
        copies = self.wires["mir"].up_to(marker())
        self.assertEqual(self.wires["up0"].frame(), marker(), self.where())
        whole = self.plain.frames_of(data)
        self.assertTrue(copies == whole or is_subsequence(copies, whole), self.where())

    def toggle(self):
        name = self.random.choice(("m0", "red0", "rw0"))
        status = self.random.choice(("on", "off"))
        self.filter_frames(lambda: self.host.qmp.set("/objects/" + name, "status", status))

    def replace_the_mirror(self):
        def replace():
            self.host.qmp("object-del", id="m0")
            self.host.qmp("object-add", self.mirror(self.vnet))
        self.filter_frames(replace)

    def mirror_dies(self):
        self.filter_frames(lambda: self.connect("mir"))

    def redirector_dies(self):
        """While it is off: what it had would be lost."""
        self.filter_frames(lambda: self.connect("red"))

    def monitor_is_asked(self):
        def ask():
            client = self.host.client()
            client("query-colo-proxy")
            client("colo-proxy-flows", limit=10)
            client.close()
        self.filter_frames(ask)

    # --- Memory ---

    def watch_memory(self):
        if self.frames >= SETTLED * OPTIONS.frames * (1 + len(self.memory) / 4):
            with open(f"/proc/{self.host.process.pid}/statm", encoding="ascii") as statm:
                self.memory.append(int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE"))

    def report(self, seconds):
        print(f"seed {OPTIONS.seed}: {self.frames:,} frames in {seconds:.0f} s; {self.lost:,} lost with their receivers;",
              ", ".join(f"{name} {count:,}" for name, count in sorted(self.done.items())))
        print("memory, MiB:", *(f"{size / 2**20:.1f}" for size in self.memory), flush=True)
        self.assertLess(max(self.memory), self.memory[0] + GROWTH)


CHARDEVS = {"pri": ("tcp", "server"), "sec": ("unix", "client"), "out": ("unix", "server"), "xen": ("tcp", "server"),
            "mir": ("tcp", "client"), "red": ("unix", "server")}

# How often, of each other's.
ACTS = {Soak.compare: 240, Soak.compare_what_differs: 3, Soak.checkpoint_unasked: 4, Soak.input_dies: 6,
        Soak.xen_dies: 2, Soak.output_dies: 2, Soak.filter_frames: 120, Soak.toggle: 40,
        Soak.replace_the_mirror: 6, Soak.mirror_dies: 6, Soak.redirector_dies: 6, Soak.monitor_is_asked: 6}


def main():
    global OPTIONS
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=200_000, help="at least so many (200,000)")
    parser.add_argument("--seed", type=int, default=1)
    OPTIONS = parser.parse_args()
    unittest.main(argv=sys.argv[:1])


if __name__ == "__main__":
    main()
