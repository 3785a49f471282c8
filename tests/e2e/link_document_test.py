# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/link.md against the program: what was written from the document alone (link_client.py) speaks with both
ends of a `colo-proxy tunnel`, and what the document forbids ends the link."""
import os
import random
import re
import socket
import struct
import subprocess
import threading
import unittest

import link_client as wire
from link_client import DATA, DONE, FINISH, Ended, Link
from program import BINARY, Case
from qmp import connected, eventually

DOCUMENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "link.md")
SECONDS = 60  # longer is a hang
PROTOCOL_ERROR, REFUSED, NO_SERVICE, CANCELLED = 6, 2, 3, 1


def listening(case, name):
    sock = socket.socket(socket.AF_UNIX)
    case.addCleanup(sock.close)
    sock.bind(case.path(name))
    sock.listen()
    sock.settimeout(SECONDS)
    return sock


class EchoServer:
    """Sends back what comes, a thread a connection."""

    def __init__(self, sock):
        self.sock, self.ends = sock, []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.echo, args=(client,), daemon=True).start()

    def echo(self, client):
        with client:
            try:
                while data := client.recv(1 << 16):
                    client.sendall(data)
            except ConnectionError:
                pass
        self.ends.append("over")


class Documented(Case):
    def tunnel(self, *arguments):
        process = subprocess.Popen([BINARY, "tunnel", *arguments], cwd=self.folder, stdin=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait, SECONDS)
        self.addCleanup(process.terminate)

    def listener(self):
        """`tunnel listen`, whose streams come back."""
        self.server = EchoServer(listening(self, "to"))
        self.tunnel("listen", "--link", "unix:" + self.path("link"), "--to", "unix:" + self.path("to"))

    def link(self, **keywords):
        sock = socket.socket(socket.AF_UNIX)
        self.addCleanup(sock.close)
        return Link(connected(sock, self.path("link")), **keywords)


class Vectors(unittest.TestCase):
    def test_ours_are_the_documents(self):
        with open(DOCUMENT, encoding="utf-8") as file:
            vectors = re.findall(r"^    ((?:[0-9a-f]{8} ?)+)$", file.read().split("## Vectors")[1], re.M)
        header, greeting = (bytes.fromhex(vector) for vector in vectors)
        self.assertEqual(header, wire.HEADER.pack(0x01020304, 1, 4, 6, 0, 0x11121314, 0x21222324, 0x31323334,
                                                  0x41424344))
        self.assertEqual(greeting, wire.hello(b"primary", 1 << 20, 256, [(1, b"vnet", b"12"), (0, b"x", b"")]))


class Streams(Documented):
    def setUp(self):
        super().setUp()
        self.listener()

    def test_an_echo_with_credits_both_ways_and_half_a_close(self):
        link = self.link()
        self.assertEqual(link.peer_name, b"tunnel listen")
        data = random.Random(3).randbytes(5 << 20)
        stream = link.open(b"tunnel")
        stream.write(data)
        link.until(lambda: len(stream.got) == len(data))
        self.assertFalse(stream.peer_finished)
        stream.finish()
        link.until(lambda: stream.is_over)
        self.assertIsNone(stream.aborted)
        self.assertEqual(bytes(stream.got), data)

    def test_many_at_a_time(self):
        link = self.link()
        streams = [link.open(b"tunnel") for _ in range(20)]
        for stream in streams:
            stream.write(b"stream %d" % stream.number)
            stream.finish()
        link.until(lambda: all(stream.is_over for stream in streams))
        for stream in streams:
            self.assertEqual(stream.got, b"stream %d" % stream.number)

    def test_an_abort_is_heard_and_the_link_goes_on(self):
        link = self.link()
        stream = link.open(b"tunnel")
        stream.write(b"x")
        link.until(lambda: stream.got == b"x")
        stream.send(wire.ABORT, b"enough", status=CANCELLED)
        again = link.open(b"tunnel")
        again.finish()
        link.until(lambda: again.is_over)
        eventually(lambda: len(self.server.ends) == 2, "both connections have ended")

    def test_a_service_that_is_not_there(self):
        link = self.link()
        stream = link.open(b"nothing", b"its argument")
        link.until(lambda: stream.is_over)
        self.assertEqual(stream.aborted, (NO_SERVICE, "there is no service 'nothing'"))


class Other(Documented):
    """The document's other side: we listen, and they open."""

    def test_their_streams_have_odd_numbers_and_end_well(self):
        server = listening(self, "link")
        self.tunnel("connect", "--link", "unix:" + self.path("link"), "--from", "unix:" + self.path("from"))
        sock, _ = server.accept()
        self.addCleanup(sock.close)
        link = Link(sock, connected=False)
        self.assertEqual(link.peer_name, b"tunnel connect")
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        connected(client, self.path("from")).settimeout(SECONDS)
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        link.until(lambda: link.offered)
        service, argument, stream = link.offered[0]
        self.assertEqual((service, argument, stream.number), (b"tunnel", b"", 1))
        link.until(lambda: stream.peer_finished)
        self.assertEqual(stream.got, b"question")
        stream.write(b"answer")
        stream.finish()
        link.until(lambda: stream.is_over)
        self.assertEqual(client.recv(100), b"answer")


