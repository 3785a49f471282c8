#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What `colo-proxy qemu-args` prints, used as it says: QEMU takes it, and what it makes is protected. Without a
guest: the firmware runs."""
import json
import os
import re
import shlex
import shutil
import subprocess

import lab
import rig  # noqa: F401 (where the next ones are)
from program import BINARY, free_port, run
from qmp import Qmp, QmpError, eventually
from vm import QEMU, RAM

MAC = "52:54:00:77:00:09"


class Side:
    """A proxy, and a QEMU started with what is printed for it."""

    def __init__(self, case, role, *more):
        self.case, self.folder = case, case.path(role)
        os.mkdir(self.folder)
        path = lambda name: os.path.join(self.folder, name)
        self.words = [role, "--vm", path("vm"), "--uplink", "unix:" + path("uplink"), "--link",
                      "unix:" + case.path("link"), "--qmp", path("qmp"), "--migrate", path("migrate"),
                      "--incoming", path("incoming"), "--monitor", path("monitor")]
        printed = run(["qemu-args", *self.words, "--mac", MAC, *more])
        case.assertEqual(printed.stderr, "")
        self.options = printed.stdout
        self.proxy = self.spawn([BINARY, *self.words])
        self.monitor = case.ends(Qmp(path("monitor")))

    def spawn(self, words, **keywords):
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, **keywords)
        self.case.addCleanup(process.wait)
        self.case.addCleanup(process.kill)
        return process

    def start(self):
        """By the shell, as the help says; its monitor is the proxy's, ours is another."""
        lab_monitor = os.path.join(self.folder, "lab")
        command = (f"exec {QEMU} -machine pc -accel tcg -m {RAM} -nodefaults -display none "
                   f"-qmp unix:{shlex.quote(lab_monitor)},server=on,wait=off {self.options}")
        shim = {**os.environ, "LD_PRELOAD": os.path.join(self.case.guest, "tcg_shim.so")}
        self.qemu = self.spawn(["sh", "-c", 'eval "$0"', command], env=shim)
        self.qmp = self.case.ends(Qmp(lab_monitor))
        return self

    def commented(self, heading):
        """The comments below the one that begins with `heading`, without their signs."""
        self.case.assertIn("# " + heading, self.options)
        section = re.split(r"\n# (?! )", self.options.split("# " + heading, 1)[1])[0]
        found = re.findall(r"^#   (.*)$", section, re.M)
        self.case.assertTrue(found, heading)
        return found

    def obey(self, heading):
        """The QMP commands there."""
        for text in self.commented(heading):
            command = json.loads(text)
            self.qmp(command["execute"], command.get("arguments"))


class QemuArgs(lab.LiveCase):
    def start_pair(self, primary):
        def starts():
            try:
                primary.monitor("colo-proxy-start")
                return True
            except QmpError as error:
                self.problem = error.desc
                return "not under" in error.desc
        eventually(starts, "COLO starts, or is refused for a disk")
        return primary.monitor.status()["mode"]

    def test_pair_without_disks(self):
        primary, secondary = Side(self, "primary"), Side(self, "secondary")
        primary.start()
        secondary.start()
        self.assertEqual(self.start_pair(primary), "lockstep")

    def with_disk(self, role, disk, port):
        return Side(self, role, "--disk", f"{disk},format=raw", "--nbd", f"127.0.0.1:{port}")

    def test_pair_with_a_replicated_disk(self):
        port = free_port()
        disks = [self.path("disk of a"), self.path("disk,b")]
        for disk in disks:
            with open(disk, "wb") as file:
                file.write(b"the disk as it was" + bytes((1 << 20) - 18))
        primary = self.with_disk("primary", disks[0], port)
        secondary = self.with_disk("secondary", disks[1].replace(",", ",,"), port)
        for line in secondary.commented("Before this QEMU is started"):
            subprocess.run(["sh", "-c", line], check=True)
        primary.start()
        secondary.start()
        self.assertEqual(self.start_pair(primary), "idle")
        self.assertIn("not under QEMU's replication driver", self.problem)
        secondary.obey("Before the primary's are given")
        primary.obey("Once the secondary's QEMU serves")
        self.assertEqual(self.start_pair(primary), "lockstep")
        self.check_checkpoint(primary)
        secondary.qemu.kill()
        primary.monitor("colo-proxy-failover", force=True)
        primary.obey("After a failover to this QEMU")
        self.assertTrue(primary.qmp("query-status")["running"])

    def check_checkpoint(self, primary):
        primary.monitor("colo-proxy-checkpoint")
        eventually(lambda: primary.monitor.status()["checkpoints"]["manual"], "a checkpoint")


if __name__ == "__main__":
    if not shutil.which("qemu-img"):
        raise SystemExit("qemu_args_test needs qemu-img (Debian's qemu-utils)")
    lab.main()
