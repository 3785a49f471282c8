# SPDX-License-Identifier: GPL-2.0-or-later
"""The stock QEMU beside `colo-proxy run`: its filters feed ours and are fed by ours, its netdevs connect to
ours, its colo-compare says what ours says. No guest: hubs take the frames from netdev to netdev."""
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

from frames import GUEST6, PEER6, Connection, answer, echo_reply, ethernet
from program import BINARY, Case
from qmp import Qmp, connected, eventually
from tunnel_test import both

QEMU = "qemu-system-x86_64"
SECONDS = 60  # longer is a hang
FRAMES = 100
GROUP = 5  # frames, one of each size: 80 KB
VNET_SIZE = 12
PROBE = ethernet(0x88B5, b"is the way open?" + bytes(44))  # 0x88b5: for experiments


def body(number):
    """Frames of all sizes, none like another."""
    size = (46, 200, 1500, 9000, 65000)[number % 5] + number % 7
    return ethernet(0x88B6, struct.pack(">I", number) + bytes((number + i) % 251 for i in range(size)))


class Wire:
    """Frames on a stream socket, QEMU's framing. `vnet`: with the header's length, and a header."""

    def __init__(self, sock, vnet=False):
        sock.setblocking(False)
        self.socket, self.vnet, self.outgoing, self.incoming, self.received = sock, vnet, b"", b"", []

    def put(self, frames):
        size = VNET_SIZE if self.vnet else 0
        pieces = []
        for frame in frames:
            pieces.append(struct.pack(">I", size + len(frame)))
            pieces.append(struct.pack(">I", size) + bytes(size) if self.vnet else b"")
            pieces.append(frame)
        self.outgoing += b"".join(pieces)

    def send_some(self):
        self.outgoing = self.outgoing[self.socket.send(self.outgoing[:1 << 18]):]

    def receive_some(self):
        data = self.socket.recv(1 << 18)
        if not data:
            raise ConnectionError("the other end closed it")
        self.incoming += data
        at, prefix = 0, 8 if self.vnet else 4
        while len(self.incoming) - at >= prefix:
            end = at + prefix + int.from_bytes(self.incoming[at:at + 4], "big")
            if len(self.incoming) < end:
                break
            front = int.from_bytes(self.incoming[at + 4:at + 8], "big") if self.vnet else 0
            self.received.append(self.incoming[at + prefix + front:end])
            at = end
        self.incoming = self.incoming[at:]


def exchange(wires, done, seconds=SECONDS):
    """Sends and receives until `done()`; false when it does not come about."""
    wires = list(dict.fromkeys(wires))
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        readable, writable, _ = select.select([w.socket for w in wires], [w.socket for w in wires if w.outgoing],
                                              [], 0.05)
        for wire in wires:
            if wire.socket in readable:
                wire.receive_some()
            if wire.socket in writable:
                wire.send_some()
    return True


def arrived(wire):
    return [frame for frame in wire.received if frame != PROBE]


class Interop(Case):
    def fresh_folder(self):
        self.folder = tempfile.mkdtemp(dir=self.folder)

    def spawn(self, command, **keywords):
        process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, **keywords)
        self.addCleanup(process.wait, SECONDS)
        self.addCleanup(process.terminate)
        return process

    def ours(self, *arguments):
        """Listens when this returns: each socket file is there."""
        process = self.spawn([BINARY, "run", *arguments], stderr=subprocess.DEVNULL)
        paths = [part.split("=", 1)[1] for text in arguments for part in text.split(",")
                 if part.startswith(("path=", "addr.path=")) and "server=on" in text]
        self.wait_for(lambda: all(os.path.exists(self.path(path)) for path in paths), process)

    def wait_for(self, there, process):
        end = time.monotonic() + SECONDS
        while not there():
            self.assertIsNone(process.poll(), "it ended")
            self.assertLess(time.monotonic(), end)
            select.select([], [], [], 0.01)

    def qemu(self, ends, *arguments):
        """`ends`: ids of netdevs that are a socket of ours; the wires to them."""
        wires, fds, netdevs = [], [], []
        for name in ends:
            near, far = socket.socketpair()
            for sock in (near, far):
                self.addCleanup(sock.close)
            wires.append(Wire(near))
            fds.append(far.fileno())
            netdevs += ["-netdev", f"socket,id={name},fd={far.fileno()}"]
        self.spawn([QEMU, "-machine", "none", "-nodefaults", "-display", "none", *netdevs, *arguments],
                   pass_fds=fds, stderr=subprocess.DEVNULL)
        return wires

    def connect(self, name, vnet=False):
        sock = socket.socket(socket.AF_UNIX)
        self.addCleanup(sock.close)
        return Wire(connected(sock, self.path(name)), vnet)

    def open_way(self, sender, receivers, others):
        """A frame may be lost before all are connected, none afterwards."""
        through = lambda: all(wire.received for wire in receivers)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            sender.put([PROBE])
            if exchange([sender, *receivers, *others], through, 0.2):
                return
        self.fail("nothing comes through")

    def check_way(self, sender, receivers, others=()):
        """At each receiver all arrive, unaltered, in order, once.

        QEMU's socket netdev on a hub stands still for good after a write that did not take all: no more
        is under way than its sockets take.
        """
        self.open_way(sender, receivers, others)
        expected = [body(i) for i in range(FRAMES)]
        for count in range(GROUP, FRAMES + GROUP, GROUP):
            sender.put(expected[count - GROUP:count])
            there = lambda: all(len(arrived(wire)) >= min(count, FRAMES) for wire in receivers)
            if not exchange([sender, *receivers, *others], there):
                break
        for wire in receivers:
            self.check_equal(arrived(wire), expected)

    def check_equal(self, arrived, expected):
        """Frames are long: the place is told, not what stands there."""
        different = [i for i, (a, b) in enumerate(zip(arrived, expected)) if a != b]
        self.assertEqual((len(arrived), different[:5]), (len(expected), []))


