# SPDX-License-Identifier: GPL-2.0-or-later
"""Real kernels behind `colo-proxy run`: in lock-step no checkpoint is needed, and when the primary dies
every connection goes on with the secondary. TCP timestamps and SACK are on, and from then on the network
loses frames."""
import json
import signal
import socket
import subprocess
import sys
import threading
import unittest

import kernel_rig
from kernel_rig import CLIENT, CLIENT6, DNS, GUEST, GUEST6, IPERF, IPERF_REVERSE, SERVICES, SHELL, WEB, Rig, serve_names
from kernel_services import Gate, Web, content, digest, resolve
from qmp import PATIENCE, eventually

A, AAAA = 1, 28
SIZE = 2 << 20
LOSS = 0.01
SHELL_OF_GUEST = 2300  # where the client waits for shells of the guest
OWN = 45000  # ports of the guest's own connections: two kernels would choose two


def at(address):
    return f"[{address}]" if ":" in address else address


class Shell:
    """A shell at the other end of a connection."""

    def __init__(self, connection):
        self.connection = connection
        connection.settimeout(PATIENCE)
        self.lines = connection.makefile("rw")

    def __call__(self, command):
        """What it prints: one line."""
        self.lines.write(command + "\n")
        self.lines.flush()
        return self.lines.readline().rstrip("\n")

    def end(self):
        """The rest of what it says."""
        self.lines.write("exit\n")
        self.lines.flush()
        rest = self.lines.read()
        self.lines.close()
        self.connection.close()
        return rest


class KernelCase(unittest.TestCase):
    """One rig a class."""

    rig = None

    @classmethod
    def begin(cls, **keywords):
        cls.rig = Rig(**keywords)
        cls.addClassCleanup(cls.rig.close)

    @classmethod
    def shell_at(cls, guest):
        with cls.rig.client.namespace.inside():
            return Shell(socket.create_connection((guest, SHELL), timeout=PATIENCE))

    @classmethod
    def client_serves(cls, gate):
        """A web server, names and a place for the guest's shells, at the client."""
        with cls.rig.client.namespace.inside():
            cls.web = Web(WEB, "client", gate=gate)
            cls.door = socket.create_server(("::", SHELL_OF_GUEST), family=socket.AF_INET6,
                                                       dualstack_ipv6=True)
        cls.door.settimeout(PATIENCE)
        threading.Thread(target=cls.web.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.door.close)
        cls.addClassCleanup(cls.web.server_close)
        cls.addClassCleanup(cls.web.shutdown)
        serve_names(cls.rig.client, CLIENT, CLIENT6)
        cls.rig.client.await_listener(DNS)

    @classmethod
    def shell_of_guest(cls, client, own_port):
        """The guest connects, and its shell is at that connection."""
        cls.rig.on_guests(sys.executable, SERVICES, "shell-to", client, str(SHELL_OF_GUEST), str(own_port))
        return Shell(cls.door.accept()[0])

    def name_of(self, server):
        with self.rig.client.namespace.inside():
            return [resolve(server, "www.test", kind) for kind in (A, AAAA)]

    def pings_from_client(self, guest):
        said = self.rig.client.run("ping", "-n", "-c", "10", "-i", "0.02", "-W", str(int(PATIENCE)), guest)
        self.assertIn(" 0% packet loss", said)


