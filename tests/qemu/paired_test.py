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
        self.assertEqual(machine.process.wait(PATIENCE), 0)
        self.assertNotIn("a filter is off", self.said(machine))
        self.assertIn("QEMU is gone", self.said(machine))

    def test_the_primarys_is_fenced_and_followed(self):
        def check(end):
            self.pair(secondarys=",failover=auto,fence=touch fenced")
            self.hold(body(1))
            self.check_end(end, self.primary)
            eventually(lambda: self.standby.status()["mode"] == "unprotected", "the secondary goes on")
            self.assertTrue(os.path.exists(self.path("fenced")))
            self.primary.a.receive_some()
            self.assertEqual(self.primary.a.received, [])
        self.each(check)

    def test_without_a_fence_the_operator_needs_no_force(self):
        self.pair()
        self.check_end(self.by_quit, self.primary)
        eventually(lambda: self.standby.status()["peer"] == "lost", "the link is lost")
        self.standby("colo-proxy-failover")
        self.assertEqual(self.standby.status()["role"], "primary")

    def test_the_secondarys_has_resigned(self):
        def check(end):
            self.pair()
            self.hold(body(1))
            self.check_end(end, self.secondary)
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
        self.secondary.quit()
        self.primary.quit()


if __name__ == "__main__":
    main()
