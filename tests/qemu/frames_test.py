# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames through the plain filters of the plugin, and what QEMU's monitor does with them meanwhile."""
import os
import socket
import struct

from plugin_rig import PluginCase, QmpError, body, connected, eventually, exchange, main
from frames import Connection

DEVICE = "colo-proxy,id=c0,netdev=a,filter-id=f0"


class Stream:
    """The far end of a chardev, with QEMU's framing."""

    def __init__(self, case, name):
        self.socket = connected(socket.socket(socket.AF_UNIX), case.path(name))
        self.socket.settimeout(60)
        case.addCleanup(self.socket.close)
        self.rest = b""

    def send(self, frame):
        self.socket.sendall(struct.pack(">I", len(frame)) + frame)

    def frames(self, count):
        found = []
        while len(found) < count:
            size = int.from_bytes(self.rest[:4], "big") if len(self.rest) >= 4 else 1 << 30
            if len(self.rest) >= 4 + size:
                found.append(self.rest[4:4 + size])
                self.rest = self.rest[4 + size:]
                continue
            data = self.socket.recv(1 << 18)
            assert data, "the chardev has gone"
            self.rest += data
        return found


def mirror(queue="all", more=""):
    return ["-device", f"{DEVICE},role=mirror,queue={queue},outdev=m0,"
                       f"chardev=socket,,id=m0,,path=copies,,server=on,,wait=off{more}"]


class Frames(PluginCase):
    def test_frames_pass_both_ways_and_are_copied(self):
        self.start(*mirror())
        copies = Stream(self, "copies")
        forth, back = [body(i) for i in range(200)], [body(i) for i in range(200, 400)]
        for there, here in zip(forth, back):
            self.a.send(there)
            self.b.send(here)
            self.assertTrue(exchange([self.a, self.b], lambda: True))
        self.check_arrived(self.b, forth)
        self.check_arrived(self.a, back)
        self.assertEqual(sorted(copies.frames(400)), sorted(forth + back))
        self.quit()

    def test_frames_of_datagram_netdevs_pass(self):
        sockets, netdevs = {}, []
        for name in "cd":
            sockets[name] = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.addCleanup(sockets[name].close)
            sockets[name].settimeout(60)
            sockets[name].bind(self.path(name))
            netdevs += ["-netdev", f"dgram,id={name},local.type=unix,local.path={name}.qemu,remote.type=unix,remote.path={name}",
                        "-netdev", f"hubport,id=port{name},hubid=1,netdev={name}"]
        plugin, device = mirror()
        self.start(*netdevs, plugin, device.replace("netdev=a", "netdev=c"))
        copies = Stream(self, "copies")
        frames = [body(i) for i in range(100)]
        for i, frame in enumerate(frames):
            near, far = ("c", "d") if i % 2 else ("d", "c")
            sockets[near].sendto(frame, self.path(near + ".qemu"))
            self.assertEqual(sockets[far].recv(1 << 16), frame)
        self.assertEqual(copies.frames(100), frames)
        self.quit()

    def test_a_queue_is_what_its_name_says(self):
        for queue, sender, receiver in (("tx", "a", "b"), ("rx", "b", "a")):
            with self.subTest(queue=queue):
                self.doCleanups()
                self.setUp()
                self.start(*mirror(queue))
                copies = Stream(self, "copies")
                self.a.send(body(1))
                self.check_arrived(self.b, [body(1)])
                self.b.send(body(2))
                self.check_arrived(self.a, [body(2)])
                self.assertEqual(copies.frames(1), [body(1 if queue == "tx" else 2)])
                self.quit()

    def test_switching_it_loses_and_reorders_nothing(self):
        self.start(*mirror())
        Stream(self, "copies")
        sent = []
        for round_number in range(40):
            frames = [body(len(sent) + i, 64) for i in range(25)]
            sent += frames
            self.a.send(*frames)
            if round_number % 3 == 2:
                self.hmp("qom-set /objects/f0 status " + ("off" if round_number % 2 else "on"))
            else:
                self.toggle("off" if round_number % 2 else "on")
        self.check_arrived(self.b, sent)
        self.quit()

    def test_what_is_switched_off_copies_nothing(self):
        self.start(*mirror())
        copies = Stream(self, "copies")
        self.toggle("off")
        self.a.send(body(1))
        self.check_arrived(self.b, [body(1)])
        self.toggle("on")
        self.a.send(body(2))
        self.check_arrived(self.b, [body(1), body(2)])
        self.assertEqual(copies.frames(1), [body(2)])
        self.quit()

    def test_a_redirector_takes_frames_out_and_puts_them_in(self):
        self.start("-device", f"{DEVICE},role=redirector,queue=tx,outdev=out,chardev=socket,,id=out,,path=out,,"
                              "server=on,,wait=off")
        out = Stream(self, "out")
        self.qmp.set("/machine/peripheral/c0", "chardev", "socket,id=in,path=in,server=on,wait=off")
        self.qmp.set("/machine/peripheral/c0", "add", "redirector,filter-id=f1,netdev=a,queue=tx,indev=in")
        back = Stream(self, "in")
        for i in range(50):
            self.a.send(body(i))
        frames = out.frames(50)
        self.assertEqual(frames, [body(i) for i in range(50)])
        for frame in frames:
            back.send(frame)
        self.check_arrived(self.b, frames)
        self.quit()

    def test_a_rewriter_maps_acks_and_sequence_numbers_while_it_is_on(self):
        self.start("-device", f"{DEVICE},role=rewriter")
        client, vm = Connection(1000), Connection(70_000)
        self.crosses(self.a, client.syn(), self.b, client.syn())
        self.crosses(self.b, vm.syn_ack(), self.a, vm.syn_ack())
        self.crosses(self.a, client.input(0), self.b, vm.input(0))  # which tells the client's numbers
        for status, told, heard in (("on", client, vm), ("off", vm, client), ("on", client, vm)):
            with self.subTest(status):
                self.toggle(status)
                self.crosses(self.b, vm.output(0, b"answer"), self.a, told.output(0, b"answer"))
                self.crosses(self.a, client.input(0, b"more", read=6), self.b, heard.input(0, b"more", read=6))
        self.assertEqual(self.qmp.get("/objects/f0", "connections"), 1)
        self.quit()

    def crosses(self, sender, frame, receiver, expected):
        sender.send(frame)
        receiver.received.clear()
        self.check_arrived(receiver, [expected])


