# SPDX-License-Identifier: GPL-2.0-or-later
"""A protected VM without a guest: two stock QEMUs with our plugin in them, each on a hub. What enters the primary's `b`
is what its VM says, and is held until the secondary's has said it, too; what leaves at an `a` is on the network."""
import os
import subprocess

from plugin_rig import Machine, PluginCase, QmpError, body, eventually, exchange
from virtio_card import FIRMWARE

TCG_SHIM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live", "tcg_shim.c")
RAM = "16376K"  # see RAM in tests/live/vm.py
# So that a machine with too much to do asks for no checkpoint.
CALM = "set=max-interval=3600000 compare_timeout=60000 vm-deadline=60000 checkpoint-deadline=60000"


def tcg_shim(case):
    shim = case.path("tcg_shim.so")
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", shim, TCG_SHIM], check=True)
    return shim


class VmMachine(Machine):
    def end(self):
        """Under TCG a primary's QEMU in COLO may never come to its end."""
        self.process.kill()
        self.process.wait()

    def command(self):
        command = super().command()
        firmware = self.case.file("firmware", FIRMWARE)
        return ["-machine", "pc,accel=tcg", "-m", RAM, "-no-user-config", "-bios", firmware, *command[2:]]


class PairedCase(PluginCase):
    def pair(self, primarys="", secondarys=""):
        """Protected. `primarys`, `secondarys`: more options of theirs."""
        self.primary, self.secondary = VmMachine(self, "primary"), VmMachine(self, "secondary")
        shim = tcg_shim(self)
        device = "colo-proxy,id=c0,netdev=a,filter-id=f0,link=unix:link"
        for machine, arguments, more in (
                (self.primary, [], primarys), (self.secondary, ["-incoming", "unix:incoming"], ",incoming=incoming" + secondarys)):
            with open(self.path(machine.name + ".log"), "wb") as log:
                machine.start(*arguments, "-device", f"{device},role={machine.name},monitor=own-{machine.name},{CALM}{more}",
                              preload=shim, stderr=log)
            if machine.qmp("query-version")["qemu"]["major"] > 7:
                self.skipTest("COLO does not work in this QEMU")
        self.proxy, self.standby = self.own("own-primary"), self.own("own-secondary")
        eventually(self.is_protected, "the pair is protected")

    def is_protected(self):
        try:
            self.proxy("colo-proxy-start")
        except QmpError:  # the secondary may not be there yet
            pass
        return self.proxy.status()["mode"] == "lockstep" and self.standby.status()["mode"] == "lockstep"

    def said(self, machine):
        with open(self.path(machine.name + ".log")) as log:
            return log.read()

    def check_cut_off(self, machine):
        """Nothing that its VM says is heard before somebody switches the link on."""
        machine.b.send(body(50))
        eventually(machine.b.is_read, "QEMU has taken it")
        machine.qmp("set_link", name="a", up=True)
        machine.b.send(body(51))
        self.assertTrue(exchange([machine.a], lambda: machine.a.received))
        self.assertEqual(machine.a.received, [body(51)])
        self.assertIn("the link of 'a' is off", self.said(machine))

    def hold(self, *frames):
        """The primary's VM says them."""
        self.primary.b.send(*frames)
        eventually(lambda: self.primary.qmp.get("/objects/f0", "held-frames") == len(frames), "they are held")
