# SPDX-License-Identifier: GPL-2.0-or-later
"""Two guests with one address, each behind a `colo-proxy run` on a host of its own, and a client.

    client -- switch --+-- up0 [host A: colo-proxy run] hn0 -- primary guest
                       |          | mirror    ^ output
                       |          v           |
                       +-- up0 [host B: colo-proxy run] hn0 -- secondary guest

Guests, hosts and client are network namespaces. No state is copied from guest to guest: what they run
must say the same by itself.
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

import kernel_evidence
import kernel_services
import program
import recording_rig  # noqa: F401 (where the next ones are)
from kernel_switch import Switch, packet_socket
from netns import Namespace
from qmp import PATIENCE, Qmp, eventually
from tap import DEVICE, Tap
from wire import Wire

CLIENT, CLIENT6 = "10.77.0.1", "fd77::1"
GUEST, GUEST6 = "10.77.0.2", "fd77::2"
CLIENT_MAC, GUEST_MAC = "52:54:00:77:00:01", "52:54:00:77:00:02"
TOOLS = ("curl", "dnsmasq", "ip", "iperf3", "ping")
SERVICES = kernel_services.__file__
DNS, WEB, SHELL, IPERF, IPERF_REVERSE = 53, 80, 23, 5201, 5202

# The guests' clocks of timestamps are a random distance apart: where tcp_timestamps is 2, Linux adds no
# random offset to that of the machine, which both share.
TIMESTAMPS = {"primary": 1, "secondary": 2}
# Least, default and most bytes. The primary's window, whatever a secondary that lags has left of its own, is no
# more than what filter-rewriter keeps for that one: what it must drop takes a checkpoint.
RECEIVE_BUFFERS = "4096 131072 262144"
WRITE_SIZE = {"primary": 16384, "secondary": 3000}


def unavailable():
    """Why there can be no rig here; empty: there can."""
    if os.geteuid() != 0:
        return "needs root, for network namespaces and taps"
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        return "not installed: " + ", ".join(missing)
    try:
        namespace = Namespace()
        try:
            Tap(namespace, False).close()
        finally:
            namespace.close()
    except OSError as error:
        return f"no namespaces or taps: {error}"
    return ""


class Place:
    """A namespace and what runs in it."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.namespace = Namespace()
        self.namespace.ip("link", "set", "lo", "up")
        self.processes = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, *words, **keywords):
        """Standard error, unless told otherwise, goes where log() finds it."""
        with open(self.path(f"{self.name}-log"), "ab") as log, self.namespace.inside():
            keywords = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, **keywords}
            process = subprocess.Popen(words, cwd=self.folder, start_new_session=True, **keywords)
        self.processes.append(process)
        return self.processes[-1]

    def run(self, *words):
        """What it prints; a failure is an exception with all that was said here."""
        process = self.start(*words, stdout=subprocess.PIPE)
        said = process.communicate(timeout=program.SECONDS)[0].decode()
        if process.returncode != 0:
            raise AssertionError(f"{' '.join(words)}: {process.returncode}\n{said}\n{self.log()}")
        return said

    def log(self):
        with open(self.path(f"{self.name}-log"), errors="replace") as file:
            return file.read()

    def counters(self):
        """The kernel's own, of /proc/net/snmp and netstat, by nstat's names: TcpExtTCPSackRecovery."""
        counters = {}
        for table in ("snmp", "netstat"):
            with self.namespace.inside(), open(f"/proc/thread-self/net/{table}") as file:
                lines = [line.split() for line in file]
            for (kind, *names), (_, *values) in zip(lines[::2], lines[1::2]):
                counters.update((kind.rstrip(":") + name, int(value)) for name, value in zip(names, values))
        return counters

    def counter(self, name):
        return self.counters()[name]

    def living(self):
        """What runs here: command lines."""
        return "\n".join(" ".join(process.args) for process in self.processes if process.poll() is None)

    def listens(self, port):
        return any(self._has(table, port, state) for table, state in
                   (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")))

    def _has(self, table, port, state):
        with self.namespace.inside(), open(f"/proc/thread-self/net/{table}") as file:
            rows = [line.split() for line in file.readlines()[1:]]
        return any(row[1].endswith(f":{port:04X}") and row[3] == state for row in rows)

    def await_listener(self, *ports):
        for port in ports:
            eventually(lambda: self.listens(port), f"a listener on port {port} of {self.name}\n{self.log()}")

    def kill(self):
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            for stream in (process.stdin, process.stdout):
                if stream:
                    stream.close()

    def close(self):
        self.kill()
        self.namespace.close()


class Station(Place):
    """One with the device eth0 and addresses: a guest, or the client."""

    def configure(self, mac, address, address6):
        ip, sysctl = self.namespace.ip, self.namespace.sysctl
        ip("link", "set", DEVICE, "address", mac, "txqueuelen", "10000")
        sysctl(f"net/ipv6/conf/{DEVICE}/accept_dad", 0)
        ip("link", "set", DEVICE, "up")
        for family in ("ipv4", "ipv6"):
            # Timers of neighbours are random, and the secondary alone is not answered: see Rig.meet().
            sysctl(f"net/{family}/neigh/{DEVICE}/base_reachable_time_ms", 3_600_000)
            sysctl(f"net/{family}/neigh/{DEVICE}/delay_first_probe_time", 3600)
        ip("address", "add", address + "/24", "dev", DEVICE)
        ip("-6", "address", "add", address6 + "/64", "dev", DEVICE, "nodad")
        assert self.read("net/ipv4/tcp_sack") == "1"

    def read(self, name):
        with self.namespace.inside(), open("/proc/sys/" + name) as file:
            return file.read().strip()


class Guest(Station):
    def take(self, host):
        """The kernel's side of the host's tap."""
        own = f"/proc/{os.getpid()}/fd/{self.namespace.descriptor}"
        host.namespace.ip("link", "set", "hn0", "netns", own, "name", DEVICE)
        self.namespace.sysctl("net/ipv4/tcp_timestamps", TIMESTAMPS[self.name])
        self.namespace.sysctl("net/ipv4/tcp_rmem", RECEIVE_BUFFERS)
        self.configure(GUEST_MAC, GUEST, GUEST6)

    def serve(self):
        self.start(sys.executable, SERVICES, "web", self.name, str(WRITE_SIZE[self.name]))
        self.start(sys.executable, SERVICES, "shells", str(SHELL))
        serve_names(self, GUEST, GUEST6)
        self.start("iperf3", "--server", "--port", str(IPERF))
        # Its patterns begin anew after each write that the kernel took only a part of.
        self.start("iperf3", "--server", "--port", str(IPERF_REVERSE), "--file", "/dev/zero")

    def await_services(self):
        self.await_listener(WEB, SHELL, DNS, IPERF, IPERF_REVERSE)


def serve_names(place, address, address6):
    place.start("dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null",
                "--pid-file=", "--user=root", f"--host-record=www.test,{address},{address6}")


class Host(Place):
    """Where a `colo-proxy run` is, its two taps, and its monitor."""

    qmp = None

    def begin(self, *options):
        self.process = self.start(
            program.BINARY, "run", "-qmp", f"unix:{self.name}-qmp,server=on,wait=off",
            "-netdev", "tap,id=hn0,ifname=hn0,script=no,downscript=no,peer=up0",
            "-netdev", "tap,id=up0,ifname=up0,script=no,downscript=no", *options)
        self.qmp = eventually(self._monitor, f"a monitor of {self.name}")
        self.namespace.sysctl("net/ipv6/conf/up0/disable_ipv6", 1)
        self.namespace.ip("link", "set", "up0", "up", "txqueuelen", "10000")
        return packet_socket(self.namespace, "up0")

    def _monitor(self):
        if self.process.poll() is not None:
            raise AssertionError(self.log())
        # It is the last that is set up: a socket that listens is the sign.
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(self.path(f"{self.name}-qmp")) != 0:
                return None
        return Qmp(self.path(f"{self.name}-qmp"))

    def power_off(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.qmp:
            self.qmp.close()
        super().close()


def server(name):
    return "-chardev", f"socket,id={name},path={name},server=on,wait=off"


def client_of(name, own):
    return "-chardev", f"socket,id={own},path={name}"


PRIMARY = (
    *server("mirror"), *server("secondary"), *server("notify"),
    *server("compare"), *client_of("compare", "compare0"), *server("released"), *client_of("released", "released0"),
    "-object", "filter-mirror,id=m0,netdev=hn0,queue=tx,outdev=mirror",
    "-object", "filter-redirector,id=r0,netdev=hn0,queue=rx,indev=released0",
    "-object", "filter-redirector,id=r1,netdev=hn0,queue=rx,outdev=compare0",
    "-object", "iothread,id=io0",
    # What the VMs agree on is looked at here, not how fast this machine is. Guests that probe a shut window do so
    # at times of their own, up to as long as it has been shut. What never comes fails by PATIENCE.
    "-object", "colo-compare,id=comp0,primary_in=compare,secondary_in=secondary,outdev=released,iothread=io0,"
               f"notify_dev=notify,compare_timeout={int(4 * PATIENCE * 1000)}",
)
SECONDARY = (
    *client_of("mirror", "red0"), *client_of("secondary", "red1"),
    "-object", "filter-redirector,id=f1,netdev=hn0,queue=tx,indev=red0",
    "-object", "filter-redirector,id=f2,netdev=hn0,queue=rx,outdev=red1",
    "-object", "filter-rewriter,id=rew0,netdev=hn0,queue=all",
)


class Xen:
    """Answers each request for a checkpoint at once, though nothing is copied."""

    def __init__(self, path):
        self.wire = Wire(path)
        self.wire.send(b"COLO_USERSPACE_PROXY_INIT")
        assert self.wire.frame() == b"COLO_COMPARE_GET_XEN_INIT"
        self.wire.socket.settimeout(None)
        self.asked = 0
        self.thread = threading.Thread(target=self._answer, daemon=True)
        self.thread.start()

    def _answer(self):
        try:
            while message := self.wire.frame():
                assert message == b"DO_CHECKPOINT", message
                self.asked += 1
                self.wire.send(b"COLO_CHECKPOINT")
        except OSError:
            pass  # the host is dead

    def close(self):
        self.wire.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.wire.close()


class Rig:
    def __init__(self, loss=0.0, seed=1):
        self._folder = tempfile.TemporaryDirectory()
        self.folder = self._folder.name
        self._closing = []
        try:
            self._build(loss, seed)
        except BaseException:
            self.close()
            raise

    def _place(self, kind, name):
        place = kind(self.folder, name)
        self._closing.append(place.close)
        return place

    def _build(self, loss, seed):
        self.host_a, self.host_b = self._place(Host, "host-a"), self._place(Host, "host-b")
        self.primary, self.secondary = self._place(Guest, "primary"), self._place(Guest, "secondary")
        self.client = self._place(Station, "client")
        tap = Tap(self.client.namespace, False)
        ports = [self.host_a.begin(*PRIMARY), self.host_b.begin(*SECONDARY, *kernel_evidence.options(self.host_b))]
        self.xen = Xen(self.host_a.path("notify"))
        self._closing.append(self.xen.close)
        self.switch = Switch(tap, ports, loss, seed)
        self._closing.append(self.switch.close)
        for end in (tap, *ports):
            end.close()
        self.client.configure(CLIENT_MAC, CLIENT, CLIENT6)
        self.primary.take(self.host_a)
        self.secondary.take(self.host_b)
        for guest in self.guests:
            guest.serve()
        for guest in self.guests:
            guest.await_services()
        self.meet()

    def meet(self):
        """Both guests learn where the client is from its own questions. An answer to the primary's would
        come too early for a secondary that asks later, and its own question leads nowhere: `run` does
        not answer it."""
        for address in (GUEST, GUEST6):
            self.client.run("ping", "-n", "-c", "1", "-w", str(int(PATIENCE)), address)

    @property
    def guests(self):
        return self.primary, self.secondary

    def on_guests(self, *words, **keywords):
        """The same on both; the secondary's process."""
        return [guest.start(*words, **keywords) for guest in self.guests][1]

    def checkpoints(self):
        return sum(self.host_a.qmp.status()["checkpoints"].values())

    def kill_primary(self):
        """The primary's host loses power. Nothing of what it held gets out any more."""
        self.host_a.power_off()
        self.primary.kill()

    def take_over(self):
        """What an operator does with the objects there are. Until then, with nobody at its outdev, the
        redirector keeps the guest quiet."""
        self.host_b.qmp("colo-proxy-failover")
        for name in ("f1", "f2"):
            self.host_b.qmp("object-del", id=name)
        self.switch.use(1)

    def told(self):
        """A failure within tells what the client and the secondary know of their connections."""
        return kernel_evidence.told(self.client, self.secondary, self.host_b, self.switch)

    def close(self):
        while self._closing:
            self._closing.pop()()
        self._folder.cleanup()
