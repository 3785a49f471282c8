# SPDX-License-Identifier: GPL-2.0-or-later
"""`colo-proxy tunnel` as its users run it: bytes both ways, TLS with certificates made here, whoever dies or
stands still, and a stock QEMU's migration through it."""
import contextlib
import hashlib
import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

from program import BINARY, Case, free_port
from qmp import Qmp, QmpError, connected, eventually

QEMU = "qemu-system-x86_64"
SECONDS = 60  # longer is a hang
SOON = 5      # of what must happen at once: far above it, on a machine that is busy
MUCH = 24 << 20
WINDOW = 1 << 20  # of a stream


class Certificates:
    """A directory as QEMU's tls-creds-x509 has it, made by certtool."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.key("ca")
        self.certtool("ca", "cn = test authority\nca\ncert_signing_key\n", "--generate-self-signed")

    def path(self, name):
        return os.path.join(self.folder, name)

    def key(self, name):
        subprocess.run(["certtool", "--generate-privkey", "--key-type=ecdsa", "--outfile", self.path(name + "-key.pem")],
                       check=True, stderr=subprocess.DEVNULL)

    def certtool(self, name, template, *how):
        with open(self.path(name + ".info"), "w") as file:
            file.write(template)
        subprocess.run(["certtool", *how, "--template", self.path(name + ".info"), "--load-privkey",
                        self.path(name + "-key.pem"), "--outfile", self.path(name + "-cert.pem")],
                       check=True, stderr=subprocess.DEVNULL)

    def make(self, role, name, more="", hosts=("localhost", "127.0.0.1")):
        self.key(role)
        purpose = "tls_www_server" if role == "server" else "tls_www_client"
        names = "".join(f"{'ip_address' if host[0].isdigit() else 'dns_name'} = {host}\n" for host in hosts)
        self.certtool(role, f"cn = {name}\n{names}signing_key\n{purpose}\n{more}", "--generate-certificate",
                      "--load-ca-certificate", self.path("ca-cert.pem"), "--load-ca-privkey", self.path("ca-key.pem"))
        return self


def both(folder):
    return Certificates(folder).make("server", "listening").make("client", "connecting")


class Ended(Exception):
    pass


class Proxy:
    """One end of a tunnel."""
    numbers = itertools.count()

    def __init__(self, case, mode, *arguments):
        self.case = case
        self.monitor_path = case.path(f"{mode}-{next(self.numbers)}.qmp")
        self.log = case.path(os.path.basename(self.monitor_path) + ".log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([BINARY, "tunnel", mode, *arguments, "--monitor", self.monitor_path],
                                            cwd=case.folder, stdin=subprocess.DEVNULL, stderr=log)
        case.addCleanup(self.end)
        eventually(lambda: os.path.exists(self.monitor_path) or self.process.poll() is not None, "it starts")
        self.monitor = None

    def qmp(self, command, **arguments):
        if not self.monitor:
            self.monitor = Qmp(self.monitor_path)
            self.case.addCleanup(self.monitor.close)
        return self.monitor(command, **arguments)

    def streams(self):
        return self.qmp("tunnel-list")

    def said(self):
        with open(self.log) as file:
            return file.read()

    def says(self, text):
        eventually(lambda: text in self.said(), f"it says {text!r}; it said {self.said()!r}")

    def kill(self):
        self.process.kill()
        self.process.wait(SECONDS)

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(SECONDS)


class Tunnels(Case):
    def setUp(self):
        super().setUp()
        self.target = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.target.close)
        self.target.bind(self.path("to"))
        self.target.listen()
        self.target.settimeout(SECONDS)

    def tunnel(self, link=None, listen=(), connect=()):
        link = link or "unix:" + self.path("link")
        self.listening = Proxy(self, "listen", "--link", link, "--to", "unix:" + self.path("to"), *listen)
        self.connecting = Proxy(self, "connect", "--link", link, "--from", "unix:" + self.path("from"), *connect)

    def client(self):
        sock = socket.socket(socket.AF_UNIX)
        self.addCleanup(sock.close)
        sock.settimeout(SECONDS)
        return connected(sock, self.path("from"))

    def pair(self):
        near = self.client()
        far, _ = self.target.accept()
        self.addCleanup(far.close)
        far.settimeout(SECONDS)
        return near, far

    def all_is_full(self):
        """Nothing moves any more while nobody reads. The listening end waits for its socket, so it grants nothing
        any more, and has granted all but less than a quarter of a window; the connecting end waits for more."""
        far, near = self.listening.streams(), self.connecting.streams()  # in this order
        return (far and near and far[0]["state"] == near[0]["state"] == "waiting"
                and near[0]["bytes-out"] - far[0]["bytes-in"] > WINDOW * 3 // 4)

    def fill(self, sock):
        """Until all is full, this socket too."""
        def push_some():
            with contextlib.suppress(BlockingIOError):
                while True:
                    sock.send(bytes(1 << 16))
        sock.setblocking(False)
        eventually(lambda: push_some() or self.all_is_full(), "all is full")
        push_some()
        sock.settimeout(SECONDS)


def read_all(sock):
    pieces = []
    while True:
        data = sock.recv(1 << 20)
        if not data:
            return b"".join(pieces)
        pieces.append(data)


def push(sock, data):
    sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)


class Bytes(Tunnels):
    def check_both_ways(self):
        near, far = self.pair()
        source = random.Random(1)
        there, back = source.randbytes(MUCH), source.randbytes(MUCH)
        writers = [threading.Thread(target=push, args=pair) for pair in ((near, there), (far, back))]
        for writer in writers:
            writer.start()
        got = {}
        readers = [threading.Thread(target=lambda s=s: got.__setitem__(s, read_all(s))) for s in (near, far)]
        for thread in readers:
            thread.start()
        for thread in writers + readers:
            thread.join(SECONDS)
        self.assertEqual(hashlib.sha256(got[far]).digest(), hashlib.sha256(there).digest())
        self.assertEqual(hashlib.sha256(got[near]).digest(), hashlib.sha256(back).digest())
        eventually(lambda: not self.connecting.streams() and not self.listening.streams(), "all are over")

    def test_unix_link(self):
        self.tunnel()
        self.check_both_ways()

    def test_tcp_link_in_the_clear(self):
        self.tunnel(f"127.0.0.1:{free_port()}", ["--insecure"], ["--insecure"])
        self.check_both_ways()

    def test_tls(self):
        folder = self.path("pki")
        both(folder)
        self.tunnel(f"127.0.0.1:{free_port()}", ["--tls-creds", folder], ["--tls-creds", folder])
        self.check_both_ways()

    def test_half_close_is_kept(self):
        self.tunnel()
        near, far = self.pair()
        push(near, b"question")
        self.assertEqual(read_all(far), b"question")
        far.sendall(b"an answer, ")
        self.assertEqual(near.recv(100), b"an answer, ")
        push(far, b"and the rest of it")
        self.assertEqual(read_all(near), b"and the rest of it")

    def test_many_at_a_time(self):
        self.tunnel()
        pairs = [self.pair() for _ in range(40)]
        for number, (near, far) in enumerate(pairs):
            near.sendall(b"%d" % number)
        for number, (near, far) in enumerate(pairs):
            self.assertEqual(far.recv(10), b"%d" % number)
        self.assertEqual(len(self.listening.streams()), 40)

    def test_who_connects_may_start_first(self):
        link = "unix:" + self.path("link")
        self.connecting = Proxy(self, "connect", "--link", link, "--from", "unix:" + self.path("from"))
        near = self.client()
        near.sendall(b"waits")
        self.connecting.says("cannot connect")
        self.listening = Proxy(self, "listen", "--link", link, "--to", "unix:" + self.path("to"))
        far, _ = self.target.accept()
        self.assertEqual(far.recv(10), b"waits")
        far.close()

    def test_nobody_at_the_other_end_is_an_error_that_says_so(self):
        self.tunnel()
        self.target.close()
        near = self.client()
        self.assertEqual(near.recv(1), b"")
        self.connecting.says(f"tunnel listen: cannot connect to unix:{self.path('to')}: Connection refused")


class Ends(Tunnels):
    """Whoever dies or stands still."""

    def closed(self, sock):
        """It ends within a time that no deadline accounts for."""
        begin = time.monotonic()
        sock.settimeout(SOON)
        try:
            while sock.recv(1 << 20):
                pass
        except ConnectionError:
            pass
        self.assertLess(time.monotonic() - begin, SOON)

    def test_death_of_the_connecting_proxy(self):
        self.tunnel()
        near, far = self.pair()
        self.connecting.kill()
        self.closed(far)
        self.listening.says("the other end closed it")

    def test_death_of_the_listening_proxy_and_a_new_one(self):
        self.tunnel()
        near, far = self.pair()
        self.listening.kill()
        self.closed(near)
        self.connecting.says("the link with tunnel listen")
        self.listening = Proxy(self, "listen", "--link", "unix:" + self.path("link"), "--to", "unix:" + self.path("to"))
        near, far = self.pair()
        push(near, b"again")
        self.assertEqual(read_all(far), b"again")

    def check_cancel(self, proxy, other):
        near, far = self.pair()
        self.fill(near)
        stream = eventually(proxy.streams, "it is listed")[0]
        begin = time.monotonic()
        proxy.qmp("tunnel-cancel", stream=stream["stream"])
        eventually(lambda: not proxy.streams(), "it is over here")
        eventually(lambda: not other.streams(), "and there")
        print(f"cancelled after {1000 * (time.monotonic() - begin):.1f} ms", file=sys.stderr)
        with self.assertRaises(ConnectionError):
            near.sendall(bytes(1 << 20))
        self.closed(far)
        other.says("cancelled from the monitor after")
        near, far = self.pair()  # the link lives
        push(near, b"next")
        self.assertEqual(read_all(far), b"next")

    def test_cancel_at_the_sender_while_nobody_reads(self):
        self.tunnel()
        self.check_cancel(self.connecting, self.listening)

    def test_cancel_at_the_receiver_while_nobody_reads(self):
        self.tunnel()
        self.check_cancel(self.listening, self.connecting)

    def test_cancel_of_nothing(self):
        self.tunnel()
        with self.assertRaisesRegex(QmpError, "there is no stream 7"):
            self.connecting.qmp("tunnel-cancel", stream=7)

    def test_signals_end_it_while_nobody_reads(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                self.tunnel()
                near, far = self.pair()
                self.fill(near)
                begin = time.monotonic()
                self.connecting.process.send_signal(number)
                self.assertEqual(self.connecting.process.wait(SECONDS), 0)
                self.assertLess(time.monotonic() - begin, SOON)
                self.closed(far)
                eventually(lambda: not self.listening.streams(), "it is over there, too")
                self.listening.says("tunnel connect: cancelled by a signal")
                self.assertEqual(self.listening.end(), 0)

    def test_a_target_that_closes_is_named_with_the_bytes(self):
        self.tunnel()
        near, far = self.pair()
        near.sendall(bytes(1000))
        far.recv(1000, socket.MSG_WAITALL)
        far.close()
        with self.assertRaises(ConnectionError):
            while True:
                near.sendall(bytes(1 << 16))
        self.connecting.says(f"tunnel listen: unix:{self.path('to')} closed its socket after")


class Security(Tunnels):
    def setUp(self):
        super().setUp()
        self.link = f"127.0.0.1:{free_port()}"

    def refused(self, server, client, server_says, client_says, listen=(), connect=()):
        self.tunnel(self.link, ["--tls-creds", server, *listen] if server else ["--insecure"],
                    ["--tls-creds", client, *connect] if client else ["--insecure"])
        try:
            self.listening.says(server_says)
            self.connecting.says(client_says)
        finally:
            statuses = [self.connecting.end(), self.listening.end()]
        self.assertEqual(statuses, [0, 0])

    def test_certificates_that_will_not_do(self):
        good = both(self.path("good")).folder
        foreign = both(self.path("foreign")).folder
        past = "activation_date = \"2001-01-01 00:00:00\"\nexpiration_date = \"2002-01-01 00:00:00\"\n"
        expired = self.variant(good, "expired", "client", past)
        late = self.variant(good, "late", "server", past)
        elsewhere = self.variant(good, "elsewhere", "server", hosts=("elsewhere.example",))
        client_as_server = self.copy(good, "swapped")
        for part in ("cert", "key"):
            shutil.copy(os.path.join(good, f"client-{part}.pem"), os.path.join(client_as_server, f"server-{part}.pem"))
        cases = [
            ("another authority", good, foreign, "issuer is unknown", "issuer is unknown", (), ()),
            ("expired client", good, expired, "expired", "tunnel listen: the certificate of 'CN=connecting' is not valid", (), ()),
            ("expired server", late, good, "expired certificate", "expired certificate", (), ()),
            ("another host", elsewhere, good, "is not one for '127.0.0.1'", "is not one for '127.0.0.1'", (), ()),
            ("client's purpose", client_as_server, good, "is not valid", "is not valid", (), ()),
            ("not in the list", good, good, "'CN=connecting' is not in the list of names allowed",
             "tunnel listen: 'CN=connecting' is not in the list of names allowed", ("--tls-allow", "CN=somebody"), ()),
            ("not the expected name", good, good, "is not one for 'x.example'", "is not one for 'x.example'",
             ("--tls-peer", "x.example"), ()),
            ("plaintext to a TLS port", good, None, "does not speak TLS", "sent TLS, which is not used here", (), ()),
            ("TLS to a plaintext port", None, good, "sent TLS, which is not used here", "does not speak TLS", (), ()),
        ]
        for name, server, client, server_says, client_says, listen, connect in cases:
            with self.subTest(name):
                self.link = f"127.0.0.1:{free_port()}"
                self.refused(server, client, server_says, client_says, listen, connect)

    def copy(self, folder, name):
        return shutil.copytree(folder, self.path(name))

    def variant(self, folder, name, role, more="", **keywords):
        """The same authority, another certificate."""
        certificates = Certificates.__new__(Certificates)
        certificates.folder = self.copy(folder, name)
        certificates.make(role, "connecting" if role == "client" else "listening", more, **keywords)
        return certificates.folder

    def test_allowed_names_pass(self):
        folder = both(self.path("good")).folder
        self.tunnel(self.link, ["--tls-creds", folder, "--tls-allow", "CN=other", "--tls-allow", "CN=connect*"],
                    ["--tls-creds", folder, "--tls-allow", "CN=listening"])
        near, far = self.pair()
        push(near, b"in")
        self.assertEqual(read_all(far), b"in")

    def test_new_certificates_are_taken_up_and_the_link_lives(self):
        folder = both(self.path("good")).folder
        self.tunnel(self.link, ["--tls-creds", folder], ["--tls-creds", folder])
        near, far = self.pair()
        shutil.rmtree(folder)
        both(folder)  # another authority
        near.sendall(b"still up")
        self.assertEqual(far.recv(10), b"still up")
        self.listening.kill()
        self.listening = Proxy(self, "listen", "--link", self.link, "--to", "unix:" + self.path("to"),
                               "--tls-creds", folder)
        near, far = self.pair()  # the connecting side has read the new ones
        push(near, b"new")
        self.assertEqual(read_all(far), b"new")

    def test_files_that_are_missing_are_named(self):
        folder = both(self.path("good")).folder
        os.remove(os.path.join(folder, "client-key.pem"))
        process = subprocess.run([BINARY, "tunnel", "connect", "--link", self.link, "--from",
                                  "unix:" + self.path("from"), "--tls-creds", folder],
                                 stderr=subprocess.PIPE, timeout=SECONDS)
        self.assertEqual(process.returncode, 1)
        self.assertIn(b"client-key.pem: No such file", process.stderr)

    def test_slow_handshakes_do_not_keep_others_out(self):
        folder = both(self.path("good")).folder
        self.tunnel(self.link, ["--tls-creds", folder], ["--tls-creds", folder])
        self.pair()
        host, port = self.link.split(":")
        slow = [socket.create_connection((host, int(port))) for _ in range(100)]
        for sock in slow:
            self.addCleanup(sock.close)
            sock.send(b"\x16\x03")
        near, far = self.pair()  # what is up stays up
        push(near, b"x")
        self.assertEqual(read_all(far), b"x")
        for sock in slow:
            sock.settimeout(SECONDS)
            try:
                while sock.recv(1000):
                    pass
            except ConnectionError:
                pass
        self.listening.says("no hello within 5000 ms")


class Usage(Case):
    def test_what_is_wrong_is_named(self):
        base = ["--link", "unix:l", "--to", "unix:t"]
        cases = [
            ([], "listen or connect is needed"),
            (["listen"], "--link is missing"),
            (["listen", "--link", "unix:l"], "--to is missing"),
            (["connect", *base], "--to is for listen"),
            (["connect", "--link", "unix:l"], "--from is missing"),
            (["listen", *base, "--what"], "'--what': invalid option"),
            (["listen", *base, "--link", "unix:m"], "--link: given twice"),
            (["listen", *base, "--monitor"], "--monitor: requires an argument"),
            (["listen", "--link", "127.0.0.1:1", "--to", "unix:t"], "--insecure allows that"),
            (["listen", *base, "--tls-creds", "d", "--insecure"], "exclude each other"),
            (["listen", *base, "--tls-allow", "CN=x"], "need --tls-creds"),
            (["listen", "--link", "nonsense", "--to", "unix:t"], "HOST:PORT is needed"),
            (["listen", "--link", "unix:l", "--to", "t"], "unix:PATH or tcp:HOST:PORT is needed"),
        ]
        for arguments, words in cases:
            with self.subTest(arguments):
                process = subprocess.run([BINARY, "tunnel", *arguments], stderr=subprocess.PIPE, timeout=SECONDS)
                self.assertEqual(process.returncode, 2)
                self.assertIn(words, process.stderr.decode())

    def test_an_address_that_is_taken_is_a_set_up_error(self):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            sock.listen()
            link = "127.0.0.1:%d" % sock.getsockname()[1]
            process = subprocess.run([BINARY, "tunnel", "listen", "--link", link, "--to", "unix:t", "--insecure"],
                                     stderr=subprocess.PIPE, timeout=SECONDS)
        self.assertEqual(process.returncode, 1)
        self.assertIn("in use", process.stderr.decode())


class Migration(Tunnels):
    """A stock QEMU's plain `migrate unix:`, TLS in between. No guest runs: its firmware loops."""

    def setUp(self):
        super().setUp()
        if not shutil.which(QEMU):
            self.fail(f"no {QEMU}; Debian's package is qemu-system-x86")
        self.target.close()
        os.remove(self.path("to"))
        folder = both(self.path("pki")).folder
        self.tunnel(f"127.0.0.1:{free_port()}", ["--tls-creds", folder], ["--tls-creds", folder])
        # Memory that does not shrink to nothing on the way: more than there is room for anywhere.
        with open(self.path("memory"), "wb") as file:
            file.write(random.Random(2).randbytes(16 << 20))
        self.source = self.qemu("source", "-device", "loader,file=memory,addr=0x2000000,force-raw=on")
        self.destination = self.qemu("destination", "-incoming", "unix:" + self.path("to"))

    def qemu(self, name, *more):
        process = subprocess.Popen([QEMU, "-machine", "pc", "-accel", "tcg", "-m", "128", "-nodefaults", "-display", "none",
                                    "-qmp", f"unix:{self.path(name)},server=on,wait=off", *more],
                                   cwd=self.folder, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait, SECONDS)
        self.addCleanup(process.kill)
        eventually(lambda: os.path.exists(self.path(name)), f"{name} starts")
        monitor = eventually(lambda: self.try_qmp(name), f"{name}'s monitor")
        return process, monitor

    def try_qmp(self, name):
        try:
            return Qmp(self.path(name))
        except OSError:
            return None

    def migrate(self, slowly):
        monitor = self.source[1]
        monitor("migrate-set-parameters", **{"max-bandwidth": 1 << 20 if slowly else 1 << 33})
        if slowly:  # firmware's few pages would be through at once
            monitor("migrate-set-capabilities", capabilities=[{"capability": "zero-blocks", "state": False}])
        monitor("migrate", uri="unix:" + self.path("from"))

    def status(self, which):
        return which[1]("query-migrate").get("status")

    def source_runs_on(self):
        eventually(lambda: self.status(self.source) in ("failed", "cancelled"), "the source gives up")
        eventually(lambda: self.source[1]("query-status")["status"] == "running", "the source runs")

    def test_completes(self):
        self.migrate(False)
        eventually(lambda: self.status(self.source) == "completed", "it completes")
        eventually(lambda: self.destination[1]("query-status")["status"] == "running", "the destination runs")
        eventually(lambda: not self.connecting.streams() and not self.listening.streams(), "the stream is over")

    def under_way(self):
        self.migrate(True)
        return eventually(lambda: [s for s in self.connecting.streams() if s["bytes-out"] > 0], "it is under way")[0]

    def cancel(self, proxy):
        proxy.qmp("tunnel-cancel", stream=proxy.streams()[0]["stream"])

    def test_cancelled_by_the_tunnel_at_the_source(self):
        self.under_way()
        self.cancel(self.connecting)
        self.source_runs_on()
        self.listening.says("tunnel connect: cancelled from the monitor")

    def test_cancelled_by_the_tunnel_at_the_destination(self):
        self.under_way()
        self.cancel(self.listening)
        self.source_runs_on()
        self.connecting.says("tunnel listen: cancelled from the monitor")

    def test_cancelled_by_the_source(self):
        self.under_way()
        self.source[1]("migrate_cancel")
        self.source_runs_on()
        eventually(lambda: not self.listening.streams(), "the stream is over")

    def test_death_of_the_destination(self):
        self.under_way()
        self.destination[0].kill()
        self.source_runs_on()

    def test_death_of_the_listening_proxy(self):
        self.under_way()
        self.listening.kill()
        self.source_runs_on()

    def test_death_of_the_connecting_proxy(self):
        self.under_way()
        self.connecting.kill()
        self.source_runs_on()

    def check_standing_still(self, end_it):
        """The destination is stopped, all buffers on the way are full; what then ends it ends it at once."""
        os.kill(self.destination[0].pid, signal.SIGSTOP)
        self.addCleanup(os.kill, self.destination[0].pid, signal.SIGCONT)
        self.migrate(False)
        eventually(self.all_is_full, "all is full")
        self.assertEqual(self.status(self.source), "active")
        begin = time.monotonic()
        end_it()
        self.source_runs_on()
        print(f"the source runs on after {1000 * (time.monotonic() - begin):.1f} ms", file=sys.stderr)

    def test_a_destination_that_stands_still_and_a_cancel_at_the_source(self):
        self.check_standing_still(lambda: self.cancel(self.connecting))

    def test_a_destination_that_stands_still_and_a_cancel_at_the_destination(self):
        self.check_standing_still(lambda: self.cancel(self.listening))

    def test_a_destination_that_stands_still_and_a_source_that_cancels(self):
        self.check_standing_still(lambda: self.source[1]("migrate_cancel"))
        os.kill(self.destination[0].pid, signal.SIGCONT)  # what was sent is not thrown away before
        eventually(lambda: not self.connecting.streams() and not self.listening.streams(), "the stream is over")

    def test_a_destination_that_stands_still_and_the_death_of_the_connecting_proxy(self):
        self.check_standing_still(self.connecting.kill)

    def test_a_destination_that_stands_still_and_the_death_of_the_listening_proxy(self):
        self.check_standing_still(self.listening.kill)


if __name__ == "__main__":
    if not shutil.which("certtool"):
        sys.exit("no certtool; Debian's package is gnutls-bin")
    unittest.main()