def hub(*netdevs):
    return sum((["-netdev", f"hubport,id=port{n},hubid=0,netdev={n}"] for n in netdevs), [])


def server(name):
    return ["-chardev", f"socket,id={name},path={name},server=on,wait=off"]


def client(name):
    return ["-chardev", f"socket,id={name},path={name}"]


def listening_netdev(name, *more):
    return ["-netdev", ",".join(["stream", f"id={name}", "addr.type=unix", f"addr.path={name}", "server=on",
                                 *more])]


class Filters(Interop):
    """A frame enters QEMU at one netdev and leaves it at the other; filters stand on the first."""

    def each_way(self, check):
        for vnet in ("off", "on"):
            for queue in ("tx", "rx"):
                with self.subTest(vnet=vnet, queue=queue):
                    self.fresh_folder()
                    check(f"queue={queue},vnet_hdr_support={vnet}", queue)

    def ends(self, queue, wires):
        """Sender and receiver: tx is what the first netdev sends into the hub."""
        return wires if queue == "tx" else wires[::-1]

    def test_its_mirror_feeds_our_redirector(self):
        def check(properties, queue):
            self.ours(*server("copies"), *listening_netdev("vm", "peer=up"), *listening_netdev("up"),
                      "-object", f"filter-redirector,id=r,netdev=vm,indev=copies,{properties}")
            vm, up = self.connect("vm"), self.connect("up")
            wires = self.qemu(["a", "b"], *hub("a", "b"), *client("copies"), "-object",
                              f"filter-mirror,id=m,netdev=a,outdev=copies,{properties}")
            sender, receiver = self.ends(queue, wires)
            copies = vm if queue == "tx" else up
            self.check_way(sender, (receiver, copies), (vm, up))
        self.each_way(check)

    def test_its_redirectors_around_ours(self):
        """Out of QEMU, through two redirectors and past a mirror of ours, back into QEMU."""
        def check(properties, queue):
            first, second = ("in", "out") if queue == "tx" else ("out", "in")
            objects = {"in": f"filter-redirector,id=in,netdev=vm,indev=to,{properties}",
                       "copy": f"filter-mirror,id=copy,netdev=vm,outdev=copies,{properties}",
                       "out": f"filter-redirector,id=out,netdev=vm,outdev=from,{properties}"}
            self.ours(*server("to"), *server("from"), *server("copies"), *listening_netdev("vm"),
                      *sum((["-object", objects[name]] for name in (first, "copy", second)), []))
            copies = self.connect("copies", "vnet_hdr_support=on" in properties)
            away = f"filter-redirector,id=away,netdev=a,outdev=to,{properties}"
            back = f"filter-redirector,id=back,netdev=a,indev=from,{properties}"
            order = (away, back) if queue == "tx" else (back, away)
            wires = self.qemu(["a", "b"], *hub("a", "b"), *client("to"), *client("from"),
                              "-object", order[0], "-object", order[1])
            sender, receiver = self.ends(queue, wires)
            self.check_way(sender, (receiver, copies))
        self.each_way(check)

    def test_our_mirror_feeds_its_redirector(self):
        def check(properties, queue):
            self.ours(*server("copies"), *listening_netdev("vm", "peer=up"), *listening_netdev("up"),
                      "-object", f"filter-mirror,id=m,netdev=vm,outdev=copies,{properties}")
            vm, up = self.connect("vm"), self.connect("up")
            wires = self.qemu(["a", "b"], *hub("a", "b"), *client("copies"), "-object",
                              f"filter-redirector,id=r,netdev=a,indev=copies,{properties}")
            sender = up if queue == "tx" else vm
            copies = self.ends(queue, wires)[1]
            self.check_way(sender, (copies,), (vm, up))
        self.each_way(check)


