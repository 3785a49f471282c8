#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A part of a pair dies, hangs or is cut off, and its clients see nothing of it: nothing lost, doubled or altered."""
import signal
import time
import unittest

import lab
from client import pattern
from pair_case import AUTO, PairCase
from protected_pair import ARE_PLUGINS
from qmp import QmpError, eventually

NO_HOST = unittest.skipIf(ARE_PLUGINS, "a plugin dies with its QEMU: that is test_of_a_dead_host")
OTHER = {"primary": "secondary", "secondary": "primary"}


class Failover(PairCase):
    def each(self, fail, *options, roles=("primary", "secondary")):
        """`fail` gets the host that fails; the other one goes on, by its fence command or because it may."""
        for role in roles:
            with self.trial(fails=role):
                self.protected(*AUTO, *options)
                load, connections = self.load(), self.connections()
                for connection in connections:
                    connection.time()
                fail(self.host(role))
                survivor = self.host(OTHER[role])
                self.alone(survivor)
                self.check_after(load, survivor)
                for number, connection in enumerate(connections):
                    connection.big(50_000, number)
                    connection.sink(pattern(20_000, number))

    def test_of_a_dead_host(self):
        self.each(lambda host: host.kill())

    @NO_HOST
    def test_of_a_dead_qemu(self):
        self.each(lambda host: host.vm.kill())

    @NO_HOST
    def test_of_a_dead_proxy(self):
        def fail(host):
            host.proxy.kill()
            host.vm.kill()  # as the fence command would see to
        self.each(fail)

    def test_of_a_hanging_qemu(self):
        def fail(host):
            # Each by its own deadlines; a plugin hangs with its QEMU.
            deadlines = ["vm-deadline", "checkpoint-deadline", *(["link-deadline"] if ARE_PLUGINS else [])]
            for judge in self.primary, self.secondary:
                for name in deadlines:
                    judge.proxy.qmp.set("/objects/colo0", name, 3000)
            host.vm.signal(signal.SIGSTOP)
        self.each(fail)

    @NO_HOST
    def test_vm_that_was_started_anew_is_not_the_one_that_was_protected(self):
        self.protected()
        client = self.client()
        self.assertEqual(client.add(1), 1)
        self.primary.start_vm_anew()
        self.primary.vm.wait_until_it_runs()
        eventually(lambda: self.secondary.status()["peer"] == "failed", "the primary's VM has died")
        for command in "colo-proxy-start", "colo-proxy-checkpoint":
            with self.assertRaisesRegex(QmpError, "the VM of this side has failed"):
                self.primary.proxy.qmp(command)
        self.secondary.fail_over()
        self.assertEqual(client.add(1), 2)

    def test_takes_over_late_when_the_secondary_hangs_meanwhile(self):
        """Longer than it is waited for: nobody else is left."""
        self.protected(*AUTO)
        client = self.client()
        self.assertEqual(client.add(1), 1)
        self.secondary.vm.signal(signal.SIGSTOP)
        self.primary.kill()
        if ARE_PLUGINS:
            end = time.monotonic() + 8
            eventually(lambda: time.monotonic() > end, "it has hung")
        else:
            eventually(lambda: "our VM cannot go on alone" in self.secondary.proxy.messages(), "it is too late")
        self.secondary.vm.signal(signal.SIGCONT)
        self.assertEqual(client.add(1), 2)

    def test_of_a_guest_with_an_e1000(self):
        self.protected(*AUTO, nic="e1000")
        load = self.load()
        self.primary.kill()
        self.check_after(load, self.secondary)

    def test_bulk_goes_on_in_either_direction(self):
        expected = pattern(4_000_000, 4)
        for role in OTHER:
            with self.trial(fails=role):
                self.protected(*AUTO)
                down, up = self.client(), self.client()
                down.send(b"BIG 4000000 4\n")
                data = down.bytes(200_000)
                up.send(b"SINK 300000\n" + expected[:150_000])
                self.host(role).kill()
                up.send(expected[150_000:300_000])
                self.assertEqual(up.line(), f"{sum(b * (i + 1) for i, b in enumerate(expected[:300_000]))} 300000")
                self.assertTrue(data + down.bytes(3_800_000) == expected)

    def test_connection_from_before_the_pair_goes_on(self):
        pair = self.pair()
        self.primary.vm.wait_until_it_runs()
        client = self.client()
        self.assertEqual(client.add(1), 1)
        pair.protect()
        eventually(lambda: self.secondary.is_in("lockstep"), "the secondary is part of the pair")
        self.assertEqual(client.add(1), 2)
        self.decide_for(self.secondary)
        self.assertEqual(client.add(1), 3)

    def test_clock_that_lags_does_not_run_backwards_for_clients(self):
        """PAWS would have a client drop all that the survivor says."""
        self.protected(*AUTO)
        connections = self.connections()
        for connection in connections:
            connection.ping()
        self.secondary.vm.qmp("stop")
        end = time.monotonic() + 10
        eventually(lambda: time.monotonic() > end, "the secondary's clock is 10 s behind")
        self.secondary.vm.qmp("cont")
        for connection in connections:
            for _ in range(10):
                connection.ping()
        self.primary.kill()
        for connection in connections:
            for _ in range(10):
                connection.ping()
        self.assertEqual(connections[0].add(1), 1)

    def test_is_refused_while_the_peer_is_alive(self):
        self.protected()
        for host in (self.primary, self.secondary):
            with self.assertRaisesRegex(QmpError, "alive"):
                host.fail_over()
        self.assertEqual(self.primary.mode(), "lockstep")
        self.secondary.fail_over(force=True)
        self.assertEqual(self.secondary.mode(), "unprotected")
        self.assertEqual(self.secondary.status()["role"], "primary")
        self.assertEqual(self.client().add(1), 1)

    def test_fence_command_is_run_once_and_before_anything_flows(self):
        fenced = self.path("fenced")
        self.protected("--failover", "auto", "--fence", f"echo >>{fenced}")
        client = self.client()
        client.add(1)
        self.primary.kill()
        self.assertEqual(client.add(1), 2)
        with open(fenced) as file:
            self.assertEqual(len(file.readlines()), 1)


