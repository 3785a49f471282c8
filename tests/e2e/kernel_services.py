#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers and clients whose answers depend on nothing but the questions: two guests say the same."""
import hashlib
import http.server
import random
import socket
import socketserver
import struct
import subprocess
import sys
import threading

LAST = 64 << 20


def content(size):
    return random.Random(20).randbytes(size)


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Gate:
    """Transfers stop at the middle, until it is opened. Nobody waits behind one that is open."""

    def __init__(self, is_open=False):
        self.event = threading.Event()
        self.passed = {}  # bytes by transfer
        if is_open:
            self.open()

    def open(self):
        self.event.set()

    def moved(self, name, size, total):
        """`size` more bytes of a transfer have moved."""
        self.passed[name] = self.passed.get(name, 0) + size
        if self.passed[name] >= total // 2:
            self.event.wait()


class Handler(http.server.BaseHTTPRequestHandler):
    """GET /N: that many bytes. PUT /anything: the body's digest. GET /who: the one thing that differs."""

    protocol_version = "HTTP/1.1"

    def date_time_string(self, timestamp=None):
        return "Sat, 01 Jan 2000 00:00:00 GMT"

    def log_message(self, *words):
        pass

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        size = self.server.write_size
        for at in range(0, len(body), size):
            piece = body[at:at + size]
            self.wfile.write(piece)
            self.server.gate.moved(self.path, len(piece), len(body))

    def do_GET(self):
        name = self.path.split("/")[1]
        self.answer(self.server.name.encode() if name == "who" else content(min(int(name), LAST)))

    def do_PUT(self):
        total = int(self.headers["Content-Length"])
        whole, left = hashlib.sha256(), total
        while left:
            data = self.rfile.read1(min(left, 65536))
            if not data:
                return
            whole.update(data)
            left -= len(data)
            self.server.gate.moved(self.path, len(data), total)
        self.send_response(200)
        self.send_header("Content-Length", "64")
        self.end_headers()
        self.wfile.write(whole.hexdigest().encode())


class Web(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6  # and IPv4
    daemon_threads = True

    def __init__(self, port, name="", write_size=65536, gate=None):
        self.name, self.write_size, self.gate = name, write_size, gate or Gate(is_open=True)
        super().__init__(("::", port), Handler)

    def server_bind(self):
        """Without the look-up of a name that the usual one makes."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "guest", self.server_address[1]


def serve_shells(port):
    """As inetd does: a shell a connection."""
    class Shell(socketserver.BaseRequestHandler):
        def handle(self):
            shell_on(self.request)

    class Server(socketserver.ThreadingTCPServer):
        address_family = socket.AF_INET6
        allow_reuse_address = daemon_threads = True

    Server(("::", port), Shell).serve_forever()


def shell_on(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    subprocess.run(["sh"], stdin=connection, stdout=connection, stderr=connection)


def question(name, kind):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", 4711, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", kind, 1)


def address_in(answer):
    """Of the first record of a DNS answer, which ends the message."""
    identity, flags, _, answers = struct.unpack(">4H", answer[:8])
    if identity != 4711 or not flags & 0x8000 or flags & 15 or answers < 1:
        raise ValueError(f"no answer: {answer.hex()}")
    at = answer.index(b"\xc0\x0c", 12) + 2
    kind, _, _, size = struct.unpack(">2HIH", answer[at:at + 10])
    return socket.inet_ntop({1: socket.AF_INET, 28: socket.AF_INET6}[kind], answer[at + 10:at + 10 + size])


def resolve(server, name, kind, port=0):
    """Asks again after a second, as resolvers do."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asker:
        return ask(asker, server, name, kind, port)


def ask(asker, server, name, kind, port=0):
    asker.bind(("", port))
    asker.connect((server, 53))
    asker.settimeout(1)
    for _ in range(20):
        asker.send(question(name, kind))
        try:
            return address_in(asker.recv(512))
        except TimeoutError:
            pass
    raise TimeoutError(f"{server} does not answer")


def main(what, *words):
    if what == "web":
        name, size = words
        Web(80, name, int(size)).serve_forever()
    elif what == "shells":
        serve_shells(int(words[0]))
    elif what == "shell-to":
        host, port, own = words
        own_end = ("::" if ":" in host else "0.0.0.0", int(own))
        shell_on(socket.create_connection((host, int(port)), source_address=own_end))
    elif what == "resolve":
        server, name, kind, port = words
        print(resolve(server, name, int(kind), int(port)))


if __name__ == "__main__":
    main(*sys.argv[1:])
