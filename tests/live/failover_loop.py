#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Failovers at random times, again and again, under clients that believe nothing:

    COLO_PROXY=build/cli/colo-proxy python3 tests/live/failover_loop.py [ROUNDS] [SEED]

In each round one part of a pair dies while clients count, compare long answers byte for byte, and ask for the
time, which makes the VMs differ. The survivor goes on, gets a new secondary, and the next round begins; its
clients' connections are as old as the chain of ten rounds. Ends with status 1 when any reply was lost, doubled
or altered, and says the seed and the round."""
import os
import random
import shutil
import sys
import tempfile
import threading
import time

import lab
from client import CounterLoad
from make_guest import made
from outside import outside
from protected_pair import Pair
from qmp import QmpError, eventually

CHAIN = 10
DEATHS = {
    "primary's VM": (lambda primary, secondary: primary.vm.kill(), 1),
    "primary's host": (lambda primary, secondary: primary.kill(), 1),
    "secondary's VM": (lambda primary, secondary: secondary.vm.kill(), 0),
    "secondary's host": (lambda primary, secondary: secondary.kill(), 0),
}


class Talk(threading.Thread):
    """A client that makes the VMs differ, and compares."""

    def __init__(self, client):
        super().__init__()
        self.client, self.ends, self.failure = client, threading.Event(), None
        self.start()

    def run(self):
        number = 0
        try:
            while not self.ends.is_set():
                number += 1
                self.client.time()
                self.client.big(20_000 + number, number)
        except Exception as error:
            self.failure = repr(error)

    def stop(self):
        self.ends.set()
        self.join()
        assert not self.failure, self.failure


def go_on(survivor):
    """The operator's word, where it is needed."""
    def alone():
        if survivor.is_in("unprotected"):
            return True
        try:
            survivor.proxy.qmp("colo-proxy-failover")
        except QmpError as error:
            assert any(word in error.desc for word in ("alive", "alone already", "under way")), error
        return survivor.is_in("unprotected")
    eventually(alone, "the survivor goes on")


def chain(folder, guest, chance, rounds, tell):
    names = [f"host{number}" for number in range(rounds)]
    world = outside(folder, ["a", "b", *names])
    stage = lab.Alone(folder, guest)
    try:
        pair = Pair(stage, world, ["--set", "vm-deadline=1000", "--set", "link-deadline=1000"]).protect()
        primary, secondary = pair.primary, pair.secondary
        load, talk = CounterLoad([world.client() for _ in range(3)]), Talk(world.client())
        for number in range(rounds):
            time.sleep(chance.random() * 0.4)  # when the part dies, not for anything to happen
            name = chance.choice(list(DEATHS))
            die, lives = DEATHS[name]
            before = time.monotonic()
            die(primary, secondary)
            survivor = (primary, secondary)[lives]
            go_on(survivor)
            done = len(load.done)
            eventually(lambda: load.failures or len(load.done) > done + 20, "clients are answered")
            tell(name, time.monotonic() - before)
            (secondary, primary)[lives].kill()
            primary, secondary = survivor, pair.host("secondary", names[number])
            pair.start(primary, "colo-proxy-reprotect")
        talk.stop()
        load.stop().check()
        return len(load.done), load.longest_wait()
    finally:
        stage.close()
        world.close()


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
    chance, guest = random.Random(seed), made(lab.GUEST)
    print(f"seed {seed}", flush=True)
    at, answered, longest = 0, 0, 0.0

    def tell(name, seconds):
        nonlocal at
        at += 1
        print(f"round {at}: {name} died, clients were answered after {seconds:.3f} s", flush=True)

    while at < rounds:
        folder = tempfile.mkdtemp(prefix="colo-loop-")
        try:
            count, wait = chain(folder, guest, chance, min(CHAIN, rounds - at), tell)
        except BaseException as error:
            print(f"FAILED in round {at + 1} of seed {seed}: {error!r}; {folder} has the logs", flush=True)
            os._exit(1)  # clients that wait for a reply do not end
        shutil.rmtree(folder, ignore_errors=True)
        answered, longest = answered + count, max(longest, wait)
    print(f"{rounds} rounds, {answered} replies: none lost, doubled or altered; longest wait {longest:.3f} s")


if __name__ == "__main__":
    main()
