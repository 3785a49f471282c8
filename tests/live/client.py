# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients of the guest's service, which believe nothing."""
import socket
import struct
import threading
import time

import rig  # noqa: F401 (where the next one is)
from qmp import PATIENCE

MASK = (1 << 64) - 1


def pattern(count, seed):
    """What BIG sends: splitmix64 of each word's position."""
    words = bytearray()
    z = seed
    for _ in range((count + 7) // 8):
        z = (z + 0x9E3779B97F4A7C15) & MASK
        x = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
        words += struct.pack("<Q", x ^ (x >> 31))
    return bytes(words[:count])


class Client:
    """One connection. `connected`: a socket."""

    def __init__(self, connected):
        self.socket = connected
        self.socket.settimeout(PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def send(self, data):
        self.socket.sendall(data)

    def read(self):
        data = self.socket.recv(1 << 18)
        if not data:
            raise EOFError("the guest has closed the connection")
        return data

    def line(self):
        while b"\n" not in self.rest:
            self.rest += self.read()
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode()

    def bytes(self, count):
        while len(self.rest) < count:
            self.rest += self.read()
        data, self.rest = self.rest[:count], self.rest[count:]
        return data

    def ask(self, request):
        self.send(request.encode() + b"\n")
        return self.line()

    def check(self, request, answer):
        said = self.ask(request)
        assert said == answer, f"{request}: {said}, and not {answer}"

    def ping(self):
        self.check("PING", "PONG")

    def add(self, number):
        return int(self.ask(f"ADD {number}"))

    def time(self):
        """Never the same in two VMs."""
        return float(self.ask("TIME"))

    def big(self, count, seed):
        """Byte for byte."""
        self.send(f"BIG {count} {seed}\n".encode())
        data, expected = self.bytes(count), pattern(count, seed)
        if data != expected:
            at = next(i for i in range(count) if data[i] != expected[i])
            raise AssertionError(f"BIG {count} {seed}: byte {at} is another")

    def sink(self, data):
        """The other way."""
        self.send(f"SINK {len(data)}\n".encode() + data)
        expected = sum(byte * (i + 1) for i, byte in enumerate(data)) & MASK
        said = self.line()
        assert said == f"{expected} {len(data)}", f"SINK: {said}, and not {expected} {len(data)}"

    def close(self):
        self.socket.close()


class CounterLoad:
    """Clients that count, each in a thread and on a connection of its own, until they are told to stop."""

    def __init__(self, clients):
        self.clients = clients
        self.done = []  # (begin, end, value), of all
        self.failures = []
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.count, args=(client,)) for client in clients]
        for thread in self.threads:
            thread.start()

    def count(self, client):
        try:
            while not self.stopped.is_set():
                begin = time.monotonic()
                value = client.add(1)
                self.done.append((begin, time.monotonic(), value))
        except Exception as error:  # whatever it is, the test is told
            self.failures.append(repr(error))

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()
        return self

    def check(self, first=0):
        """Linearizable: no value is missing, none comes twice, and whoever asked after another was answered
        got more. `first`: the counter before."""
        assert not self.failures, self.failures
        values = sorted(value for _, _, value in self.done)
        assert values == list(range(first + 1, first + 1 + len(values))), \
            f"{len(values)} additions from {first}: {values[:3]}...{values[-3:]}"
        highest, ends = first, sorted(self.done, key=lambda one: one[1])
        at = 0
        for begin, _, value in sorted(self.done):
            while at < len(ends) and ends[at][1] < begin:
                highest = max(highest, ends[at][2])
                at += 1
            assert value > highest, f"{value} was answered to one who asked after {highest} was answered"

    def longest_wait(self):
        return max(end - begin for begin, end, _ in self.done)