class Monitor(PluginCase):
    def test_it_is_listed_and_says_what_it_is(self):
        self.start(*mirror("rx"))
        listed = self.qmp("qom-list", path="/objects")
        self.assertIn({"name": "f0", "type": "child<filter-colo-mirror>"}, listed)
        self.assertIn("f0: type=filter-colo-mirror", self.hmp("info network"))
        self.assertIn("netdev=a", self.hmp("info network"))
        self.assertEqual(self.qmp.get("/objects/f0", "outdev"), "m0")
        self.assertEqual(self.qmp.get("/objects/f0", "status"), "on")
        self.assertEqual(self.qmp.get("/objects/f0", "refused"), 0)
        self.quit()

    def test_positions_are_kept(self):
        self.start(*mirror())
        for name, place in (("f1", "position=head"), ("f2", "position=id=f0,insert=before"), ("f3", "position=tail")):
            self.qmp.set("/machine/peripheral/c0", "add", f"dump,filter-id={name},netdev=a,file={name}.pcap,{place}")
        order = [line.split(":")[0].strip(" -") for line in self.hmp("info network").splitlines() if "filter-colo" in line]
        self.assertEqual(order, ["f1", "f2", "f0", "f3"])
        self.a.send(body(1))
        self.check_arrived(self.b, [body(1)])
        self.quit()

    def test_it_can_be_deleted_and_made_again(self):
        self.start(*mirror())
        for _ in range(3):
            self.a.send(body(1))
            self.qmp("object-del", id="f0")
            self.a.send(body(2))
            self.qmp.set("/machine/peripheral/c0", "add", "mirror,filter-id=f0,netdev=a,outdev=m0")
        self.a.send(body(3))
        self.check_arrived(self.b, [body(1), body(2)] * 3 + [body(3)])
        self.quit()

    def test_it_goes_with_its_netdev(self):
        self.start(*mirror())
        for i in range(100):
            self.a.send(body(i))
        self.qmp("netdev_del", id="a")
        self.assertNotIn("f0", [entry["name"] for entry in self.qmp("qom-list", path="/objects")])
        self.assertIn("port", self.hmp("info network"))
        self.quit()

    def test_mistakes_are_told_and_change_nothing(self):
        self.start(*mirror())
        for wrong, words in (("mirror,filter-id=f1,netdev=a,outdev=nobody", "no chardev 'nobody'"),
                             ("mirror,filter-id=f1,netdev=nobody,outdev=m0", "network backend id"),
                             ("mirror,filter-id=f1,netdev=a", "outdev: is missing"),
                             ("mirror,filter-id=f0,netdev=a,outdev=m0", "filter-id: 'f0' is taken"),
                             ("mirror,filter-id=f1,netdev=a,outdev=m0,colour=red", "unknown option 'colour'"),
                             ("mirror,netdev=a,outdev=m0", "filter-id: is missing"),
                             ("sieve,filter-id=f1,netdev=a", "role: 'sieve' is none of"),
                             ("mirror,filter-id=f1,netdev=a,netdev=b,outdev=m0", "netdev: is given twice"),
                             ("mirror,filter-id=f1,netdev=a,outdev=m0,queue=sideways", "sideways"),
                             ("mirror,filter-id=f1,netdev=a,outdev=m0,position=id=nobody", "nobody")):
            with self.subTest(wrong):
                with self.assertRaises(QmpError) as error:
                    self.qmp.set("/machine/peripheral/c0", "add", wrong)
                self.assertIn(words, str(error.exception))
        self.a.send(body(1))
        self.check_arrived(self.b, [body(1)])
        self.quit()

    def test_the_device_stays_as_it_is(self):
        self.start(*mirror())
        with self.assertRaisesRegex(QmpError, "role: is fixed once the device is made"):
            self.qmp.set("/machine/peripheral/c0", "role", "nonsense")
        self.assertEqual(self.qmp.get("/machine/peripheral/c0", "role"), "mirror")
        with self.assertRaisesRegex(QmpError, "a colo-proxy device stays"):
            self.qmp("device_del", id="c0")
        self.a.send(body(1))
        self.check_arrived(self.b, [body(1)])
        self.quit()

    def test_its_own_monitor_answers(self):
        self.start(*mirror(more=",monitor=own"))
        own = self.own()
        self.assertEqual([entry["name"] for entry in own("qom-list", path="/objects")], ["f0"])
        with self.assertRaisesRegex(QmpError, "quit"):
            own("quit")
        with self.assertRaisesRegex(QmpError, "qom-set /objects/f0 status, in QEMU's monitor"):
            own.set("/objects/f0", "status", "off")
        self.toggle("off")
        self.assertEqual(own.get("/objects/f0", "status"), "off")
        self.quit()

    def test_a_dump_goes_to_a_file_alone(self):
        """Whoever does not read a pipe would stop our thread."""
        self.start(*mirror())
        os.mkfifo(self.path("pipe"))
        reader = os.open(self.path("pipe"), os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        with self.assertRaisesRegex(QmpError, "is no regular file"):
            self.qmp.set("/machine/peripheral/c0", "add", "dump,filter-id=f1,netdev=a,file=pipe")
        self.quit()


class Bounds(PluginCase):
    def test_frames_wait_while_the_vm_stands_still(self):
        """QEMU's own queue takes 10,000 frames, and loses the others."""
        self.start(*mirror(), "-S")
        sent = [body(i, 46) for i in range(12000)]
        self.a.send(*sent)
        eventually(lambda: self.qmp.get("/objects/f0", "held-back") >= sum(map(len, sent)), "all are held back")
        self.qmp("cont")
        self.check_arrived(self.b, sent)
        self.qmp("stop")
        self.a.send(body(0))
        self.qmp("cont")
        self.check_arrived(self.b, sent + [body(0)])
        self.quit()

    def held(self, count):
        """The frames that wait for a VM that stands still."""
        self.start(*mirror(more=",monitor=own"), "-S")
        sent = [body(i, 46) for i in range(count)]
        self.a.send(*sent)
        eventually(lambda: self.qmp.get("/objects/f0", "held-back") >= sum(map(len, sent)), "all are held back")
        return sent

    def test_what_qemus_queue_does_not_take_is_counted(self):
        for name, end in (("off", lambda: self.toggle("off")), ("removed", lambda: self.qmp("object-del", id="f0"))):
            with self.subTest(name):
                self.doCleanups()
                self.setUp()
                sent = self.held(12000)
                own = self.own()
                end()
                if name == "off":
                    self.assertEqual(self.qmp.get("/objects/f0", "refused"), 2000)
                self.assertEqual(own.event("COLO_PROXY_DROP"),
                                 {"where": "netfilter 'f0'", "reason": "queue-full", "count": 2000})
                self.qmp("cont")
                self.check_arrived(self.b, sent[:10000])
                self.quit()

    def test_what_was_held_for_a_nic_that_has_gone_is_counted(self):
        self.held(100)
        self.qmp("netdev_del", id="porta")
        self.qmp("cont")
        eventually(lambda: self.qmp.get("/objects/f0", "homeless") == 100, "they have no home")
        self.assertEqual(self.qmp.get("/objects/f0", "held-back"), 0)
        self.quit()

    def test_what_waits_goes_before_what_passes_a_filter_that_is_off(self):
        self.start(*mirror(), "-S")
        sent = [body(i) for i in range(40)]
        self.a.send(*sent[:20])
        eventually(lambda: self.qmp.get("/objects/f0", "held-back") >= sum(map(len, sent[:20])), "they are held back")
        self.toggle("off")
        self.a.send(*sent[20:])
        self.qmp("cont")
        self.check_arrived(self.b, sent)
        self.quit()

    def test_a_migration_leaves_what_is_held_where_it_is(self):
        sent = self.held(100)
        self.qmp("migrate", uri="exec:cat >state")
        eventually(lambda: self.qmp("query-migrate")["status"] == "completed", "the state is written")
        self.assertGreater(os.path.getsize(self.path("state")), 0)
        self.qmp("cont")
        self.check_arrived(self.b, sent)
        self.quit()

    def test_a_snapshot_leaves_what_is_held_where_it_is(self):
        disk = self.path("disk")
        with open(disk, "wb"):
            pass
        sent = self.held(100)
        node = {"driver": "qcow2", "node-name": "d0", "file": "f1"}
        self.qmp("blockdev-add", **{"driver": "file", "node-name": "f1", "filename": disk})
        self.qmp("blockdev-create", **{"job-id": "make", "options": {"driver": "qcow2", "file": "f1", "size": 1 << 26}})
        eventually(lambda: self.qmp("query-jobs")[0]["status"] == "concluded", "the disk is made")
        self.qmp("blockdev-add", **node)
        self.assertEqual(self.hmp("savevm one"), "")
        self.assertEqual(self.hmp("loadvm one"), "")
        self.qmp("cont")
        self.check_arrived(self.b, sent)
        self.quit()

    def test_quit_with_frames_under_way(self):
        self.start(*mirror(), "-S")
        for i in range(100):
            self.a.send(body(i))
        self.quit()

    def test_a_reader_that_stands_still_does_not_stop_qemu(self):
        """Nobody reads the copies: above the chardev's cap they are lost, counted; the frames themselves are not."""
        self.start(*mirror())
        stuck = Stream(self, "copies")
        for i in range(3000):
            self.a.send(body(3))
            if i % 50 == 49:
                self.check_arrived(self.b, [body(3)] * (i + 1))
        self.assertEqual(self.qmp.get("/objects/f0", "refused"), 0)
        stuck.socket.close()
        self.quit()


if __name__ == "__main__":
    main()
