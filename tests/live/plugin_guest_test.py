#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that boots with the plugin in its QEMU, and clients served through its filter: cards with and without
vnet headers, large segments, plain filters. Of any version of QEMU. On a tap if possible: a hub knows no headers."""
import os

os.environ["COLO_PROXY_HOSTS"] = "plugin"
import lab  # noqa: E402
from client import CounterLoad, pattern  # noqa: E402
from captures import read_pcapng  # noqa: E402
from outside import BridgedOutside, can_have_taps, outside  # noqa: E402
from protected_pair import PluginProxy, netdev_of  # noqa: E402
from qmp import eventually  # noqa: E402
from vm import Vm  # noqa: E402


LONGEST = 1514  # frame that Ethernet carries


class Guest(lab.LiveCase):
    def boot(self, nic):
        self.world = self.ends(BridgedOutside(["a"]) if can_have_taps() else outside(self.folder, ["a"]))
        proxy = PluginProxy(self.path("a.proxy"))
        with self.world.inside():
            uplink, = self.world.uplinks("a")
            self.vm = Vm("a", self.folder, self.guest, nic, netdev_of(uplink), boot=True, more=[
                *proxy.arguments("primary", "unix:" + self.path("link"), self.path("in"), 1, ()),
                "-device", f"colo-proxy,id=d0,netdev=hn0,filter-id=dump0,role=dump,file={self.path('dump.pcap')}"])
        self.addCleanup(self.vm.kill)
        self.vm.wait_for_service()

    def check(self, nic):
        self.boot(nic)
        client = self.ends(self.world.client())
        load = CounterLoad([self.ends(self.world.client()) for _ in range(2)])
        self.addCleanup(load.stop)
        client.big(1_000_000, 1)
        client.sink(pattern(1_000_000, 2))
        for number in range(6):
            self.vm.qmp.set("/objects/colo0", "status", "off" if number % 2 == 0 else "on")
            client.big(100_000, number)
        self.vm.qmp("stop")
        self.vm.qmp("cont")
        answered = len(load.done)
        eventually(lambda: len(load.done) > answered + 20 or load.failures, "the clients are answered")
        load.stop().check()
        self.assertEqual(self.vm.qmp.get("/objects/colo0", "refused"), 0)
        self.assertEqual(self.vm.qmp.get("/objects/colo0", "mode"), "idle")
        self.vm.qmp("quit")
        self.assertEqual(self.vm.process.wait(60), 0)
        if can_have_taps():
            self.assertEqual(self.has_dumped_large_segments(), nic == "virtio-net-pci")

    def has_dumped_large_segments(self):
        """As the guest sends them: what comes in has been cut before."""
        with open(self.path("dump.pcap"), "rb") as file:
            return any(len(record.data) > LONGEST for record, _ in read_pcapng(file.read()))

    def test_with_virtio_net(self):
        self.check("virtio-net-pci")

    def test_with_e1000(self):
        self.check("e1000")


if __name__ == "__main__":
    lab.main()
