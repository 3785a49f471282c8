# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of a protected VM have: a pair, a network outside, and clients that count on it."""
import contextlib
import socket
import sys

import lab
from client import CounterLoad
from outside import KernelOutside, outside
from protected_pair import Pair
from qmp import eventually

# Whoever has failed is off, as its fence command would see to.
AUTO = ("--failover", "auto", "--fence", "true")


class PairCase(lab.LiveCase):
    def pair(self, *options, hosts="ab", **keywords):
        """Not protected yet."""
        self.world = self.ends(outside(self.folder, list(hosts)))
        self.started = Pair(self, self.world, options, **keywords)
        self.addCleanup(self.explain)
        self.primary, self.secondary = self.started.primary, self.started.secondary
        return self.started

    def protected(self, *options, **keywords):
        """Both know that they are a pair."""
        pair = self.pair(*options, **keywords).protect()
        eventually(lambda: self.secondary.is_in("lockstep"), "the secondary is part of the pair")
        return pair

    def explain(self):
        result = self._outcome.result
        if sys.exc_info()[0] or any(case is self for case, _ in result.failures + result.errors):
            print(f"\n{self.id()}\n{self.started.explain()}", file=sys.stderr)

    @contextlib.contextmanager
    def trial(self, **what):
        """A part of a test, with a pair of its own."""
        with self.subTest(**what):
            try:
                yield
            finally:
                self.doCleanups()
                self.setUp()

    def host(self, role):
        return getattr(self, role)

    # --- Clients

    def families(self):
        """Who may not open a tap has IPv4 alone."""
        kernel = isinstance(self.world, KernelOutside)
        return [socket.AF_INET, socket.AF_INET6] if kernel else [socket.AF_INET]

    def client(self, *how):
        return self.ends(self.world.client(*how))

    def connections(self):
        """One of each kind: of either family, opened by either end."""
        families = self.families()
        if len(families) == 1:
            return [self.client()]
        clients = [self.client(family) for family in families]
        return clients + [self.ends(self.world.dialled(clients[0], family)) for family in families]

    def load(self, count=3):
        """Clients that count meanwhile; some requests have been answered already. Of several the two VMs may
        serve one first or the other: they differ now and then."""
        load = CounterLoad([self.client() for _ in range(count)])
        self.addCleanup(load.stop)
        self.answers(load, 30)
        return load

    def answers(self, load, count):
        """So many more have come."""
        end = len(load.done) + count
        eventually(lambda: len(load.done) >= end or load.failures, "the clients are answered")

    def check_after(self, load, survivor, more=60):
        """The clients go on and were told nothing wrong; old ones and new ones are served."""
        self.answers(load, more)
        load.stop().check()
        self.assertEqual(survivor.mode(), "unprotected")
        self.assertEqual(survivor.status()["role"], "primary")
        client = self.client()
        self.assertEqual(client.add(0), len(load.done))
        client.big(100_000, 5)

    # --- The pair

    def checkpoint_over(self):
        """One that was asked for by hand is complete; it may count as one that the clients' load asked for."""
        before = self.primary.status()["epoch"]
        self.primary.checkpoint()
        eventually(lambda: self.primary.status()["epoch"] > before, "the checkpoint is over")

    def peer_is(self, host, *states):
        eventually(lambda: host.status()["peer"] in states, f"{host.name}'s peer is " + " or ".join(states))

    def alone(self, host):
        eventually(lambda: host.is_in("unprotected"), f"{host.name} goes on alone")

    def decide_for(self, survivor):
        """The operator sees to it that the other host is off, and says so."""
        (self.primary if survivor is self.secondary else self.secondary).kill()
        self.peer_is(survivor, "lost", "failed", "resigned")
        survivor.fail_over(force=True)
