# SPDX-License-Identifier: GPL-2.0-or-later
"""A VM protected by `colo-proxy primary` and `colo-proxy secondary`, and more hosts to go on with."""
import os
import shlex
import signal

import rig  # noqa: F401 (where the next one is)
from outside import stream
from process import Process
from program import BINARY, PLUGIN, free_port, run
from qmp import Qmp, QmpError, eventually
from relays import Incoming, Link
from vm import Vm

# So that a machine with too much to do is no failure.
UNHURRIED = ("--set", "vm-deadline=60000", "--set", "checkpoint-deadline=60000", "--set", "link-deadline=60000")
SANITIZERS = ("ERROR: AddressSanitizer", "runtime error:", "LeakSanitizer")


class Proxy(Process):
    """That of one host."""

    def __init__(self, role, name, folder, link, vm_paths, uplinks, options=()):
        prefix = os.path.join(folder, name + ".proxy")
        nics = [word for number, uplink in enumerate(uplinks)
                for word in ("--nic", self.nic(f"{prefix}.vm{number}", uplink))]
        self.arguments = [role, *nics, "--link", link,
                          "--qmp", vm_paths["qmp"], "--monitor", prefix + ".monitor", "--migrate", prefix + ".migrate",
                          "--incoming", vm_paths["incoming"], *options]
        super().__init__(prefix, [BINARY, *self.arguments], "monitor")

    @staticmethod
    def nic(prefix, uplink):
        return f"vm={prefix},uplink={uplink}"

    def status(self):
        return self.qmp.status()

    def checkpoints(self):
        """How many of each reason; reasons without any are left out."""
        return {reason: count for reason, count in self.status()["checkpoints"].items() if count}

    def end(self):
        """As its operator ends it; the exit status."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        status = self.process.wait(60)
        self.kill()
        return status


class Host:
    """A proxy and the QEMU beside it, with a NIC for each of `uplinks`. `incoming`: where the proxy finds its
    QEMU's -incoming, if a relay stands before that."""

    def __init__(self, role, name, lab, link, uplinks, options=(), nic="virtio-net-pci", incoming=None):
        self.name, self.role = name, role
        paths = {"qmp": lab.path(f"{name}.qmp"), "incoming": lab.path(f"{name}.incoming")}
        proxys = {**paths, "incoming": incoming or paths["incoming"]}
        self.proxy = Proxy(role, name, lab.folder, link, proxys, uplinks, options)
        first, *further = [stream(self.proxy.path(f"vm{number}")) for number in range(len(uplinks))]
        eventually(lambda: os.path.exists(self.proxy.path("monitor")) or self.ended(), f"{name}'s proxy is up")
        where = f"unix:{paths['incoming']}" if role == "secondary" else None
        self.make_vm = lambda: Vm(name, lab.folder, lab.guest, nic, first, further=further, incoming=where)
        self.vm = self.make_vm()

    def start_vm_anew(self):
        self.vm.kill()
        self.vm = self.make_vm()

    def ended(self):
        if self.proxy.process.poll() is not None:
            raise AssertionError(f"{self.name}'s proxy has ended: {self.proxy.messages()}")

    def status(self):
        return self.proxy.status()

    def mode(self):
        return self.status()["mode"]

    def is_in(self, mode):
        return self.mode() == mode

    def checkpoint(self):
        self.proxy.qmp("colo-proxy-checkpoint")

    def fail_over(self, force=False):
        self.proxy.qmp("colo-proxy-failover", {"force": True} if force else {})

    def kill(self):
        """The host loses its power."""
        for process in (self.vm, self.proxy):
            if process.process.poll() is None:
                process.signal(signal.SIGKILL)
        self.vm.kill()
        self.proxy.kill()


def netdev_of(uplink):
    """QEMU's own, of what a proxy is given as its uplink."""
    kind, _, name = uplink.partition(":")
    if kind == "tap":
        return f"tap,ifname={name},script=no,downscript=no"
    return f"stream,server=off,addr.type=unix,addr.path={name}"