class LockStep(KernelCase):
    """Nothing is lost on the way, so that nothing is left to retransmissions."""

    @classmethod
    def setUpClass(cls):
        cls.begin()
        cls.client_serves(Gate(is_open=True))
        with open(cls.rig.client.path("upload"), "wb") as file:
            file.write(content(SIZE))

    def tearDown(self):
        self.assertEqual((self.rig.checkpoints(), self.rig.xen.asked), (0, 0), self.rig.host_a.log())

    def test_the_client_downloads(self):
        for guest in (GUEST, GUEST6):
            with self.subTest(guest):
                self.rig.client.run("curl", "-sSf", "-o", "download", f"http://{at(guest)}/{SIZE}")
                with open(self.rig.client.path("download"), "rb") as file:
                    self.assertEqual(digest(file.read()), digest(content(SIZE)))

    def test_the_client_uploads(self):
        for guest in (GUEST, GUEST6):
            with self.subTest(guest):
                said = self.rig.client.run("curl", "-sSf", "-T", "upload", f"http://{at(guest)}/")
                self.assertEqual(said, digest(content(SIZE)))

    def test_many_short_connections(self):
        urls = [f"http://{at(guest)}/{size}" for guest in (GUEST, GUEST6) for size in range(1, 2000, 100)]
        words = [word for url in urls for word in ("-o", "short", url)]
        self.rig.client.run("curl", "-sSf", "-H", "Connection: close", "--parallel", *words)

    def test_a_shell(self):
        for guest in (GUEST, GUEST6):
            with self.subTest(guest):
                shell = self.shell_at(guest)
                self.assertEqual(shell("n=20; echo ready"), "ready")
                for i in range(30):
                    self.assertEqual(shell(f"n=$((n+{i})); echo $n"), str(20 + i * (i + 1) // 2))
                self.assertEqual(shell.end(), "")

    def test_a_name_server(self):
        for guest in (GUEST, GUEST6):
            with self.subTest(guest):
                self.assertEqual(self.name_of(guest), [GUEST, GUEST6])

    def test_ping(self):
        for guest in (GUEST, GUEST6):
            with self.subTest(guest):
                self.pings_from_client(guest)

    def test_the_guest_downloads_and_uploads(self):
        for number, client in enumerate((CLIENT, CLIENT6)):
            with self.subTest(client):
                for side in self.rig.guests:
                    self.start_curl(side, OWN + number, "-o", "got-" + side.name, f"http://{at(client)}/{SIZE}")
                for side in self.rig.guests:
                    self.finish(side)
                    with open(side.path("got-" + side.name), "rb") as file:
                        self.assertEqual(digest(file.read()), digest(content(SIZE)))
                for side in self.rig.guests:
                    self.start_curl(side, OWN + 2 + number, "-o", "got-" + side.name, "-T", "upload",
                                    f"http://{at(client)}/")
                for side in self.rig.guests:
                    self.finish(side)
                    with open(side.path("got-" + side.name)) as file:
                        self.assertEqual(file.read(), digest(content(SIZE)))

    def start_curl(self, side, own_port, *words):
        side.curl = side.start("curl", "-sSf", "--local-port", str(own_port), *words)

    def finish(self, side):
        self.assertEqual(side.curl.wait(timeout=PATIENCE), 0, side.log())

    def test_a_shell_of_the_guest(self):
        for number, client in enumerate((CLIENT, CLIENT6)):
            with self.subTest(client):
                shell = self.shell_of_guest(client, OWN + 10 + number)
                self.assertEqual(shell("n=1; echo $((n+1))"), "2")
                self.assertEqual(shell.end(), "")

    def test_the_guest_asks_for_names(self):
        for number, client in enumerate((CLIENT, CLIENT6)):
            with self.subTest(client):
                secondary = self.rig.on_guests(sys.executable, SERVICES, "resolve", client, "www.test", str(A),
                                               str(OWN + 20 + number), stdout=subprocess.PIPE)
                self.assertEqual(secondary.communicate(timeout=PATIENCE)[0].decode(), CLIENT + "\n")

    def test_the_guest_pings(self):
        """Messages too short for the time of day, which ping puts in front of longer ones."""
        words = ("ping", "-n", "-c", "2", "-i", "2", "-s", "8", "-e", "77", "-W", str(int(PATIENCE)))
        pings = [self.rig.on_guests(*words, client, stdout=subprocess.PIPE) for client in (CLIENT, CLIENT6)]
        for ping in pings:
            self.assertIn(" 0% packet loss", ping.communicate(timeout=PATIENCE)[0].decode())


class Difference(KernelCase):
    """That the assertion above can fail: guests that differ do ask."""

    @classmethod
    def setUpClass(cls):
        cls.begin()

    def test_an_answer_that_differs_waits_for_a_checkpoint(self):
        said = self.rig.client.run("curl", "-sSf", f"http://{GUEST}/who")
        self.assertEqual(said, "primary")
        self.assertGreaterEqual(self.rig.xen.asked, 1)
        self.assertIn("divergence", {event["reason"] for event in
                                     self.rig.host_a.qmp.events_so_far("COLO_PROXY_CHECKPOINT")})


class Curl:
    """A transfer of the client's curl through our hands, which stop in its middle for as long as the gate
    is shut."""

    def __init__(self, rig, gate, name, *words, feeds=False):
        self.gate, self.name = gate, name
        pipes = {"stdin": subprocess.PIPE if feeds else subprocess.DEVNULL, "stdout": subprocess.PIPE}
        self.process = rig.client.start("curl", "-sSf", "--no-buffer", *words, **pipes)
        self.said = b""
        self.hands = [threading.Thread(target=self.take, args=(feeds,), daemon=True)]
        if feeds:
            self.hands.append(threading.Thread(target=self.feed, daemon=True))
        for hand in self.hands:
            hand.start()

    def feed(self):
        whole = content(SIZE)
        with self.process.stdin as pipe:
            for position in range(0, SIZE, 8192):
                pipe.write(whole[position:position + 8192])
                self.gate.moved(self.name, 8192, SIZE)

    def take(self, feeds):
        while piece := self.process.stdout.read1(65536):
            self.said += piece
            if not feeds:
                self.gate.moved(self.name, len(piece), SIZE)

    def result(self):
        status = self.process.wait(timeout=PATIENCE)
        for hand in self.hands:
            hand.join(PATIENCE)
        return status, self.said


class Death(KernelCase):
    """Connections of all kinds are begun, the primary dies, the secondary takes over, they end."""

    @classmethod
    def setUpClass(cls):
        cls.begin(loss=LOSS)
        cls.gate = Gate()
        cls.client_serves(cls.gate)
        with open(cls.rig.client.path("upload"), "wb") as file:
            file.write(content(SIZE))
        with cls.rig.told():
            cls.begin_connections()
            eventually(cls.all_under_way, "all transfers under way")
            cls.begin_measurements()
            eventually(cls.is_measuring, "both measurements under way")
            cls.die()
            cls.gate.open()
            cls.end_connections()
        cls.after = cls.rig.switch.report()

    @classmethod
    def die(cls):
        cls.unfinished = [process for process in cls.processes() if process.poll() is None]
        # None copies a guest here: connections that have needed one would not survive.
        asked = cls.rig.host_a.qmp.events_so_far("COLO_PROXY_CHECKPOINT")
        assert not asked, (asked, cls.rig.host_a.log())
        cls.before = cls.rig.switch.report()
        cls.recoveries = cls.rig.secondary.counter("TcpExtTCPSackRecovery")
        cls.rig.kill_primary()
        cls.rig.take_over()

    @classmethod
    def begin_connections(cls):
        cls.shells = {where: cls.shell_at(where) for where in (GUEST, GUEST6)}
        cls.guests_shells = {where: cls.shell_of_guest(where, OWN + 10 + i)
                             for i, where in enumerate((CLIENT, CLIENT6))}
        for where, shell in cls.all_shells():
            assert shell(f"n={len(where)}; echo ready") == "ready"
        cls.downloads = {guest: Curl(cls.rig, cls.gate, f"download {guest}", f"http://{at(guest)}/{SIZE}")
                         for guest in (GUEST, GUEST6)}
        cls.uploads = {guest: Curl(cls.rig, cls.gate, f"upload {guest}", "-T", "-", "-H", f"Content-Length: {SIZE}",
                                   "-H", "Transfer-Encoding:", "-H", "Expect:", f"http://{at(guest)}/", feeds=True)
                       for guest in (GUEST, GUEST6)}
        cls.guests_curls = {}
        for i, client in enumerate((CLIENT, CLIENT6)):
            for kind, words in (("download", [f"http://{at(client)}/{SIZE}/{i}"]),
                                ("upload", ["-T", "upload", f"http://{at(client)}/{i}"])):
                port = str(OWN + 2 * i + (kind == "upload"))
                curls = [side.start("curl", "-sSf", "--local-port", port, "-o", f"{side.name}-{port}", *words)
                         for side in cls.rig.guests]
                cls.guests_curls[client, kind] = curls[1], cls.rig.secondary.path(f"secondary-{port}")

    @classmethod
    def begin_measurements(cls):
        """What the guest measures itself it tells at the end: two would differ."""
        cls.iperf = cls.rig.client.start("iperf3", "--client", GUEST6, "--port", str(IPERF), "--time", "6",
                                         "--bitrate", "8M", "--json", stdout=subprocess.PIPE)
        cls.iperf_reverse = cls.rig.client.start(
            "iperf3", "--client", GUEST, "--port", str(IPERF_REVERSE), "--time", "6", "--bitrate", "8M", "--json",
            "--reverse", stdout=subprocess.PIPE)

    @classmethod
    def all_shells(cls):
        return [*cls.shells.items(), *cls.guests_shells.items()]

    @classmethod
    def processes(cls):
        return [cls.iperf, cls.iperf_reverse,
                *(curl.process for curl in (*cls.downloads.values(), *cls.uploads.values())),
                *(process for process, _ in cls.guests_curls.values())]

    @classmethod
    def all_under_way(cls):
        return len(cls.gate.passed) == 8 and min(cls.gate.passed.values()) > SIZE // 8

    @classmethod
    def is_measuring(cls):
        report = cls.rig.switch.report()
        return min(report[f"bytes to {IPERF}"], report[f"bytes from {IPERF_REVERSE}"]) > SIZE // 8

    @classmethod
    def end_connections(cls):
        """Statuses and what was said, by test."""
        cls.said = {where: [shell(f"echo $((n+{i}))") for i in range(20)] + [shell.end()]
                    for where, shell in cls.all_shells()}
        cls.downloaded = {guest: curl.result() for guest, curl in cls.downloads.items()}
        cls.uploaded = {guest: curl.result() for guest, curl in cls.uploads.items()}
        for process, _ in cls.guests_curls.values():
            process.wait(timeout=PATIENCE)
        cls.measured = [(json.loads(process.communicate(timeout=PATIENCE)[0]), process.returncode)
                        for process in (cls.iperf, cls.iperf_reverse)]

    def test_nothing_was_over_and_no_checkpoint_had_been_asked_for_before(self):
        self.assertEqual((len(self.unfinished), self.rig.xen.asked), (10, 0))

    def test_shells_of_both_sides_remember_what_they_were_told_before(self):
        for where, said in self.said.items():
            with self.subTest(where):
                self.assertEqual(said, [str(len(where) + i) for i in range(20)] + [""])

    def test_the_clients_downloads(self):
        for guest, (status, said) in self.downloaded.items():
            with self.subTest(guest):
                self.assertEqual((status, digest(said)), (0, digest(content(SIZE))), self.rig.client.log())

    def test_the_clients_uploads(self):
        for guest, result in self.uploaded.items():
            with self.subTest(guest):
                self.assertEqual(result, (0, digest(content(SIZE)).encode()), self.rig.client.log())

    def test_the_guests_downloads_and_uploads(self):
        for (client, kind), (process, path) in self.guests_curls.items():
            with self.subTest(client=client, kind=kind):
                self.assertEqual(process.returncode, 0, self.rig.secondary.log())
                with open(path, "rb") as file:
                    said = file.read()
                self.assertEqual(digest(said) if kind == "download" else said.decode(), digest(content(SIZE)))

    def test_iperf3_both_ways(self):
        for report, status in self.measured:
            self.assertNotIn("error", report)
            self.assertEqual(status, 0)
            self.assertGreater(report["end"]["sum_received"]["bytes"], SIZE // 8)
        for which in (f"bytes to {IPERF}", f"bytes from {IPERF_REVERSE}"):
            self.assertGreater(self.after[which], self.before[which])

    def test_new_connections(self):
        for guest in (GUEST, GUEST6):
            with self.subTest(guest):
                self.assertEqual(self.rig.client.run("curl", "-sSf", f"http://{at(guest)}/who"), "secondary")
                self.assertEqual(self.name_of(guest), [GUEST, GUEST6])
                self.pings_from_client(guest)

    def test_timestamps_never_ran_backwards(self):
        self.assertEqual(self.after["backwards"], [])
        self.assertEqual(self.after["without timestamps"], 0)
        self.assertGreater(self.after["with timestamps"], self.before["with timestamps"])
        for place in (self.rig.client, self.rig.secondary):
            self.assertEqual(place.counter("TcpExtPAWSEstab"), 0, place.name)

    def test_losses_after_the_death_were_made_good_by_sack(self):
        self.assertGreater(self.after["lost down"], self.before["lost down"])
        self.assertGreater(self.after["sacks to 1"], 0)
        self.assertGreater(self.rig.secondary.counter("TcpExtTCPSackRecovery"), self.recoveries)
        for place in (self.rig.client, self.rig.secondary):
            # A D-SACK for what only the primary sent again is dubious to the secondary.
            self.assertLessEqual(place.counter("TcpExtTCPSACKDiscard"),
                                 place.counter("TcpExtTCPDSACKIgnoredDubious"), place.name)


if __name__ == "__main__":
    if reason := kernel_rig.unavailable():
        print(reason)
        sys.exit(77)  # Meson's word for skipped
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # an orderly end: processes are ended, too
    unittest.main()
