# SPDX-License-Identifier: GPL-2.0-or-later
"""Pairs that are measured against each other: on bridges alike, with the same guest, each in a world of its own."""
import os
import time

import lab
from in_process import DELAY, InProcessPair
from outside import BridgedOutside
from protected_pair import Pair
from vm import PORT


class _Contender:
    """A pair, and who asks it. `folder`: for it alone; there must be none yet."""

    UPLINKS: tuple[str, str]

    def __init__(self, folder, guest, nic):
        os.mkdir(folder)
        self.stage = lab.Alone(folder, guest)
        try:
            self.world = self.stage.ends(BridgedOutside(self.UPLINKS))
            with self.world.inside():
                self.start(nic)
            self.give_cores()
        except BaseException:
            self.stage.close()
            raise

    def give_cores(self):
        """Half of them a host, as if there were two: threads do not wander from one to the other."""
        cores = sorted(os.sched_getaffinity(0))
        half = max(1, len(cores) // 2)
        for processes, share in zip(self.hosts(), (cores[:half], cores[half:] or cores)):
            for process in processes:
                for thread in os.listdir(f"/proc/{process.process.pid}/task"):
                    os.sched_setaffinity(int(thread), share)

    def close(self):
        self.stage.close()


class Ours(_Contender):
    """colo-proxy, with its defaults, which finds out by itself that the primary is dead."""

    UPLINKS = ("a", "b")
    OPTIONS = ("--set", f"max-interval={DELAY}", "--failover", "auto", "--fence", "true")

    def start(self, nic):
        self.pair = Pair(self.stage, self.world, self.OPTIONS, nic)

    def hosts(self):
        return [(host.vm, host.proxy) for host in self.pair.hosts]

    def protect(self):
        self.pair.protect()

    def checkpoints(self):
        return sum(self.pair.primary.proxy.checkpoints().values())

    def kill_primary(self):
        """When that was."""
        died = time.monotonic()
        self.pair.primary.kill()
        return died

    def explain(self):
        return self.pair.explain()


class Uncompared(Ours):
    """The same pair, whose datagrams pass uncompared: the secondary gets all of them and answers all of them, and
    its answers go to the primary. Not TCP: where nothing keeps the primary from being ahead, a secondary would get
    the client's ack before it has sent what is acked, and drop the request with it."""

    def protect(self):
        super().protect()
        self.pair.primary.proxy.qmp("colo-proxy-passthrough-add",
                                    {"id": "measured", "proto": "udp", "guest-port": PORT})

    def check(self):
        """That it was what it says."""
        frames = self.pair.primary.status()["frames"]
        assert frames["passed"] > 0.9 * frames["primary"], f"output was compared: {frames}"
        assert frames["secondary"] > 0.9 * frames["primary"], f"the secondary did not answer: {frames}"


class InProcess(_Contender):
    """QEMU's own. It has no detector: whoever kills the primary tells the secondary at once."""

    UPLINKS = ("primary", "secondary")

    def start(self, nic):
        self.pair = InProcessPair(self.stage.folder, self.stage.guest, self.world, nic)
        self.stage.addCleanup(self.pair.kill)

    def hosts(self):
        return [(self.pair.primary,), (self.pair.secondary,)]

    def protect(self):
        self.pair.protect()

    def checkpoints(self):
        return self.pair.checkpoints()

    def kill_primary(self):
        died = time.monotonic()
        self.pair.fail_over()
        return died

    def explain(self):
        return "\n".join(vm.messages() for vm in (self.pair.primary, self.pair.secondary))