class Forbidden(Documented):
    """Each on a link of its own; a goodbye says what was wrong."""

    def setUp(self):
        super().setUp()
        self.listener()

    def ended(self, link):
        with self.assertRaises(Ended) as caught:
            while True:
                link.step()
        return caught.exception.args[0]

    def test_what_a_stream_must_not_do(self):
        def after(*kinds):
            def act(link):
                stream = link.open(b"tunnel")
                for kind, payload in kinds:
                    stream.send(kind, payload)
            return act

        def credit(amount):
            return lambda link: link.open(b"tunnel").send(wire.MESSAGE, struct.pack(">I", amount), procedure=wire.CREDIT)

        cases = {
            "data after the end": after((FINISH, b""), (DATA, b"x")),
            "a second end": after((FINISH, b""), (FINISH, b"")),
            "done before they have finished": after((DONE, b"")),
            "no credit": credit(0),
            "too much credit": credit(1 << 31),
            "never opened": lambda link: link.send(wire.STREAMS, DATA, b"x", serial=77),
            "theirs, never opened": lambda link: link.send(wire.STREAMS, DATA, b"x", serial=2),
            "opened out of order": lambda link: [link.send(wire.STREAMS, wire.CALL, b"\6tunnel", serial=number)
                                                 for number in (3, 1)],
            "an even number of who connected": lambda link: link.send(wire.STREAMS, wire.CALL, b"\6tunnel", serial=4),
            "no service": lambda link: link.send(wire.STREAMS, wire.CALL, b"\0", serial=1),
        }
        for name, act in cases.items():
            with self.subTest(name):
                link = self.link()
                act(link)
                self.assertEqual(self.ended(link)[0], PROTOCOL_ERROR)

    def test_what_a_header_must_not_say(self):
        cases = {
            "a second hello": dict(channel=wire.LINK, kind=wire.MESSAGE, procedure=wire.HELLO,
                                   payload=wire.hello(b"", 1, 1)),
            "another version": dict(channel=wire.HEARTBEAT, kind=wire.MESSAGE, version=2),
            "a reserved byte": dict(channel=wire.HEARTBEAT, kind=wire.MESSAGE, reserved=1),
            "an unknown channel": dict(channel=5, kind=wire.MESSAGE),
            "a type that is not the channel's": dict(channel=wire.HEARTBEAT, kind=wire.CALL),
            "too long a heartbeat": dict(channel=wire.HEARTBEAT, kind=wire.MESSAGE, payload=bytes(4097)),
            "an empty piece of data": dict(channel=wire.STREAMS, kind=DATA, serial=1),
        }
        for name, fields in cases.items():
            with self.subTest(name):
                link = self.link()
                link.send(**fields)
                self.assertEqual(self.ended(link)[0], PROTOCOL_ERROR)

    def test_anything_before_the_hello(self):
        link = self.link(greets=False)
        link.send(wire.HEARTBEAT, wire.MESSAGE)
        self.assertEqual(self.ended(link)[0], PROTOCOL_ERROR)

    def test_a_capability_that_must_be_and_is_not_known(self):
        with self.assertRaises(Ended) as caught:
            link = self.link(capabilities=[(0, b"whatever", b""), (1, b"needed", b"1")])
            link.until(lambda: False)
        status, words = caught.exception.args[0]
        self.assertEqual(status, REFUSED)
        self.assertIn("needed", words)


if __name__ == "__main__":
    unittest.main()