class RedirectingProxy(Proxy):
    """Frames come to it by QEMU's filters. `mirrors`: the guest's have been delivered by then."""

    mirrors = False

    @classmethod
    def nic(cls, prefix, uplink):
        ways = ("guest-out", "net-out", "net-in") if cls.mirrors else ("guest-out", "guest-in", "net-out", "net-in")
        return ",".join(f"{way}={prefix}.{way}" for way in ways)


class MirroredProxy(RedirectingProxy):
    mirrors = True


class RedirectingHost(Host):
    """A QEMU that keeps its netdevs, and has the filters that `colo-proxy qemu-args` prints."""

    def __init__(self, role, name, lab, link, uplinks, options=(), nic="virtio-net-pci", incoming=None, mirrors=False):
        self.name, self.role = name, role
        paths = {"qmp": lab.path(f"{name}.qmp"), "incoming": lab.path(f"{name}.incoming")}
        proxys = {**paths, "incoming": incoming or paths["incoming"]}
        kind = MirroredProxy if mirrors else RedirectingProxy
        self.proxy = kind(role, name, lab.folder, link, proxys, uplinks, options)
        eventually(lambda: os.path.exists(self.proxy.path("monitor")) or self.ended(), f"{name}'s proxy is up")
        first, *further = [netdev_of(uplink) + (",vnet_hdr=off" if uplink.startswith("tap:") else "")
                           for uplink in uplinks]
        self.vm = Vm(name, lab.folder, lab.guest, nic, first, further=further, more=self.filters(),
                     incoming=f"unix:{paths['incoming']}" if role == "secondary" else None)

    def filters(self):
        printed = run(["qemu-args", *self.proxy.arguments])
        assert printed.status == 0, printed.stderr
        words = shlex.split(printed.stdout.replace("\\\n", "").replace("colo-net", "hn"))
        pairs = zip(words[::2], words[1::2])
        return [word for pair in pairs if pair[0] in ("-chardev", "-object") for word in pair]


def mirrored_host(role, *arguments, **keywords):
    """The primary's QEMU delivers to its guest itself."""
    return RedirectingHost(role, *arguments, mirrors=role == "primary", **keywords)


FLAGS = ("--start", "--insecure", "--disk-external")


class PluginProxy:
    """The proxy within QEMU's process, `vm`, as the tests know a proxy. It lives and dies with QEMU."""

    status, checkpoints = Proxy.status, Proxy.checkpoints

    def __init__(self, prefix):
        self.prefix, self._qmp, self.vm = prefix, None, None

    def path(self, name):
        return f"{self.prefix}.{name}"

    @property
    def qmp(self):
        if self._qmp is None:
            self._qmp = Qmp(self.path("monitor"))
        return self._qmp

    @property
    def process(self):
        return self.vm.process

    def messages(self):
        return self.vm.messages() if self.vm else ""

    def signal(self, number):
        self.vm.signal(number)

    def kill(self):
        self.vm.kill()
        if self._qmp:
            self._qmp.close()
            self._qmp = None

    def end(self):
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        status = self.process.wait(60)
        self.kill()
        return status

    @staticmethod
    def words(options):
        """The device's, of a proxy's."""
        words, settings, options = [], [], iter(options)
        for name in options:
            if name == "--set":
                settings.append(next(options))
            elif name in FLAGS:
                words.append(name[2:] + "=on")
            else:
                words.append(f"{name[2:]}={next(options)}")
        return words + (["set=" + " ".join(settings)] if settings else [])

    def arguments(self, role, link, incoming, nics, options):
        yield from ("-plugin", PLUGIN)
        for number in range(nics):
            more = []
            if number == 0:
                more = [f"link={link}", f"monitor={self.path('monitor')}", f"incoming={incoming}", *self.words(options)]
            yield from ("-device", ",".join(["colo-proxy", f"id=c{number}", f"netdev=hn{number}",
                                             f"filter-id=colo{number}", f"role={role}", *more]))


