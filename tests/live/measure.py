#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A protected VM: colo-proxy, QEMU's own in-process proxy, and colo-proxy's pair without comparing, in one run, on
the same guest, cores and kind of network; interleaved, in fresh pairs each round; medians.

    COLO_PROXY=build-bench/cli/colo-proxy python3 tests/live/measure.py [--rounds N] [--nic e1000] [--json FILE]

Needs root. Prints Markdown. Exit status: 0 all targets met, 1 one is missed, 2 it could not be measured."""
import argparse
import contextlib
import gc
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import lab
from contenders import InProcess, Ours, Uncompared
from make_guest import NICS, made
from qmp import QmpError
from vm import QEMU
from workloads import Bulk, Talk, datagram_asked, datagrams, latencies, pages, patient, times

KINDS = {"ours": Ours, "qemu": InProcess, "uncompared": Uncompared}
RIVALS = ("ours", "qemu")
SLICES, SLICE = 4, 0.5  # of latency, each round: how many, and for how long (s)
BULK = 8 << 20
BULKS = 2
WEB, DIVERGING, IDLE = 6.0, 5.0, 62.0  # seconds
DIVERGING_CLIENTS = 4
TALK = 0.5  # seconds, before the primary dies
HANGS = (OSError, EOFError, AssertionError, QmpError)
RATIO = 1.3  # of the latency, to that without comparing
LESS, MORE = "less", "more"
COUNTS = ("idle", "web", "diverging")
# (name, title, unit, decimals, what is better: None for what only explains the row above it)
ROWS = (
    ("tcp p50", "request latency, TCP, p50", "µs", 0, LESS),
    ("tcp p99", "request latency, TCP, p99", "µs", 0, LESS),
    ("udp p50", "request latency, UDP, p50", "µs", 0, LESS),
    ("udp p99", "request latency, UDP, p99", "µs", 0, LESS),
    ("bulk", "bulk to a client", "MB/s", 1, MORE),
    ("idle", "checkpoints a minute: idle guest", "", 1, LESS),
    ("web", "checkpoints a minute: web server, 10 pages a second", "", 0, LESS),
    ("page", "a page, p50", "ms", 1, None),
    ("diverging", "checkpoints a minute: always diverges, 4 clients", "", 0, LESS),
    ("times", "answers a second", "", 0, None),
    ("outage", "failover, longest wait of a client", "ms", 0, LESS),
)


def tell(line):
    print(line, file=sys.stderr, flush=True)


class Results:
    """What was measured, and how often it hung; of each row and kind."""

    def __init__(self):
        self.samples = {name: {kind: [] for kind in KINDS} for name, *_ in ROWS}
        self.hangs = {name: {kind: [] for kind in KINDS} for name, *_ in ROWS}

    def add(self, row, kind, value):
        self.samples[row][kind].append(value)

    def hung(self, row, kind, why):
        self.hangs[row][kind].append(why)
        tell(f"  {kind} hung, {row}: {why}")

    def typical(self, row, kind):
        """The median, but of counts, which are small, the mean."""
        samples = self.samples[row][kind]
        return (statistics.mean if row in COUNTS else statistics.median)(samples) if samples else None

    def ratio(self):
        ours, floor = (self.typical("udp p50", kind) for kind in ("ours", "uncompared"))
        return ours / floor if ours and floor else None


class Round:
    """Of pairs that are new; one that hangs is out for the rest of it."""

    def __init__(self, folder, guest, nic, number, results, bulk):
        self.folder, self.guest, self.nic, self.number = folder, guest, nic, number
        self.results, self.bulk = results, bulk
        self.contenders, self.clients, self.datagrams = {}, {}, {}
        self.ends = contextlib.ExitStack()

    def order(self):
        """Each round another one begins."""
        kinds = [kind for kind in KINDS if kind in self.contenders]
        first = self.number % max(1, len(kinds))
        return kinds[first:] + kinds[:first]

    def each(self, row, measure, kinds=KINDS):
        for kind in self.order():
            if kind in kinds and kind in self.contenders:
                self.tried(row, kind, lambda kind=kind: measure(kind))

    def tried(self, row, kind, measure):
        try:
            measure()
        except HANGS as error:
            self.results.hung(row, kind, repr(error))
            self.contenders.pop(kind, None)

    def protect(self, kind):
        contender = KINDS[kind](os.path.join(self.folder, f"{self.number}-{kind}"), self.guest, self.nic)
        self.ends.callback(contender.close)
        contender.protect()
        self.contenders[kind] = contender
        self.clients[kind] = patient(contender.world.client())
        self.datagrams[kind] = datagrams(contender.world)

    def run(self, measures_idle):
        with self.ends:
            for kind in KINDS:
                self.tried("tcp p50", kind, lambda kind=kind: self.protect(kind))
            if measures_idle:
                self.idle()
            self.latency("udp", self.datagram_asked, KINDS)
            self.each("udp p50", lambda kind: self.contenders[kind].check(), ("uncompared",))
            self.latency("tcp", lambda kind: self.clients[kind].ping, RIVALS)
            for _ in range(BULKS):
                self.each("bulk", self.bulk_rate, RIVALS)
            self.each("web", self.web, RIVALS)
            self.each("diverging", self.diverging, RIVALS)
            self.each("outage", self.outage, RIVALS)

    def idle(self):
        """All at once."""
        before = {kind: self.contenders[kind].checkpoints() for kind in RIVALS if kind in self.contenders}
        begin = time.monotonic()
        time.sleep(IDLE)
        self.each("idle", lambda kind: self.count("idle", kind, before[kind], begin), RIVALS)

    def count(self, row, kind, before, begin):
        minutes = (time.monotonic() - begin) / 60
        self.results.add(row, kind, (self.contenders[kind].checkpoints() - before) / minutes)

    def latency(self, protocol, ask, kinds):
        taken = {kind: [] for kind in kinds}
        for _ in range(SLICES):
            self.each(f"{protocol} p50", lambda kind: taken[kind].extend(latencies(ask(kind), SLICE)), kinds)
        for kind in self.order():
            if taken.get(kind):
                cuts = statistics.quantiles(taken[kind], n=100)
                self.results.add(f"{protocol} p50", kind, cuts[49] * 1e6)
                self.results.add(f"{protocol} p99", kind, cuts[98] * 1e6)

    def datagram_asked(self, kind):
        return lambda: datagram_asked(self.datagrams[kind])

    def bulk_rate(self, kind):
        self.results.add("bulk", kind, self.bulk.rate(self.clients[kind]) / 1e6)

    def counted(self, row, kind, work):
        """Checkpoints meanwhile."""
        before, begin = self.contenders[kind].checkpoints(), time.monotonic()
        done = work()
        self.count(row, kind, before, begin)
        return done

    def web(self, kind):
        world = self.contenders[kind].world
        taken = self.counted("web", kind, lambda: pages(lambda: world.client(port=80), WEB))
        self.results.add("page", kind, statistics.median(taken) * 1e3)

    def diverging(self, kind):
        clients = [patient(self.contenders[kind].world.client()) for _ in range(DIVERGING_CLIENTS)]
        try:
            self.results.add("times", kind, self.counted("diverging", kind, lambda: times(clients, DIVERGING)))
        finally:
            for client in clients:
                client.close()

    def outage(self, kind):
        talk = Talk(patient(self.contenders[kind].world.client()))
        time.sleep(TALK)
        try:
            died = self.contenders[kind].kill_primary()
            self.results.add("outage", kind, talk.outage(died) * 1e3)
        finally:
            talk.stop()
            talk.stop()


def shown(value, decimals):
    return "" if value is None else f"{value:,.{decimals}f}"


def cell(results, row, kind, decimals):
    hung, samples = len(results.hangs[row][kind]), len(results.samples[row][kind])
    typical = shown(results.typical(row, kind), decimals)
    return f"{typical} (hung {hung} of {hung + samples})".strip() if hung else typical


def table(results):
    print("| | ours | QEMU | uncompared |\n| --- | --- | --- | --- |")
    for name, title, unit, decimals, _ in ROWS:
        cells = [cell(results, name, kind, decimals) for kind in KINDS]
        print(f"| {title}{', ' + unit if unit else ''} | {' | '.join(cells)} |")
    ratio = results.ratio()
    print(f"| UDP, p50, ours / uncompared (target {RATIO}) | {shown(ratio, 2)} | | |")


def missed(results):
    """Rows that are not as they should be."""
    for name, title, _, decimals, better in ROWS:
        ours, theirs = (results.typical(name, kind) for kind in RIVALS)
        if results.hangs[name]["ours"]:
            yield f"{title}: ours hung"
        elif None not in (ours, theirs, better):
            ahead = round(theirs, decimals) - round(ours, decimals)
            if (ahead if better == LESS else -ahead) < 0:
                yield f"{title}: worse than QEMU's"
    ratio = results.ratio()
    if ratio is None or ratio > RATIO:
        yield f"UDP, p50, ours / uncompared: {shown(ratio, 2)}, and not {RATIO}"


def facts(arguments):
    qemu = subprocess.run([QEMU, "--version"], capture_output=True, text=True).stdout
    return {"date": time.strftime("%Y-%m-%d"), "qemu": re.search(r"version (\S+)", qemu)[1],
            "kernel": platform.release(), "cpus": os.cpu_count(), "load": os.getloadavg()[0],
            "rounds": arguments.rounds, "nic": arguments.nic}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--nic", choices=NICS, default=NICS[0])
    parser.add_argument("--json", metavar="FILE", help="the samples besides, for programs")
    parser.add_argument("--no-idle", action="store_true", help="without the row that takes a minute")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("measure.py needs root, for the bridges' network namespaces")
    told, results, bulk, guest = facts(arguments), Results(), Bulk(BULK), made(lab.GUEST)
    folder = tempfile.mkdtemp(prefix="colo-measure-")
    gc.disable()
    begin = time.monotonic()
    try:
        for number in range(arguments.rounds):
            Round(folder, guest, arguments.nic, number, results, bulk).run(number == 0 and not arguments.no_idle)
            gc.collect()
            tell(f"round {number + 1} of {arguments.rounds}, {time.monotonic() - begin:.0f} s")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    told["seconds"] = round(time.monotonic() - begin)
    print(", ".join(f"{name} {value}" for name, value in told.items()) + "\n")
    table(results)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({**told, "ratio": results.ratio(), "samples": results.samples, "hangs": results.hangs}, file,
                      indent=1)
    misses = list(missed(results))
    for miss in misses:
        print(f"MISSED: {miss}")
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
