# SPDX-License-Identifier: GPL-2.0-or-later
"""`colo-proxy certs`: what it makes is what a link, and QEMU, take."""
import os
import stat
import unittest

from program import free_port, run
from tunnel_test import Tunnels

FILES = {"ca-cert.pem": 0o644, "client-cert.pem": 0o644, "client-key.pem": 0o600,
         "server-cert.pem": 0o644, "server-key.pem": 0o600}


class Certs(Tunnels):
    def make(self, name, primary="localhost", secondary="127.0.0.1", *more):
        outcome = run(["certs", self.path(name), "--primary", primary, "--secondary", secondary, *more])
        self.assertEqual((outcome.status, outcome.stderr), (0, ""))
        return self.path(name)

    def test_link_takes_them_with_either_host_listening(self):
        folder = self.make("pki")
        for listening, host, connecting in (("primary", "localhost", "secondary"),
                                            ("secondary", "127.0.0.1", "primary")):
            with self.subTest(listening):
                link = f"{host}:{free_port()}"
                self.tunnel(link, ["--tls-creds", f"{folder}/{listening}"],
                            ["--tls-creds", f"{folder}/{connecting}"])
                near, far = self.pair()
                near.sendall(b"there")
                self.assertEqual(far.recv(100), b"there")
                self.connecting.end()
                self.listening.end()

    def test_every_name_of_a_host_will_do(self):
        folder = self.make("pki", "elsewhere.example", "b", "--primary=127.0.0.1")
        self.tunnel(f"127.0.0.1:{free_port()}", ["--tls-creds", folder + "/primary"],
                    ["--tls-creds", folder + "/secondary"])
        self.pair()

    def test_a_host_that_is_added_later_is_as_good(self):
        folder = self.make("pki")
        outcome = run(["certs", folder, "--add", "127.0.0.1", "--add", "hostC"])
        self.assertEqual((outcome.status, outcome.stderr), (0, ""))
        self.assertEqual(set(os.listdir(folder + "/127.0.0.1")), set(FILES))
        self.tunnel(f"127.0.0.1:{free_port()}", ["--tls-creds", folder + "/127.0.0.1"],
                    ["--tls-creds", folder + "/primary"])
        self.pair()

    def test_only_the_authority_itself_adds_a_host(self):
        ours, theirs = self.make("ours"), self.make("theirs")
        os.replace(theirs + "/ca-key.pem", ours + "/ca-key.pem")
        outcome = run(["certs", ours, "--add", "c"])
        self.assertEqual(outcome.status, 1)
        self.assertIn("the authority's key and certificate do not belong together", outcome.stderr)
        outcome = run(["certs", theirs, "--add", "c"])
        self.assertEqual(outcome.status, 1)
        self.assertIn(theirs + "/ca-key.pem: No such file", outcome.stderr)

    def test_another_host_is_refused(self):
        folder = self.make("pki", "elsewhere.example", "b")
        self.tunnel(f"127.0.0.1:{free_port()}", ["--tls-creds", folder + "/primary"],
                    ["--tls-creds", folder + "/secondary"])
        self.connecting.says("127.0.0.1")
        self.connecting.says("certificate")

    def test_another_authority_is_refused(self):
        ours, theirs = self.make("ours", "127.0.0.1", "b"), self.make("theirs", "127.0.0.1", "b")
        self.tunnel(f"127.0.0.1:{free_port()}", ["--tls-creds", ours + "/primary"],
                    ["--tls-creds", theirs + "/secondary"])
        self.connecting.says("certificate")

    def test_keys_are_their_owners_alone(self):
        folder = self.make("pki")
        for host in ("primary", "secondary"):
            self.assertEqual({name: stat.S_IMODE(os.stat(f"{folder}/{host}/{name}").st_mode)
                              for name in os.listdir(f"{folder}/{host}")}, FILES)
        self.assertEqual(stat.S_IMODE(os.stat(folder + "/ca-key.pem").st_mode), 0o600)

    def test_what_is_there_is_not_overwritten(self):
        folder = self.make("pki")
        with open(folder + "/ca-key.pem") as file:
            before = file.read()
        outcome = run(["certs", folder, "--primary", "a", "--secondary", "b"])
        self.assertEqual(outcome.status, 1)
        self.assertIn(folder + "/ca-key.pem: File exists", outcome.stderr)
        with open(folder + "/ca-key.pem") as file:
            self.assertEqual(file.read(), before)

    def test_bad_usage_is_named(self):
        for words, named in (([], "DIR is missing"), (["d"], "--primary is missing"),
                             (["d", "--primary", "a"], "--secondary is missing"),
                             (["d", "--primary"], "--primary: requires an argument"),
                             (["d", "--days=0"], "--days: '0'"), (["d", "--days=9x"], "--days: '9x'"),
                             (["d", "e"], "one DIR"), (["d", "--add", "../x"], "--add: '../x' is no name of a host"),
                             (["d", "--add", "c", "--primary", "a"], "--add: goes without --primary"), (["d", "--host", "x"], "'--host': invalid option")):
            with self.subTest(words):
                self.refused(run(["certs", *words]), named)


if __name__ == "__main__":
    unittest.main()
