# SPDX-License-Identifier: GPL-2.0-or-later
"""A stock QEMU with the tests' guest, under TCG."""
import os

import rig  # noqa: F401 (where the next one is)
from process import Process
from qmp import eventually
from stock_qemu import QEMU

# With COLO under TCG, QEMU loses dirty pages of a guest whose RAM is a multiple of 256 KiB.
RAM = "131064K"
MAC = "52:54:00:77:00:02"
PORT = 7000


def booted(guest, nic):
    """The memory of a guest that has booted."""
    return os.path.join(guest, nic + ".booted")


class Vm(Process):
    """`folder`: where its sockets and files are; `guest`: what make_guest has made. `netdev`: options without
    an id. `incoming`: what it waits to be migrated from, for a secondary. `boot`: from the kernel, not from
    the memory of one that has. `further`: the netdevs of further NICs, which no memory knows."""

    def __init__(self, name, folder, guest, nic="virtio-net-pci", netdev=None, incoming=None, boot=False,
                 more=(), further=()):
        self.name, self.folder, self.nic = name, folder, nic
        prefix = os.path.join(folder, name)
        self.serial = prefix + ".serial"
        if incoming is None and not boot and not further:
            incoming = f"exec:cat {booted(guest, nic)}"
        words = [QEMU, "-name", name, "-machine", "pc", "-accel", "tcg", "-m", RAM, "-nodefaults",
                 "-no-user-config", "-display", "none",
                 "-kernel", os.path.join(guest, "vmlinuz"), "-initrd", os.path.join(guest, "initrd"),
                 "-append", "console=ttyS0 quiet panic=1", "-serial", "file:" + self.serial,
                 "-qmp", f"unix:{prefix}.lab,server=on,wait=off",
                 "-qmp", f"unix:{prefix}.qmp,server=on,wait=off",
                 *(["-netdev", netdev + ",id=hn0"] if netdev else []),
                 "-device", f"{nic},id=e0,mac={MAC},romfile=" + (",netdev=hn0" if netdev else ""),
                 *self.further_nics(further),
                 *(["-incoming", incoming] if incoming else []), *more]
        environment = {**os.environ, "LD_PRELOAD": os.path.join(guest, "tcg_shim.so")}
        # The lab's own monitor; the one that a proxy is given is at path("qmp").
        super().__init__(prefix, words, "lab", environment)

    def further_nics(self, netdevs):
        for number, netdev in enumerate(netdevs, 1):
            mac = f"{MAC[:-2]}{0x10 + number:02x}"
            yield from ("-netdev", f"{netdev},id=hn{number}",
                        "-device", f"{self.nic},id=e{number},mac={mac},romfile=,netdev=hn{number}")

    def wait_for_service(self):
        eventually(lambda: "SERVICE-READY" in self.serial_text() or self.dead(), "the guest's service")

    def dead(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} has died: {self.messages()}")

    def wait_until_it_runs(self):
        eventually(lambda: self.dead() or self.is_running(), f"{self.name} runs")
        return self

    def is_running(self):
        return self.qmp("query-status")["running"]

    def serial_text(self):
        if not os.path.exists(self.serial):
            return ""
        with open(self.serial, errors="replace") as file:
            return file.read()

    def save(self, path):
        """Its memory goes to a file, of a VM that runs: it will run where it is loaded."""
        self.qmp("migrate-set-parameters", {"max-bandwidth": 8 << 30})
        self.qmp("migrate", uri=f"exec:cat >{path}")
        eventually(lambda: self.migration() == "completed", "the guest's memory is saved")

    def migration(self):
        status = self.qmp("query-migrate").get("status")
        if status == "failed":
            raise AssertionError(f"{self.name}: the migration has failed: {self.messages()}")
        return status
