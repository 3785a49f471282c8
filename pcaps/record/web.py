# SPDX-License-Identifier: GPL-2.0-or-later
"""As much of HTTP/1.1 as the recordings need."""

from channel import pattern


def ask(stream, path, host="colo.example", close=False):
    ending = "Connection: close\r\n" if close else ""
    stream.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{ending}\r\n".encode())


def put(stream, data):
    stream.write(f"PUT /upload HTTP/1.1\r\nHost: colo.example\r\nContent-Length: {len(data)}\r\n\r\n".encode())
    stream.write(data)


def head(stream):
    """First line and fields of a message; None where the stream ends."""
    first = stream.line()
    if first is None:
        return None
    fields = {}
    while line := stream.line():
        name, _, value = line.partition(": ")
        fields[name] = value
    return first, fields


def answer(stream, body, fields=()):
    lines = ["HTTP/1.1 200 OK", "Server: recorded", f"Content-Length: {len(body)}", *fields]
    stream.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def answer_to(first, fields, stream):
    """A path is the number of bytes it names."""
    if first.startswith("PUT"):
        data = stream.exactly(int(fields["Content-Length"]))
        answer(stream, f"{len(data)} bytes, {'right' if data == pattern(len(data)) else 'wrong'}\n".encode())
    else:
        answer(stream, pattern(int(first.split()[1][1:])))


def receive(stream):
    """The body of an answer."""
    message = head(stream)
    if message is None:
        raise EOFError("no answer")
    return stream.exactly(int(message[1]["Content-Length"]))


def fetch(stream, length, close=False):
    ask(stream, f"/{length}", close=close)
    if receive(stream) != pattern(length):
        raise ValueError(f"wrong answer to /{length}")
