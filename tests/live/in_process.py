# SPDX-License-Identifier: GPL-2.0-or-later
"""A pair protected by QEMU's own filters and colo-compare, as QEMU documents it: what colo-proxy is measured
against. Clients reach the primary by the uplink "primary", after a failover the survivor by "secondary"."""
from qmp import eventually
from vm import Vm

SERVER = ",server=on,wait=off"
DELAY = 20_000  # ms, QEMU's own


def colo_capabilities(vm, delay=DELAY):
    vm.qmp("migrate-set-capabilities", capabilities=[{"capability": name, "state": True}
                                                      for name in ("x-colo", "events")])
    vm.qmp("migrate-set-parameters", {"x-checkpoint-delay": delay})


class InProcessPair:
    def __init__(self, folder, guest, outside, nic="virtio-net-pci"):
        self.folder, self.outside = folder, outside
        outside.use("primary")
        chardev = lambda name, path, more="": ["-chardev", f"socket,id={name},path={self.path(path)}{more}"]
        self.primary = Vm("primary", folder, guest, nic, outside.netdev("primary"), more=[
            *chardev("mirror", "mirror", SERVER), *chardev("sec", "sec", SERVER),
            *chardev("pri-far", "pri", SERVER), *chardev("pri", "pri"),
            *chardev("out-far", "out", SERVER), *chardev("out", "out"),
            "-object", "filter-mirror,id=m,netdev=hn0,queue=tx,outdev=mirror,status=off",
            "-object", "filter-redirector,id=back,netdev=hn0,queue=rx,indev=out-far,status=off",
            "-object", "filter-redirector,id=away,netdev=hn0,queue=rx,outdev=pri-far,status=off",
            "-object", "iothread,id=io",
            "-object", "colo-compare,id=compare,primary_in=pri,secondary_in=sec,outdev=out,iothread=io"])
        self.secondary = Vm("secondary", folder, guest, nic, outside.netdev("secondary"),
                            incoming="unix:" + self.path("incoming"), more=[
            *chardev("mirror", "mirror", ",reconnect=1"), *chardev("sec", "sec", ",reconnect=1"),
            "-object", "filter-redirector,id=in,netdev=hn0,queue=tx,indev=mirror",
            "-object", "filter-redirector,id=out,netdev=hn0,queue=rx,outdev=sec",
            "-object", "filter-rewriter,id=rewriter,netdev=hn0,queue=all"])

    def path(self, name):
        return f"{self.folder}/{name}.chardev"

    def protect(self):
        self.primary.wait_until_it_runs()
        for name in ("m", "back", "away"):
            self.primary.qmp.set("/objects/" + name, "status", "on")
        for vm in (self.secondary, self.primary):
            colo_capabilities(vm)
        self.primary.qmp("migrate-set-parameters", {"max-bandwidth": 2 << 30, "downtime-limit": 300})
        self.primary.qmp("migrate", uri="unix:" + self.path("incoming"))
        eventually(lambda: self.primary.migration() == "colo" and self.primary.is_running()
                   and self.secondary.is_running(), "COLO runs")

    def fail_over(self):
        """The primary dies."""
        self.primary.kill()
        self.outside.use("secondary")
        self.secondary.qmp("x-colo-lost-heartbeat")
        self.secondary.wait_until_it_runs()

    def checkpoints(self):
        """How many there have been: each stops the primary once, as does the migration's end."""
        self.primary.qmp("query-version")  # what has happened has been told before the answer
        return sum(event["event"] == "STOP" for event in self.primary.qmp.events) - 1

    def kill(self):
        for vm in (self.primary, self.secondary):
            vm.kill()