class Tls(Interop):
    """Frames between QEMU's chardevs and ours, over TCP within TLS; certificates as QEMU lays them out."""

    def setUp(self):
        super().setUp()
        self.fresh_folder()
        self.pki = both(self.path("pki"))

    def creds(self, endpoint, folder="pki", more=""):
        return ["-object", f"tls-creds-x509,id=t0,dir={self.path(folder)},endpoint={endpoint}{more}"]

    def end(self, port, is_server):
        who = "server=on,wait=off" if is_server else "reconnect=1"
        return ["-chardev", f"socket,id=copies,host=127.0.0.1,port={port},tls-creds=t0,{who}"]

    def check(self, qemu_listens, qemu_sends, more=""):
        port = free_port(socket.SOCK_STREAM)
        ours = self.creds("client" if qemu_listens else "server", more=more) + self.end(port, not qemu_listens)
        theirs = self.creds("server" if qemu_listens else "client", more=more) + self.end(port, qemu_listens)
        mirror, redirector = "filter-mirror,id=f,outdev=copies,", "filter-redirector,id=f,indev=copies,"
        self.ours(*ours, *listening_netdev("vm", "peer=up"), *listening_netdev("up"), "-object",
                  (redirector if qemu_sends else mirror) + "netdev=vm,queue=tx")
        vm, up = self.connect("vm"), self.connect("up")
        inside, outside = self.qemu(["a", "b"], *hub("a", "b"), *theirs, "-object",
                                    (mirror if qemu_sends else redirector) + "netdev=a,queue=tx")
        if qemu_sends:
            self.check_way(inside, (outside, vm), (up,))
        else:
            self.check_way(up, (vm, outside), (inside,))

    def test_its_client_feeds_our_server(self):
        self.check(qemu_listens=False, qemu_sends=True)

    def test_our_server_feeds_its_client(self):
        self.check(qemu_listens=False, qemu_sends=False)

    def test_its_server_feeds_our_client(self):
        self.check(qemu_listens=True, qemu_sends=True)

    def test_our_client_feeds_its_server(self):
        self.check(qemu_listens=True, qemu_sends=False)

    def check_nameless(self, qemu_listens):
        for name in ("client-cert.pem", "client-key.pem"):
            os.remove(self.pki.path(name))
        self.check(qemu_listens, qemu_sends=True, more=",verify-peer=off")

    def test_our_server_verifies_nobody(self):
        self.check_nameless(qemu_listens=False)

    def test_its_server_verifies_nobody(self):
        self.check_nameless(qemu_listens=True)

    def test_a_stranger_is_refused_with_a_reason_by_either(self):
        both(self.path("other"))
        for qemu_listens in (False, True):
            with self.subTest(qemu_listens=qemu_listens):
                port = free_port(socket.SOCK_STREAM)
                log = self.path(f"log{qemu_listens}")
                with open(log, "w") as stderr:
                    self.spawn([BINARY, "run", *self.creds("client" if qemu_listens else "server"),
                                *self.end(port, not qemu_listens)], stderr=stderr)
                self.qemu(["a"], *hub("a"), *self.creds("server" if qemu_listens else "client", "other"),
                          *self.end(port, qemu_listens), "-object", "filter-mirror,id=f,outdev=copies,netdev=a,queue=tx")
                said = lambda: open(log, encoding="utf-8").read()
                eventually(lambda: "certificate" in self.text(log).lower(), "it is refused")

    @staticmethod
    def text(path):
        with open(path, encoding="utf-8") as file:
            return file.read()


