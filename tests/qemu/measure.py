#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What comparing costs the primary's QEMU, and how long frames are held: the plugin with role=primary against QEMU's
own filter-mirror, filter-redirector and colo-compare in the same process. By hand; runs alternate in one go.

Both: the VM's frames come from netdev `b` by a hub and leave at netdev `a`, where the filters stand. The secondary is a
second QEMU whose VM says the same: with the plugin, or with a filter-redirector. CPU is that of the primary's QEMU
alone, with all of its threads, a released frame."""
import argparse
import os
import select
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

from plugin_rig import PLUGIN, QEMU, End, Qmp, eventually
from frames import GUEST, PEER, UDP, ip

SHIM = os.path.join(os.environ.get("COLO_PROXY_GUEST", ""), "tcg_shim.so")
VM = ["-name", "vm,debug-threads=on", "-machine", "pc", "-accel", "tcg", "-m", "131064K", "-nodefaults", "-no-user-config", "-display", "none"]


def datagram(number, size):
    payload = struct.pack(">Q", number) + bytes(size - 8)
    segment = struct.pack(">HHHH", 7, 4000, 8 + size, 0) + payload
    return ip(GUEST, PEER, UDP, segment)


class Lab:
    """Stands for a test case where one is asked for."""

    def __init__(self):
        self.folder, self.ends = tempfile.mkdtemp(), []

    def path(self, name):
        return os.path.join(self.folder, name)

    def addCleanup(self, *end):
        self.ends.append(end)

    def close(self):
        for function, *arguments in reversed(self.ends):
            function(*arguments)
        shutil.rmtree(self.folder)


class Machine:
    """A QEMU with netdevs `a` and `b` on a hub."""

    def __init__(self, lab, name, *arguments):
        self.a, self.b = End(lab), End(lab)
        hub = sum((["-netdev", f"hubport,id=port{n},hubid=0,netdev={n}"] for n in "ab"), [])
        environment = {**os.environ, "LD_PRELOAD": SHIM} if os.path.exists(SHIM) else None
        self.process = subprocess.Popen(
            [QEMU, *VM, "-qmp", f"unix:{lab.path(name)},server=on,wait=off", *self.a.netdev("a"), *self.b.netdev("b"), *hub,
             *arguments], cwd=lab.folder, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment,
            pass_fds=[self.a.qemus.fileno(), self.b.qemus.fileno()])
        lab.addCleanup(self.process.wait)
        lab.addCleanup(self.process.kill)
        self.qmp = Qmp(lab.path(name))

    def cpu(self):
        """Seconds so far: of all its threads but the VM's processor, and of its main loop's."""
        total = loop = 0
        folder = f"/proc/{self.process.pid}/task"
        for task in os.listdir(folder):
            with open(f"{folder}/{task}/comm") as comm, open(f"{folder}/{task}/schedstat") as file:
                spent = 0 if comm.read().startswith("CPU ") else int(file.read().split()[0]) / 1e9
            total += spent
            loop += spent if int(task) == self.process.pid else 0
        return total, loop


class Ours:
    name = "plugin"

    def __init__(self):
        self.lab = Lab()
        device = "colo-proxy,id=c0,netdev=a,filter-id=f0"
        calm = "set=max-interval=3600000 compare_timeout=60000 vm-deadline=60000 checkpoint-deadline=60000"
        self.vm = Machine(self.lab, "p", "-plugin", PLUGIN, "-device",
                          f"{device},role=primary,link=unix:link,monitor=own,{calm}")
        self.twin = Machine(self.lab, "s", "-incoming", "unix:incoming", "-plugin", PLUGIN, "-device",
                            f"{device},role=secondary,link=unix:link,incoming=incoming,{calm}")
        self.own = Qmp(self.lab.path("own"))
        eventually(self.starts, "the pair is protected")

    def starts(self):
        try:
            self.own("colo-proxy-start")
        except Exception as error:  # the secondary is not there yet
            self.why = error
            return False
        return self.own.status()["mode"] == "lockstep"

    def send(self, frames):
        self.vm.b.send(*frames)
        self.twin.b.send(*frames)

    def check(self):
        status = self.own.status()
        assert not any(status["checkpoints"].values()), status


class Floor:
    """No filters at all."""

    name = "floor"

    def __init__(self):
        self.lab = Lab()
        self.vm = Machine(self.lab, "p")

    def send(self, frames):
        self.vm.b.send(*frames)

    def check(self):
        pass


class Qemus:
    name = "qemu"

    def __init__(self):
        self.lab = Lab()
        chardevs = sum((["-chardev", f"socket,id={name},path={name},server=on,wait=off"] for name in
                        ("mirror", "sec", "cmp", "out")), [])
        chardevs += ["-chardev", "socket,id=cmp0,path=cmp", "-chardev", "socket,id=out0,path=out"]
        self.vm = Machine(
            self.lab, "p", *chardevs, "-object", "iothread,id=io0",
            "-object", "filter-mirror,id=m0,netdev=a,queue=tx,outdev=mirror",
            "-object", "filter-redirector,id=r0,netdev=a,queue=rx,indev=out0",
            "-object", "filter-redirector,id=r1,netdev=a,queue=rx,outdev=cmp",
            "-object", "colo-compare,id=c0,primary_in=cmp0,secondary_in=sec,outdev=out,iothread=io0,compare_timeout=60000")
        self.twin = Machine(self.lab, "s", "-chardev", "socket,id=mirror,path=mirror", "-chardev", "socket,id=sec,path=sec",
                            "-object", "filter-redirector,id=r0,netdev=a,queue=tx,indev=mirror",
                            "-object", "filter-redirector,id=r1,netdev=a,queue=rx,outdev=sec")

    def send(self, frames):
        self.vm.b.send(*frames)
        self.twin.b.send(*frames)

    def check(self):
        pass


def rounds(contender, first, count, burst, size):
    """Bursts, one at a time: the seconds of CPU a frame, those of the main loop, and how long each burst took."""
    end, times = contender.vm.a, []
    end.received.clear()
    total, loop = contender.vm.cpu()
    for number in range(first, first + count, burst):
        frames = [datagram(i, size) for i in range(number, number + burst)]
        begin = time.perf_counter()
        contender.send(frames)
        while len(end.received) < burst:
            if not select.select([end.socket], [], [], 30)[0]:
                raise AssertionError(f"{contender.name}: {len(end.received)} of {burst} came")
            end.receive_some()
        times.append(time.perf_counter() - begin)
        assert sorted(end.received) == sorted(frames)
        end.received.clear()
    after = contender.vm.cpu()
    return (after[0] - total) / count, (after[1] - loop) / count, times


def quantile(times, share):
    return sorted(times)[int(share * (len(times) - 1))] * 1e6


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    contenders = [Floor(), Ours(), Qemus()]
    print(f"{'':8}{'burst':>6}{'bytes':>6}{'us/frame':>10}{'main loop':>11}{'over floor':>12}{'p50 us':>9}{'p99 us':>9}")
    number = 0
    for burst, size in ((1, 64), (1, 1400), (16, 1400), (64, 1400), (64, 64)):
        costs, loops, times = ({c.name: [] for c in contenders} for _ in range(3))
        for _ in range(arguments.rounds):
            for contender in contenders:
                count = arguments.frames // burst * burst
                cost, loop, took = rounds(contender, number, count, burst, size)
                number += count
                costs[contender.name].append(cost * 1e6)
                loops[contender.name].append(loop * 1e6)
                times[contender.name] += took
        cost = {name: statistics.median(all) for name, all in costs.items()}
        over = {name: cost[name] - cost["floor"] for name in cost}
        for name in costs:
            print(f"{name:8}{burst:6}{size:6}{cost[name]:10.2f}{statistics.median(loops[name]):11.2f}{over[name]:12.2f}"
                  f"{quantile(times[name], 0.5):9.0f}{quantile(times[name], 0.99):9.0f}", flush=True)
        print(f"{'':8}QEMU's filters take {cost['qemu'] / cost['plugin']:.1f} times the plugin's CPU, over the floor "
              f"{over['qemu'] / over['plugin']:.1f} times")
    for contender in contenders:
        contender.check()
        contender.lab.close()


if __name__ == "__main__":
    sys.exit(main())
