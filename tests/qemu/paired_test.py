# SPDX-License-Identifier: GPL-2.0-or-later
"""A VM that is protected by plugins, and what is done to its QEMUs and their filters."""
import os
import signal

from paired_rig import PairedCase
from plugin_rig import PATIENCE, QmpError, body, eventually, exchange, main


class End(PairedCase):
    """An orderly one is no removal of filters: the peer hears what it hears of a QEMU that has died."""

    def by_quit(self, machine):
        machine.qmp("quit")

    def by_signal(self, machine):
        machine.process.send_signal(signal.SIGTERM)

    def while_stopped(self, machine):
        machine.qmp("stop")
        machine.qmp("quit")

    def each(self, check):
        for end in (self.by_quit, self.by_signal, self.while_stopped):
            with self.subTest(end.__name__):
                self.doCleanups()
                self.setUp()
                check(end)

    def check_end(self, end, machine):
        end(machine)
        eventually(lambda: "QEMU is gone" in self.said(machine), "its proxy says so")

    def check_unremoved(self, machine):
        self.assertNotIn("a filter is off", self.said(machine))
        self.assertNotIn("is removed", self.said(machine))
        # Under TCG a primary's QEMU in COLO may wait for its processors for ever (pause_all_vcpus).
        machine.process.kill()

    def test_the_primarys_is_fenced_and_followed(self):
        def check(end):
            self.pair(secondarys=",failover=auto,fence=touch fenced")
            self.hold(body(1))
            self.check_end(end, self.primary)
            eventually(lambda: self.standby.status()["mode"] == "unprotected", "the secondary goes on")
            self.assertTrue(os.path.exists(self.path("fenced")))
            self.primary.a.receive_some()
            self.assertEqual(self.primary.a.received, [])
            self.check_unremoved(self.primary)
        self.each(check)

    def test_without_a_fence_the_operator_needs_no_force(self):
        self.pair()
        self.check_end(self.by_quit, self.primary)
        eventually(lambda: self.standby.status()["peer"] in ("failed", "lost"), "the secondary knows")
        self.standby("colo-proxy-failover")
        eventually(lambda: self.standby.status()["role"] == "primary", "the secondary goes on")
        self.check_unremoved(self.primary)

    def test_the_secondarys_has_resigned(self):
        def check(end):
            self.pair()
            self.hold(body(1))
            self.check_end(end, self.secondary)
            self.assertEqual(self.secondary.process.wait(PATIENCE), 0)
            self.check_unremoved(self.secondary)
            self.assertTrue(exchange([self.primary.a], lambda: self.primary.a.received))
            self.assertEqual(self.primary.a.received, [body(1)])
            eventually(lambda: self.proxy.status()["mode"] == "unprotected", "the primary goes on")
        self.each(check)


class Monitors(PairedCase):
    def test_the_proxys_own_does_not_remove_the_vm(self):
        self.pair()
        for own in (self.proxy, self.standby):
            with self.assertRaisesRegex(QmpError, "'colo0' is in use"):
                own("object-del", id="colo0")
        self.assertEqual(self.primary.qmp.get("/objects/f0", "mode"), "lockstep")


class Removal(PairedCase):
    """QEMU asks nobody whether a filter may go."""

    def test_of_the_secondarys_cuts_its_vm_off_and_frees_the_primary(self):
        self.pair()
        self.hold(body(1))
        self.secondary.qmp("object-del", id="f0")
        self.check_cut_off(self.secondary)
        self.assertTrue(exchange([self.primary.a], lambda: self.primary.a.received))
        self.assertEqual(self.primary.a.received, [body(1)])
        eventually(lambda: self.proxy.status()["mode"] == "unprotected", "the primary goes on")
        self.secondary.quit()
        self.primary.quit()

    def test_of_an_undecided_primarys_cuts_its_vm_off(self):
        self.pair()
        self.hold(body(1), body(2))
        self.secondary.process.kill()
        eventually(lambda: self.proxy.status()["peer"] == "lost", "it is not decided who goes on")
        self.primary.qmp("object-del", id="f0")
        self.assertEqual(self.proxy.event("COLO_PROXY_DROP"), {"where": "netfilter", "reason": "removed", "count": 2})
        self.check_cut_off(self.primary)
        self.primary.quit()

    def test_of_a_primarys_lets_go_what_is_held(self):
        self.pair()
        self.hold(body(1))
        self.primary.qmp("object-del", id="f0")
        self.primary.b.send(body(2))
        self.check_arrived(self.primary.a, [body(1), body(2)])
        self.primary.quit()


class Queues(PairedCase):
    def test_one_way_alone_is_set_back(self):
        self.pair()
        for machine in (self.secondary, self.primary):
            for queue in ("tx", "rx"):
                machine.qmp.set("/objects/f0", "queue", queue)
                eventually(lambda: machine.qmp.get("/objects/f0", "queue") == "all", "it is set back")
            self.assertIn("queue: must be all", self.said(machine))
        self.hold(body(1))
        self.assertEqual(self.proxy.status()["mode"], "lockstep")


if __name__ == "__main__":
    main()
