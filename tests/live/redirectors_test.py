#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMUs that keep their netdevs: colo-proxy stands at the chardevs of their filters."""
import lab
from pair_case import PairCase
from protected_pair import RedirectingHost, mirrored_host
from qmp import eventually

PATIENT = ("--set", "compare_timeout=30000")


class Redirectors(PairCase):
    def filters(self, host):
        """Whether each is on."""
        names = [child["name"] for child in host.vm.qmp("qom-list", path="/objects")
                 if child["type"].startswith("child<filter-")]
        return {name: host.vm.qmp("qom-get", path="/objects/" + name, property="status") for name in names}

    def check_pair(self):
        """Equal answers, and one that is not."""
        clients = self.connections()
        for client in clients:
            client.ping()
            client.big(200_001, 1)
        self.assertEqual(self.primary.proxy.checkpoints(), {})
        self.assertEqual(self.world.hub.frames()["b"], 0)
        clients[0].time()
        eventually(lambda: self.primary.proxy.checkpoints() == {"divergence": 1}, "a checkpoint")
        return clients

    def test_established_connections_outlive_the_primary(self):
        self.protected(*PATIENT, hosts="abc", host=RedirectingHost)
        clients = self.check_pair()
        load = self.load(1)
        late = self.client()  # the two VMs number it each in its own way
        late.big(50_000, 3)
        self.assertEqual(self.primary.proxy.checkpoints(), {"divergence": 1})
        self.primary.kill()
        self.peer_is(self.secondary, "lost", "failed")
        self.secondary.fail_over(force=True)
        for client in [*clients, late]:
            client.big(50_000, 2)
        self.assertEqual(set(self.filters(self.secondary).values()), {"on"})
        third = self.started.host("secondary", "c")
        self.started.start(self.secondary, "colo-proxy-reprotect")
        eventually(lambda: third.is_in("lockstep"), "the survivor is protected")
        self.secondary.kill()
        self.peer_is(third, "lost", "failed")
        third.fail_over(force=True)
        for client in [*clients, late]:
            client.big(50_000, 4)
        self.check_after(load, third)

    def test_primary_with_a_mirror(self):
        self.protected(*PATIENT, hosts="abc", host=mirrored_host)
        clients = self.check_pair()
        self.secondary.kill()
        self.peer_is(self.primary, "lost", "failed")
        self.primary.fail_over(force=True)
        self.assertEqual(set(self.filters(self.primary).values()), {"on"})
        third = self.started.host("secondary", "c")
        self.started.start(self.primary, "colo-proxy-reprotect")
        eventually(lambda: third.is_in("lockstep"), "the primary is protected again")
        for client in clients:
            client.big(50_000, 2)
        self.primary.kill()
        self.peer_is(third, "lost", "failed")
        third.fail_over(force=True)
        for client in clients:
            client.big(50_000, 3)


if __name__ == "__main__":
    lab.main()
