#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab itself, without colo-proxy: guests, clients, and QEMU's own COLO."""
import socket

import lab
from client import CounterLoad, pattern
from in_process import InProcessPair
from outside import KernelOutside, UserOutside, outside
from vm import Vm


class Guest(lab.LiveCase):
    def start(self, nic, kind=outside):
        world = self.ends(kind(self.folder, ["vm"]))
        self.ends(Vm("guest", self.folder, self.guest, nic, world.netdev("vm")), "kill").wait_until_it_runs()
        return world

    def check_service(self, client):
        client.ping()
        client.check("ECHO a b", "a b")
        before = client.add(0)
        self.assertEqual(client.add(3), before + 3)
        self.assertLess(client.time(), client.time())
        client.big(300_001, 7)
        client.sink(pattern(50_000, 3))
        client.check("WHAT", "?")

    def test_serves_every_way(self):
        for nic in ("virtio-net-pci", "e1000"):
            with self.subTest(nic):
                world = self.start(nic)
                for family in (socket.AF_INET, socket.AF_INET6):
                    client = self.ends(world.client(family))
                    self.check_service(client)
                    self.check_service(self.ends(world.dialled(client, family)))
                    datagrams = self.ends(world.connected(family, kind=socket.SOCK_DGRAM))
                    datagrams.send(b"datagram")
                    self.assertEqual(datagrams.recv(100), b"datagram")
                web = self.ends(world.client(port=80))
                web.send(b"GET / HTTP/1.0\r\n\r\n")
                self.assertIn("200 OK", web.line())
                self.doCleanups()
                self.setUp()

    def test_serves_without_any_rights(self):
        self.check_service(self.ends(self.start("virtio-net-pci", UserOutside).client()))

    def test_counts_for_many_at_once(self):
        world = self.start("virtio-net-pci")
        clients = [self.ends(world.client()) for _ in range(8)]
        load = CounterLoad(clients)
        clients_after = self.ends(world.client())
        while len(load.done) < 500 and not load.failures:
            clients_after.ping()
        load.stop().check()


class InProcess(lab.LiveCase):
    def test_protects_as_qemu_does(self):
        world = self.ends(KernelOutside(self.folder, ["primary", "secondary"]))
        pair = self.ends(InProcessPair(self.folder, self.guest, world), "kill")
        pair.protect()
        client = self.ends(world.client())
        for number in range(1, 21):
            self.assertEqual(client.add(1), number)
        client.time()
        client.time()
        self.assertGreaterEqual(pair.checkpoints(), 1)
        self.assertEqual(client.add(1), 21)
        pair.fail_over()
        self.assertEqual(self.ends(world.client()).add(1), 22)


if __name__ == "__main__":
    lab.main()