class PluginHost(Host):
    """A QEMU with the plugin in it."""

    def __init__(self, role, name, lab, link, uplinks, options=(), nic="virtio-net-pci", incoming=None):
        self.name, self.role = name, role
        waits_at = lab.path(f"{name}.incoming")
        self.proxy = PluginProxy(os.path.join(lab.folder, name + ".proxy"))
        more = self.proxy.arguments(role, link, incoming or waits_at, len(uplinks), options)
        first, *further = map(netdev_of, uplinks)
        self.vm = self.proxy.vm = Vm(name, lab.folder, lab.guest, nic, first, further=further, more=list(more),
                                     incoming=f"unix:{waits_at}" if role == "secondary" else None)
        eventually(lambda: os.path.exists(self.proxy.path("monitor")) or self.ended(), f"{name} is up")


# What the proxies of the pairs are: processes, plugins, or processes at the filters of QEMUs that keep their netdevs.
KIND = os.environ.get("COLO_PROXY_HOSTS", "process")
ARE_PLUGINS = KIND == "plugin"
HOST = {"process": Host, "plugin": PluginHost, "filters": RedirectingHost}[KIND]


class Pair:
    """Of hosts "a" and "b", whose uplinks are those of `world`, outside.py's; later hosts are named after further
    ones. Periodic checkpoints are off unless `options` say otherwise. `through_relays`: the link and the
    secondary's incoming migration go through relays. `tcp`: the link is TCP, encrypted. `host`: what makes one."""

    def __init__(self, lab, world, options=(), nic="virtio-net-pci", through_relays=False, tcp=False,
                 host=HOST):
        self.lab, self.world, self.nic, self.tcp, self.make_host = lab, world, nic, tcp, host
        self.options = ("--set", "max-interval=3600000", *UNHURRIED, *options)
        self.hosts = []
        self.link = self.incoming = None
        self.address, self.other_link = ((f"127.0.0.1:{free_port()}" for _ in range(2)) if tcp
                                         else ("unix:" + lab.path(name) for name in ("link", "other-link")))
        if tcp:
            made = run(["certs", lab.path("certs"), "--primary", "127.0.0.1", "--secondary", "127.0.0.1"])
            assert made.status == 0, made.stderr
        self.primary = self.host("primary", "a")
        if through_relays:
            self.link = lab.ends(Link(lab.path("relayed-link"), lab.path("link")))
            self.incoming = lab.ends(Incoming(lab.path("b.relayed"), lab.path("b.incoming")))
        self.secondary = self.host("secondary", "b", through_relays=through_relays)

    def host(self, role, name, options=(), through_relays=False, link=None):
        """`link`: another address than the pair's."""
        if through_relays:
            link = "unix:" + self.lab.path("relayed-link")
        if self.tcp:
            options = (*options, "--tls-creds", self.lab.path("certs/secondary" if name == "b" else "certs/primary"))
        incoming = self.lab.path("b.relayed") if through_relays else None
        with self.world.inside():
            host = self.make_host(role, name, self.lab, link or self.address, self.world.uplinks(name),
                        (*self.options, *options), self.nic, incoming)
        self.hosts.append(host)
        self.lab.addCleanup(self.look_at_messages, host)
        self.lab.addCleanup(host.kill)
        return host

    def look_at_messages(self, host):
        messages = host.proxy.messages()
        for word in SANITIZERS:
            self.lab.assertNotIn(word, messages)

    def protect(self):
        self.primary.vm.wait_until_it_runs()
        self.start(self.primary)
        return self

    def start(self, primary, command="colo-proxy-start", **arguments):
        """A secondary that has not come up yet is waited for."""
        def starts():
            try:
                primary.proxy.qmp(command, arguments)
                self.problem = "it waits for a secondary"
                return primary.is_in("lockstep")
            except QmpError as error:
                self.problem = error.desc
                return False
        try:
            eventually(starts, "the pair is protected")
        except AssertionError:
            raise AssertionError(f"never protected: {self.problem}\n{self.explain()}") from None

    def explain(self):
        """All that was said, for a test that fails."""
        return "\n".join(f"{host.name}: {host.proxy.messages()}\n{host.vm.messages()}" for host in self.hosts)
