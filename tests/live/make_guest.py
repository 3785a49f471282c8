#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes what the live tests run, once: Debian's kernel, an initrd, the shim for QEMU, and the memory of a
guest that has booted, from which each test's guest begins within a second.

    make_guest.py DIRECTORY        (needs apt-get download, cc, busybox-static, qemu-system-x86)
"""
import fcntl
import glob
import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = [os.path.join(HERE, name) for name in
           ("guest/init", "guest/service.c", "make_guest.py", "tcg_shim.c", "vm.py")]
MODULES = ["virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci",
           "failover", "net_failover", "virtio_net", "e1000"]
BUSYBOX = "/bin/busybox"
NICS = ("virtio-net-pci", "e1000")


def run(*words, **keywords):
    done = subprocess.run(words, capture_output=True, **keywords)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)}: {done.stderr.decode().strip() or done.returncode}")
    return done.stdout.decode()


def kernel_package(folder):
    """The package that linux-image-amd64 stands for."""
    depends = run("apt-cache", "depends", "linux-image-amd64")
    name = re.search(r"Depends: (linux-image-\S+)", depends)
    if not name:
        raise SystemExit("apt-cache knows no linux-image-amd64; apt-get update?")
    # Unless a user can write there, apt says so and goes on as root.
    run("apt-get", "download", name.group(1), cwd=folder)
    package, = glob.glob(os.path.join(folder, "linux-image-*.deb"))
    return package


def kernel_and_modules(package, target):
    """The kernel goes to a file; the modules by name are returned."""
    modules = {}
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as process:
        with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
            for entry in archive:
                name = os.path.basename(entry.name)
                if name.startswith("vmlinuz-"):
                    with open(target, "wb") as file:
                        file.write(archive.extractfile(entry).read())
                elif name.endswith(".ko") and name[:-3] in MODULES:
                    modules[name] = archive.extractfile(entry).read()
    return modules


class Archive:
    """A cpio archive in the format the kernel unpacks ("newc")."""

    def __init__(self):
        self.data, self.inode = b"", 0

    def add(self, name, mode, content=b""):
        self.inode += 1
        fields = [self.inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        self.data += self.padded(head) + self.padded(content)

    @staticmethod
    def padded(data):
        return data + bytes(-len(data) % 4)

    def folder(self, name):
        self.add(name, 0o040755)

    def file(self, name, content, mode=0o100755):
        self.add(name, mode, content)

    def end(self):
        self.add("TRAILER!!!", 0)
        return self.data


def content(path):
    with open(path, "rb") as file:
        return file.read()


def initrd(modules, service):
    archive = Archive()
    for name in ("bin", "dev", "modules", "proc", "sys", "www"):
        archive.folder(name)
    archive.file("bin/busybox", content(BUSYBOX))
    archive.file("init", content(os.path.join(HERE, "guest/init")))
    archive.file("service", content(service))
    archive.file("www/index.html", b"<p>a page of a protected guest</p>\n" * 100)
    archive.file("modules/order", "\n".join(name + ".ko" for name in MODULES).encode())
    for name, data in modules.items():
        archive.file("modules/" + name, data)
    return archive.end()


def make(folder):
    inside = lambda name: os.path.join(folder, name)
    with tempfile.TemporaryDirectory() as scratch:
        modules = kernel_and_modules(kernel_package(scratch), inside("vmlinuz"))
        missing = [name for name in MODULES if name + ".ko" not in modules]
        if missing:
            raise SystemExit("not in the kernel's package: " + " ".join(missing))
        service = os.path.join(scratch, "service")
        run("cc", "-O2", "-static", "-o", service, os.path.join(HERE, "guest/service.c"))
        with open(inside("initrd"), "wb") as file:
            file.write(initrd(modules, service))
    run("cc", "-O2", "-shared", "-fPIC", "-o", inside("tcg_shim.so"), os.path.join(HERE, "tcg_shim.c"))
    boot(folder)


def boot(folder):
    from vm import Vm, booted
    for nic in NICS:
        with tempfile.TemporaryDirectory() as scratch:
            vm = Vm("guest", scratch, folder, nic=nic, boot=True)
            try:
                vm.wait_for_service()
                vm.save(booted(folder, nic))
            finally:
                vm.kill()


def stamp():
    digest = hashlib.sha256()
    for path in SOURCES:
        digest.update(content(path))
    digest.update(run("qemu-system-x86_64", "--version").encode())
    return digest.hexdigest()


def made(folder):
    """The folder, with all of it there. Several may ask at once."""
    os.makedirs(folder, exist_ok=True)
    current, stamp_file = stamp(), os.path.join(folder, "stamp")
    with open(os.path.join(folder, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(stamp_file) or content(stamp_file).decode() != current:
            make(folder)
            with open(stamp_file, "w") as file:
                file.write(current)
    return folder


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_guest.py DIRECTORY")
    made(sys.argv[1])
