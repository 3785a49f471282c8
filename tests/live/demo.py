#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`scripts/demo --live`: two real guests, protected; a client that counts; a clock that makes the VMs differ; the
primary's death. Needs no rights: the client reaches the guest through QEMU's user networking."""
import shutil
import sys
import tempfile
import time

import lab
from client import CounterLoad
from make_guest import made
from outside import UserOutside
from protected_pair import Pair
from qmp import eventually

BEGIN = time.monotonic()
TOLD = ("COLO_PROXY_MODE", "COLO_PROXY_PEER", "COLO_PROXY_DIVERGENCE", "COLO_PROXY_CHECKPOINT")


def say(who, what):
    print(f"  {time.monotonic() - BEGIN:7.3f} s  {who:<10} {what}", flush=True)


class Story:
    """What the proxies' monitors have told, in order."""

    def __init__(self, hosts):
        self.hosts, self.seen = hosts, {host.name: 0 for host in hosts}

    def tell(self):
        for host in self.hosts:
            if host.proxy.process.poll() is not None:
                continue
            host.proxy.qmp("query-version")  # what has happened has been told before the answer
            for event in host.proxy.qmp.events[self.seen[host.name]:]:
                if event["event"] in TOLD:
                    say(host.title, self.words(event["event"], event["data"]))
            self.seen[host.name] = len(host.proxy.qmp.events)

    @staticmethod
    def words(name, data):
        if name == "COLO_PROXY_CHECKPOINT":
            return f"checkpoint {data['epoch']}: {data['reason']}, {data['duration-us'] / 1000:.1f} ms, {data['released-frames']} frames released"
        if name == "COLO_PROXY_DIVERGENCE":
            return f"the VMs differ at byte {data['offset']}: {data['primary'][:16]} and {data['secondary'][:16]}"
        if name == "COLO_PROXY_PEER":
            return f"peer {data['state']}: {data['reason']}"
        return f"mode {data['mode']}: {data['reason']}"


def figures(host):
    status = host.status()
    frames, hold = status["frames"], status["hold-us"]
    return (f"{frames['released']} frames released of {frames['primary']}, held for {hold['p50']} us (median), "
            f"{hold['max']} us at most; checkpoints: {host.proxy.checkpoints() or 'none'}")


def play(folder, world):
    stage = lab.Alone(folder, made(lab.GUEST))
    try:
        pair = Pair(stage, world)
        primary, secondary = pair.primary, pair.secondary
        primary.title, secondary.title = "primary", "secondary"
        story = Story([primary, secondary])
        primary.vm.wait_until_it_runs()
        say("primary", "the VM runs, unprotected")
        pair.start(primary)
        story.tell()
        asker = world.client()
        load = CounterLoad([world.client()])  # of several the two VMs might serve another one first
        eventually(lambda: load.failures or len(load.done) > 500, "500 additions")
        say("client", f"{len(load.done)} additions")
        story.tell()
        for _ in range(3):
            say("another", f"asks for the time, on which the VMs cannot agree: {asker.time()}")
            story.tell()
        say("primary", figures(primary))
        before = len(load.done)
        primary.kill()
        died = time.monotonic()
        say("primary", "DIES, and its proxy with it")
        eventually(lambda: secondary.status()["peer"] != "connected", "the secondary has noticed")
        secondary.fail_over(force=True)
        story.tell()
        eventually(lambda: load.failures or len(load.done) > before + 3, "the client is answered again")
        say("client", f"is answered {1000 * (time.monotonic() - died):.0f} ms later, on the same connection")
        eventually(lambda: load.failures or len(load.done) > before + 300, "300 more additions")
        load.stop().check()
        say("client", f"{len(load.done)} additions: none lost, none counted twice; the longest took "
                       f"{1000 * load.longest_wait():.0f} ms")
        story.tell()
    finally:
        stage.close()


def main():
    folder = tempfile.mkdtemp(prefix="colo-demo-")
    world = UserOutside(folder, ["a", "b"])
    try:
        play(folder, world)
    finally:
        world.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
