# SPDX-License-Identifier: GPL-2.0-or-later
"""What clients do while they are measured, by the monotonic clock. Whatever waits longer than LIMIT hangs."""
import socket
import threading
import time

from client import pattern

LIMIT = 10.0  # seconds
DATAGRAM = b"PING\n"
SEED = 7
PIECE = 1 << 18
PAGE = 35 * 100  # bytes, of make_guest.py
PAGE_PAUSE = 0.1  # seconds


def patient(client):
    client.socket.settimeout(LIMIT)
    return client


def datagrams(world):
    sock = world.connected(kind=socket.SOCK_DGRAM)
    sock.settimeout(LIMIT)
    return sock


def latencies(ask, seconds):
    """Of one request after the other; seconds each."""
    taken, now = [], time.perf_counter
    end = now() + seconds
    while (begin := now()) < end:
        ask()
        taken.append(now() - begin)
    return taken


def datagram_asked(sock):
    """Sent, and echoed."""
    sock.send(DATAGRAM)
    answer = sock.recv(PIECE)
    assert answer == DATAGRAM, answer


class Bulk:
    """From the guest; bytes a second. All of them are looked at, when the clock has stopped."""

    def __init__(self, size):
        self.size, self.expected = size, pattern(size, SEED)

    def rate(self, client):
        pieces, left = [], self.size
        client.send(f"BIG {self.size} {SEED}\n".encode())
        begin = time.perf_counter()
        while left:
            pieces.append(client.socket.recv(min(left, PIECE)))
            left -= len(pieces[-1])
            if not pieces[-1]:
                raise EOFError("the guest has closed the connection")
            if time.perf_counter() - begin > LIMIT:
                raise TimeoutError(f"{self.size - left} of {self.size} bytes in {LIMIT} s")
        rate = self.size / (time.perf_counter() - begin)
        assert b"".join(pieces) == self.expected, "other bytes have come"
        return rate


def pages(connect, seconds):
    """From the guest's web server, a connection each, one each PAGE_PAUSE or, if that is not kept up with, one after
    the other; seconds each."""
    taken, begin = [], time.perf_counter()
    while (due := begin + len(taken) * PAGE_PAUSE) < begin + seconds:
        time.sleep(max(0, due - time.perf_counter()))
        asked = time.perf_counter()
        client = patient(connect())
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        page = b""
        while piece := client.socket.recv(PIECE):
            page += piece
        client.close()
        taken.append(time.perf_counter() - asked)
        assert page.startswith(b"HTTP/1.") and len(page) > PAGE, page[:100]
    return taken


def times(clients, seconds):
    """What the VMs cannot agree on; how many answers a second, of all clients together."""
    counts, failures = [], []
    begin = time.perf_counter()

    def ask(client):
        count = 0
        try:
            while time.perf_counter() - begin < seconds:
                client.time()
                count += 1
        except Exception as error:
            failures.append(error)
        counts.append(count)

    threads = [threading.Thread(target=ask, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return sum(counts) / (time.perf_counter() - begin)


class Talk:
    """A client that counts until it is told to stop, whoever dies meanwhile."""

    ENOUGH = 50  # answers, after which it goes on as before

    def __init__(self, client):
        self.client, self.answers, self.failure = client, [], None
        self.stops = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            last = self.client.add(0)
            while not self.stops.is_set():
                value = self.client.add(1)
                self.answers.append(time.monotonic())
                assert value == last + 1, f"{value} after {last}"
                last = value
        except Exception as error:  # whatever it is, who asks is told
            self.failure = error

    def outage(self, moment):
        """The longest time without an answer, from `moment` on; seconds."""
        end = time.monotonic() + LIMIT
        while not self.failure and time.monotonic() < end and self.since(moment) < self.ENOUGH:
            time.sleep(0.002)
        self.stop()
        if self.failure:
            raise self.failure
        if not self.since(moment):
            raise TimeoutError(f"no answer for {LIMIT} s")
        first = max(0, len(self.answers) - self.since(moment) - 1)
        answers = self.answers[first:]
        return max(after - before for before, after in zip(answers, answers[1:]))

    def since(self, moment):
        return sum(answer > moment for answer in self.answers)

    def stop(self):
        self.stops.set()
        self.thread.join()
