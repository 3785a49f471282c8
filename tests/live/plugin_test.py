#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What only a proxy within QEMU's process has: a filter that is switched off and on, as QEMU's monitor does it. The
other tests of pairs run with plugins where COLO_PROXY_HOSTS is plugin."""
import json
import os

os.environ["COLO_PROXY_HOSTS"] = "plugin"
import lab  # noqa: E402
from pair_case import PairCase  # noqa: E402
from qmp import QmpError, eventually  # noqa: E402


class Switching(PairCase):
    def filter(self, name, host=None):
        return (host or self.primary).vm.qmp.get("/objects/colo0", name)

    def switch(self, status):
        self.primary.vm.qmp.set("/objects/colo0", "status", status)

    def test_while_it_is_off_the_vm_is_unprotected_and_clients_are_served(self):
        self.protected()
        load, client = self.load(), self.client()
        self.assertEqual(self.filter("mode"), "lockstep")
        self.assertGreater(self.filter("flows"), 0)
        self.switch("off")
        self.assertEqual(self.filter("mode"), "unprotected")
        self.answers(load, 30)
        client.time()  # which differs, and nobody compares
        epoch = self.filter("epoch")
        self.switch("on")
        eventually(lambda: self.filter("mode") == "lockstep", "a checkpoint has closed the gap")
        self.assertGreater(self.filter("epoch"), epoch)
        self.assertEqual(json.loads(self.filter("checkpoints"))["policy-change"], 1)
        self.answers(load, 30)
        client.time()
        self.decide_for(self.secondary)
        self.check_after(load, self.secondary)
        self.assertEqual(self.filter("status", self.secondary), "on")

    def test_the_secondary_of_a_vm_with_a_gap_asks_for_force(self):
        self.protected("--on-link-loss", "hold")
        self.switch("off")
        self.client().add(1)
        self.primary.kill()
        self.peer_is(self.secondary, "lost", "failed")
        with self.assertRaisesRegex(QmpError, "force"):
            self.secondary.fail_over()
        self.secondary.fail_over(force=True)
        self.assertTrue(self.secondary.is_in("unprotected"))

    def test_the_secondarys_cannot_be_off(self):
        self.protected()
        with self.assertRaisesRegex(QmpError, "both VMs would be heard"):
            self.secondary.vm.qmp.set("/objects/colo0", "status", "off")
        self.assertEqual(self.filter("status", self.secondary), "on")
        client = self.client()
        client.big(100_000, 3)
        self.assertEqual(self.world.hub.frames()["b"], 0)


class Guest(PairCase):
    """A VM that is not protected, with traffic through its filter."""

    def test_it_is_stopped_continued_and_saved(self):
        self.pair()
        vm = self.primary.vm.wait_until_it_runs()
        load = self.load(1)
        for _ in range(3):
            vm.qmp("stop")
            vm.qmp("cont")
            self.answers(load, 10)
        vm.save(self.path("saved"))
        self.assertGreater(os.path.getsize(self.path("saved")), 1 << 20)
        vm.qmp("cont")
        self.answers(load, 10)
        load.stop().check()
        vm.qmp("object-del", id="colo0")
        self.assertEqual(self.client().add(0), len(load.done))
        vm.qmp("quit")
        self.assertEqual(vm.process.wait(60), 0)


if __name__ == "__main__":
    lab.main()
