# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs colo-proxy as its users do, and looks at what comes back."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import unittest

import captures

BINARY = os.environ.get("COLO_PROXY", "colo-proxy")
PLUGIN = os.environ.get("COLO_PROXY_PLUGIN", "colo-proxy.so")  # what QEMU loads
PCAPS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "pcaps")
DIVISOR = int(os.environ.get("COLO_PROXY_LOAD", "1"))
SECONDS = 120  # longer is a hang, sanitizers included
MS = 10**6


# The kernel counts what a process had when it started another as the other's: a small one stands between.
MEASURE = """
import os, sys
process = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(process, 0)
with open(sys.argv[1], "w") as file:
    file.write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status) % 256)
"""


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Outcome:
    def __init__(self, status, stdout, stderr, peak):
        self.status, self.stdout, self.stderr = status, stdout, stderr
        self.peak = peak  # bytes of memory, when measured

    @property
    def json(self):
        return json.loads(self.stdout)


def run(arguments, stdin=None, output=subprocess.PIPE, measured=False, **keywords):
    """`stdin`: bytes, or an iterable of bytes that are made while they are read. `output`: an open file
    that gets a standard output too long to be kept. `keywords`: as Popen takes them."""
    with tempfile.NamedTemporaryFile("r") as peak:
        prefix = [sys.executable, "-I", "-S", "-c", MEASURE, peak.name] if measured else []
        process = subprocess.Popen([*prefix, BINARY, *arguments], stdin=subprocess.PIPE,
                                   stdout=output, stderr=subprocess.PIPE, **keywords)
        if stdin is not None and not isinstance(stdin, bytes):
            try:
                for piece in stdin:
                    process.stdin.write(piece)
            except BrokenPipeError:
                pass
            stdin = None
        out, error = process.communicate(stdin, timeout=SECONDS)
        bytes_used = int(peak.read()) * 1024 if measured else None
    return Outcome(process.returncode, (out or b"").decode(), error.decode(), bytes_used)


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def file(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def replay(self, primary, secondary, *options, stdin=None, measured=False):
        """Bytes become files; strings are passed as they are."""
        sides = []
        for name, side in (("primary", primary), ("secondary", secondary)):
            sides += ["--" + name, side if isinstance(side, str) else self.file(name + ".pcap", side)]
        outcome = run(["replay", *sides, *options], stdin, measured=measured)
        self.assertIn(outcome.status, (0, 1, 2), outcome.stderr)
        return outcome

    def result(self, primary, secondary, *options, stdin=None):
        """The JSON of a run that must come to a verdict; lists of records become captures."""
        primary, secondary = (captures.pcap(s) if isinstance(s, list) else s
                              for s in (primary, secondary))
        outcome = self.replay(primary, secondary, "--json", *options, stdin=stdin)
        self.assertIn(outcome.status, (0, 1), outcome.stderr)
        result = outcome.json
        self.assertEqual(outcome.status, 1 if result["checkpoints"] else 0)
        self.assertEqual(result["verdict"], "diverged" if result["checkpoints"] else "identical")
        self.assertEqual(result["primary"]["released"], result["primary"]["output"])
        return result

    def refused(self, outcome, *words):
        """Bad usage or unreadable input: status 2, nothing on stdout, the cause on stderr."""
        self.assertEqual(outcome.status, 2, outcome.stderr)
        self.assertEqual(outcome.stdout, "")
        for word in words:
            self.assertIn(str(word), outcome.stderr)
