# SPDX-License-Identifier: GPL-2.0-or-later
"""A second implementation of the link, written from docs/link.md alone: hello, heartbeats, streams."""
import struct
import time

HEADER = struct.Struct(">IBBBBIIII")
LINK, PACKETS, CONTROL, HEARTBEAT, STREAMS = range(5)
CALL, REPLY, MESSAGE, DATA, FINISH, ABORT, DONE = range(1, 8)
HELLO, GOODBYE, CREDIT = 1, 2, 1
MOST_DATA = 65512
HEARTBEAT_SECONDS = 0.2
SECONDS = 60  # longer is a hang


def message(channel, kind, payload=b"", procedure=0, serial=0, status=0, epoch=0, version=1, reserved=0):
    length = HEADER.size + len(payload)
    return HEADER.pack(length, version, channel, kind, reserved, procedure, serial, status, epoch) + payload


def text(value):
    return bytes([len(value)]) + value


def hello(name, window, streams, capabilities=()):
    """`capabilities`: (mandatory, name, value)"""
    return (b"cololink" + struct.pack(">BBII", 1, 1, window, streams) + text(name) + bytes([len(capabilities)])
            + b"".join(bytes([mandatory]) + text(key) + text(value) for mandatory, key, value in capabilities))


class Ended(Exception):
    """The link: status and text of a goodbye, or None."""


class Stream:
    def __init__(self, link, number):
        self.link, self.number, self.credit = link, number, link.peer_window
        self.got, self.peer_finished, self.finished, self.done, self.peer_done = bytearray(), False, False, False, False
        self.aborted = None  # status, text
        link.streams[number] = self

    @property
    def is_over(self):
        return self.aborted is not None or (self.done and self.peer_done)

    def send(self, kind, payload=b"", **fields):
        self.link.send(STREAMS, kind, payload, serial=self.number, **fields)

    def write(self, data):
        """All of it, as the peer gives credit."""
        while data and not self.is_over:
            size = min(self.credit, MOST_DATA, len(data))
            if size:
                self.send(DATA, data[:size])
                self.credit -= size
                data = data[size:]
            else:
                self.link.step()

    def finish(self):
        self.finished = True
        self.send(FINISH)
        self.end()

    def end(self):
        """Says that all is consumed, when it is."""
        if self.finished and self.peer_finished and not self.done:
            self.done = True
            self.send(DONE)

    def take(self, kind, status, payload):
        if kind == DATA:
            self.got += payload
            self.send(MESSAGE, struct.pack(">I", len(payload)), procedure=CREDIT)
        elif kind == MESSAGE:
            self.credit += struct.unpack(">I", payload)[0]
        elif kind == FINISH:
            self.peer_finished = True
            self.end()
        elif kind == DONE:
            self.peer_done = True
        elif kind == ABORT:
            self.aborted = status, payload.decode()


class Link:
    def __init__(self, sock, connected=True, name=b"python", window=1 << 20, capabilities=(), greets=True):
        self.sock, self.next_number, self.streams, self.offered = sock, 1 if connected else 2, {}, []
        self.next_heartbeat = time.monotonic() + HEARTBEAT_SECONDS
        self.peer_name = self.peer_window = None
        sock.settimeout(SECONDS)
        if greets:
            self.send(LINK, MESSAGE, hello(name, window, 256, capabilities), procedure=HELLO)
            while self.peer_name is None:
                self.step()

    def send(self, channel, kind, payload=b"", **fields):
        self.sock.sendall(message(channel, kind, payload, **fields))

    def exactly(self, size):
        data = b""
        while len(data) < size:
            part = self.sock.recv(size - len(data))
            if not part:
                raise Ended(None)
            data += part
        return data

    def step(self):
        """Takes one message."""
        length, version, channel, kind, _, procedure, serial, status, _ = HEADER.unpack(self.exactly(HEADER.size))
        payload = self.exactly(length - HEADER.size) if length > HEADER.size else b""
        if (channel, procedure) == (LINK, HELLO):
            assert payload[:8] == b"cololink" and payload[8] <= 1 <= payload[9] and version == 1
            self.peer_window, name_size = struct.unpack_from(">IxxxxB", payload, 10)
            self.peer_name = payload[19:19 + name_size]
        elif (channel, procedure) == (LINK, GOODBYE):
            raise Ended((status, payload.decode()))
        elif channel == STREAMS and kind == CALL:
            service = payload[1:1 + payload[0]]
            self.offered.append((service, payload[1 + len(service):], Stream(self, serial)))
        elif channel == STREAMS and serial in self.streams:
            self.streams[serial].take(kind, status, payload)
        if self.peer_name is not None and time.monotonic() > self.next_heartbeat:
            self.next_heartbeat = time.monotonic() + HEARTBEAT_SECONDS
            self.send(HEARTBEAT, MESSAGE)

    def until(self, condition):
        while not condition():
            self.step()

    def open(self, service, argument=b""):
        number, self.next_number = self.next_number, self.next_number + 2
        self.send(STREAMS, CALL, text(service) + argument, serial=number)
        return Stream(self, number)