class LinkLoss(PairCase):
    """Neither can tell whether the other one lives."""

    def loaded(self, *options):
        self.protected(*options, through_relays=True)
        return self.load()

    def test_both_hold_until_the_operator_decides(self):
        for role in OTHER:
            with self.trial(survivor=role):
                load = self.loaded()
                client = self.client()
                client.ping()
                self.started.link.cut()
                for host in (self.primary, self.secondary):
                    self.peer_is(host, "lost")
                client.send(b"PING\n")
                self.assertEqual(self.primary.mode(), "lockstep")
                self.decide_for(self.host(role))
                self.assertEqual(client.line(), "PONG")
                self.check_after(load, self.host(role))

    def test_solo_primary_goes_on_by_itself_and_its_secondary_asks_for_force(self):
        load = self.loaded("--on-link-loss", "solo")
        self.started.link.cut()
        self.check_after(load, self.primary)
        with self.assertRaisesRegex(QmpError, "force"):
            self.secondary.fail_over()
        self.assertEqual(self.world.hub.frames()["b"], 0)

    def test_automatic_failover_is_decided_by_the_fence_command(self):
        """Both are told to fence; the primary's fails."""
        # Of the proxy that runs it: its subcommand, or the plugin's role.
        script = "grep -Eqz '^secondary$|role=secondar[y]' /proc/$PPID/cmdline"
        load = self.loaded("--failover", "auto", "--fence", script)
        self.started.link.cut()
        self.alone(self.secondary)
        self.assertEqual(self.primary.mode(), "lockstep")
        self.primary.kill()  # what the command would have done
        self.check_after(load, self.secondary)


if __name__ == "__main__":
    lab.main()