class Netdevs(Interop):
    """QEMU's netdev, ours with an uplink, and frames both ways."""

    def check_both_ways(self, qemu_netdev, *ours_netdev):
        self.ours(*ours_netdev, *listening_netdev("up"))
        up = self.connect("up")
        inside, = self.qemu(["a"], "-netdev", qemu_netdev, *hub("a", "n"))
        self.check_way(inside, (up,))
        self.check_way(up, (inside,))

    def test_stream_connects_to_ours(self):
        self.check_both_ways("stream,id=n,server=off,addr.type=unix,addr.path=vm",
                             *listening_netdev("vm", "peer=up"))

    def test_dgram_speaks_with_ours(self):
        """Over UDP a frame of 65,000 bytes is one datagram, too; each end is bound before the other sends."""
        for name, near, far in (("unix", "type=unix,{0}.path=ours", "type=unix,{0}.path=theirs"),
                                ("inet", f"type=inet,{{0}}.host=127.0.0.1,{{0}}.port={free_port()}",
                                 f"type=inet,{{0}}.host=127.0.0.1,{{0}}.port={free_port()}")):
            with self.subTest(name):
                self.fresh_folder()
                ends = lambda local, remote: f"local.{local.format('local')},remote.{remote.format('remote')}"
                self.check_both_ways(f"dgram,id=n,{ends(far, near)}", "-netdev",
                                     f"dgram,id=vm,{ends(near, far)},peer=up")


def free_port(kind=socket.SOCK_DGRAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Compare(Interop):
    """The same two feeds for both: what QEMU releases, ours does, too."""

    def feeds(self):
        """Answers that are equal, in other segments, IP IDs and windows."""
        primary, secondary = [], []
        for port in range(40_000, 40_008):
            for frames, ident, cuts in ((primary, 1, (0, 700, 1400, 3000)), (secondary, 9, (0, 900, 1400, 3000))):
                talk = Connection(port * 1000, ports=(80, port), ident=ident)
                stream = bytes(i % 249 for i in range(3000))
                frames.append(talk.syn_ack())
                frames += [talk.output(a, stream[a:b]) for a, b in zip(cuts, cuts[1:])]
            same = [answer(b"datagram %d" % port, ports=(53, port)), answer(b"six", GUEST6, PEER6, (53, port)),
                    echo_reply(b"ping", sequence=port)]
            primary += same
            secondary += same
        return primary, secondary

    def released(self, vnet, all_accepted=lambda: None):
        """What comes out of the comparator that listens here."""
        out = self.connect("out", vnet)
        primary, secondary = self.connect("pri", vnet), self.connect("sec", vnet)
        all_accepted()
        frames, others = self.feeds()
        secondary.put(others)
        primary.put(frames)
        exchange([primary, secondary, out], lambda: len(out.received) >= len(frames))
        return frames, out.received

    def accepted_by_qemu(self):
        """Until it has accepted a client it throws away what is for it."""
        monitor = Qmp(self.path("qmp"))
        eventually(lambda: not any(device["filename"].startswith("disconnected:")
                                   for device in monitor("query-chardev")
                                   if device["label"] in ("pri", "sec", "out")), "QEMU accepts")
        monitor.close()

    def objects(self, vnet):
        return [*server("pri"), *server("sec"), *server("out"), "-object", "iothread,id=io", "-object",
                "colo-compare,id=c,primary_in=pri,secondary_in=sec,outdev=out,iothread=io"
                + (",vnet_hdr_support=on" if vnet else "")]

    def test_releases_what_qemu_releases(self):
        for vnet in (False, True):
            with self.subTest(vnet=vnet):
                self.fresh_folder()
                self.ours(*self.objects(vnet))
                sent, ours = self.released(vnet)
                self.fresh_folder()
                process = self.spawn([QEMU, "-machine", "none", "-nodefaults", "-display", "none",
                                      "-qmp", "unix:qmp,server=on,wait=off", *self.objects(vnet)],
                                     stderr=subprocess.DEVNULL)
                self.wait_for(lambda: os.path.exists(self.path("qmp")), process)
                _, theirs = self.released(vnet, self.accepted_by_qemu)
                # QEMU's datagrams may come out last first, and its flows in any order.
                self.check_equal(sorted(ours), sorted(theirs))
                for frames in (ours, theirs):
                    self.assertEqual(self.tcp_flows(frames), self.tcp_flows(sent))

    def tcp_flows(self, frames):
        flows = {}
        for frame in frames:
            if frame[12:14] == b"\x08\x00" and frame[23] == 6:
                flows.setdefault(frame[36:38], []).append(frame)
        return flows


if __name__ == "__main__":
    if not shutil.which(QEMU):
        print(f"skipped: no {QEMU}; Debian's package is qemu-system-x86")
        sys.exit(77)  # Meson's word for it
    unittest.main()
