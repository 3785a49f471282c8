#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A protected VM while nothing dies: which checkpoints there are, how protection begins and ends, and whoever has
failed over being protected again."""
import lab
from client import pattern
from pair_case import AUTO, PairCase
from qmp import QmpError, eventually

PATIENT = ("--set", "compare_timeout=30000")  # a busy machine is no difference


class Checkpoints(PairCase):
    """One client at a time, so that equal guests have no choice."""

    def test_equal_answers_need_none_and_each_divergence_is_one(self):
        self.protected(*PATIENT, "--set", "simple-enter=1000")
        for connection in self.connections():
            for _ in range(30):
                connection.ping()
            connection.big(200_001, 1)
            connection.sink(pattern(60_000, 2))
        self.load(1).stop().check()
        self.assertEqual(self.primary.proxy.checkpoints(), {})
        self.assertEqual(self.world.hub.frames()["b"], 0)
        client = self.client()
        last = 0
        for number in range(1, 11):
            now = client.time()
            self.assertLess(last, now)
            last = now
            eventually(lambda: self.primary.status()["checkpoints"]["divergence"] == number, "a checkpoint")
            client.ping()
        self.assertEqual(self.primary.proxy.checkpoints(), {"divergence": 10})
        self.assertEqual(self.primary.status()["epoch"], 11)
        for told in self.primary.proxy.qmp.events_so_far("COLO_PROXY_CHECKPOINT"):
            self.assertGreater(told["released-frames"], 0)
            self.assertGreater(told["released-bytes"], 54 * told["released-frames"] - 1)
        self.assertEqual(self.secondary.status()["epoch"], 11)

    def test_periodic_ones_come_by_themselves(self):
        self.protected(*PATIENT, "--set", "max-interval=200")
        load = self.load(1)
        eventually(lambda: self.primary.status()["checkpoints"]["periodic"] >= 3, "periodic checkpoints")
        load.stop().check()
        self.assertEqual(set(self.primary.proxy.checkpoints()), {"periodic"})


class Protection(PairCase):
    @staticmethod
    def refusal(host):
        try:
            host.proxy.qmp("colo-proxy-start")
        except QmpError as error:
            return error.desc
        raise AssertionError("it has started")

    def test_begins_under_clients_ends_and_begins_again(self):
        pair = self.pair(hosts="abc")
        self.primary.vm.wait_until_it_runs()
        self.assertIn("start at the primary", self.refusal(self.secondary))
        with self.assertRaisesRegex(QmpError, "not protected"):
            self.primary.proxy.qmp("colo-proxy-stop")
        load = self.load()
        pair.start(self.primary)
        self.answers(load, 30)
        self.primary.proxy.qmp("colo-proxy-stop")
        self.assertEqual(self.primary.mode(), "idle")
        self.answers(load, 30)
        self.secondary.kill()
        eventually(lambda: "no secondary at unix:" in self.refusal(self.primary), "all but the secondary is there")
        self.assertEqual(self.primary.mode(), "idle")
        third = pair.host("secondary", "c")
        pair.start(self.primary)
        eventually(lambda: third.is_in("lockstep"), "protected again")
        self.answers(load, 30)
        load.stop().check()

    def test_begins_by_itself_when_everybody_is_there(self):
        self.pair("--start")
        eventually(lambda: self.primary.is_in("lockstep") and self.secondary.is_in("lockstep"), "both say so")
        self.assertEqual(self.client().add(1), 1)


class Reprotection(PairCase):
    def test_twice_with_connections_older_than_the_first_failover(self):
        self.protected(*AUTO, hosts="abcd")
        connections, load = self.connections(), self.load()
        client = connections[0]
        client.time()
        dying, survivor = self.primary, self.secondary
        for name in "cd":
            for number, connection in enumerate(connections):
                connection.big(100_000, number)
            dying.kill()
            self.alone(survivor)
            self.answers(load, 30)
            for number, connection in enumerate(connections):
                connection.big(100_000, 1 + number)
            newcomer = self.started.host("secondary", name)
            self.started.start(survivor, "colo-proxy-reprotect")
            eventually(lambda: newcomer.is_in("lockstep"), "the newcomer is part of the pair")
            client.time()
            self.answers(load, 30)
            dying, survivor = survivor, newcomer
        dying.kill()
        self.check_after(load, survivor)
        for connection in connections:
            connection.big(100_000, 77)
            connection.sink(pattern(50_000, 7))

    def test_survivor_listens_where_it_is_told_and_its_certificates_serve(self):
        pair = self.pair(hosts="abc", tcp=True)
        pair.protect()
        client = self.client()
        self.assertEqual(client.add(1), 1)
        self.primary.kill()
        self.peer_is(self.secondary, "lost", "failed")
        self.secondary.fail_over(force=True)
        with self.assertRaisesRegex(QmpError, "192.0.2.1.*an address of this host"):
            self.secondary.proxy.qmp("colo-proxy-reprotect", link="192.0.2.1:7")
        self.assertEqual(self.secondary.mode(), "unprotected")
        third = pair.host("secondary", "c", link=pair.other_link)
        pair.start(self.secondary, "colo-proxy-reprotect", link=pair.other_link)
        client.time()
        self.secondary.kill()
        self.peer_is(third, "lost", "failed")
        third.fail_over(force=True)
        self.assertEqual(client.add(1), 2)


if __name__ == "__main__":
    lab.main()
