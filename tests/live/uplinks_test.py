#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A VM with two NICs, whose uplinks are taps: a fence is one for both."""
import socket

import lab
from outside import TwoBridgesOutside
from protected_pair import Pair
from qmp import eventually


class Uplinks(lab.LiveCase):
    def test_two_nics_on_taps_are_protected_as_one(self):
        world = self.ends(TwoBridgesOutside("ab"))
        pair = Pair(self, world, ["--set", "compare_timeout=30000"])
        primary, secondary = pair.primary, pair.secondary
        primary.vm.wait_for_service()
        pair.protect()
        eventually(lambda: secondary.is_in("lockstep"), "the secondary is part of the pair")
        clients = [self.ends(world.client(number, family))
                   for number in range(2) for family in (socket.AF_INET, socket.AF_INET6)]
        for client in clients:
            client.big(50_000, 1)
            client.time()
        self.assertEqual(clients[0].add(1), 1)
        eventually(lambda: primary.proxy.checkpoints() == {"divergence": len(clients)}, "one each")
        primary.kill()
        eventually(lambda: secondary.status()["peer"] != "connected", "the secondary has noticed")
        secondary.fail_over(force=True)
        for client in clients:
            client.big(50_000, 2)
        self.assertEqual(clients[-1].add(1), 2)


if __name__ == "__main__":
    lab.main()
