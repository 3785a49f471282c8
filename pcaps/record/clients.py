# SPDX-License-Identifier: GPL-2.0-or-later
"""Applications of the client, over TCP."""

import random
import socket
import threading
import time

import web
from channel import connect, pattern
from place import GUEST
from servers import CLOSED_PORT, TALK_PORT, WEB_PORT


def to_guest(context, port=WEB_PORT, own_port=None):
    return connect(context, GUEST[context.family], port, own_port)


def _expect_end(stream):
    if stream.rest():
        raise ValueError("more than the answer")


def downloads(*lengths, close=False):
    """One connection, an answer after the other; `close` has the server end it."""
    def client(context):
        context.ready()
        stream = to_guest(context)
        for number, length in enumerate(lengths, 1):
            web.fetch(stream, length, close and number == len(lengths))
        if close:
            _expect_end(stream)
        stream.close()
    return client


def connections(count, at_once, lengths, server_closes):
    """Many connections with an answer each; `server_closes` tells, by number, who ends them."""
    def one(context, number):
        stream = to_guest(context)
        close = server_closes(number)
        web.fetch(stream, lengths[number % len(lengths)], close)
        if close:
            _expect_end(stream)
        stream.close()

    def share(context, first, faults):
        try:
            for number in range(first, count, at_once):
                one(context, number)
        except Exception as fault:
            faults.append(fault)

    def client(context):
        context.ready()
        faults = []
        threads = [threading.Thread(target=share, args=(context, first, faults)) for first in range(at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if faults:
            raise faults[0]
    return client


def same_port(own_port, count, length):
    """The server ends each connection and remembers it; the client's port is free at once."""
    def client(context):
        context.ready()
        for _ in range(count):
            stream = to_guest(context, own_port=own_port)
            web.fetch(stream, length, close=True)
            _expect_end(stream)
            stream.finish()
    return client


def exchange(upload, download):
    """Upload, then download, over one connection."""
    def client(context):
        context.ready()
        stream = to_guest(context)
        web.put(stream, pattern(upload))
        if b"right" not in web.receive(stream):
            raise ValueError("wrong upload")
        if download:
            web.fetch(stream, download)
        stream.close()
    return client


def uploads(count, length):
    """One upload after the answer to the one before: at most one frame of the client is under way."""
    def client(context):
        context.ready()
        stream = to_guest(context)
        for _ in range(count):
            web.put(stream, pattern(length))
            web.receive(stream)
        stream.close()
    return client


def typist(lines, seed):
    """Short lines with a person's pauses in between."""
    def client(context):
        context.ready()
        chance = random.Random(seed)
        stream = to_guest(context, TALK_PORT)
        for number in range(lines):
            line = f"line {number} of {chance.randrange(10 ** chance.randrange(1, 40))}"
            stream.write(line.encode() + b"\n")
            if stream.line() != line.upper():
                raise ValueError("wrong echo")
            time.sleep(chance.choice((0, 0.001, 0.01, 0.06)))
        stream.close()
    return client


def half_closer(context):
    context.ready()
    stream = to_guest(context, TALK_PORT)
    stream.write(pattern(5000))
    stream.socket.shutdown(socket.SHUT_WR)
    if not stream.rest().startswith(b"5000 bytes heard\n"):
        raise ValueError("wrong answer")
    stream.close()


def reset_client(context):
    """RST by the server in two ways, then by the client."""
    context.ready()
    for manner, last in (("abort", b"thanks"), ("unread", b"thanks, and more that nobody reads")):
        stream = to_guest(context, TALK_PORT)
        stream.write(manner.encode() + b"\n")
        stream.exactly(3000)
        stream.write(last)
        try:
            stream.rest()
            raise ValueError("no reset")
        except ConnectionResetError:
            stream.close()
    stream = to_guest(context, TALK_PORT)
    stream.write(b"client\n")
    stream.exactly(3000)
    stream.close(abort=True)


def refused_client(context):
    context.ready()
    for _ in range(3):
        try:
            to_guest(context, CLOSED_PORT)
            raise ValueError("a closed port is open")
        except ConnectionRefusedError:
            pass


def clock_client(count):
    def client(context):
        context.ready()
        stream = to_guest(context)
        for _ in range(count):
            web.ask(stream, "/time")
            web.receive(stream)
        stream.close()
    return client
