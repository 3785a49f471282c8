# SPDX-License-Identifier: GPL-2.0-or-later
"""Applications that a client talks to."""

import threading
import time

import web
from channel import datagrams, pattern, serve

WEB_PORT, TALK_PORT, UDP_PORT, CLOSED_PORT = 80, 7000, 5300, 9


def web_server(context):
    serve(context, WEB_PORT, _web)


def _web(stream):
    while message := web.head(stream):
        web.answer_to(*message, stream)
        if message[1].get("Connection") == "close":
            break
    stream.close()


def clock_server(context):
    """The answer tells the time, in as many bytes always."""
    def handler(stream):
        while web.head(stream):
            web.answer(stream, b"It is late.\n", [f"X-Microseconds: {time.time_ns() // 1000:020}"])
        stream.close()

    serve(context, WEB_PORT, handler)


def stopping_server(answers):
    """S says nothing more after so many answers, and its kernel acknowledges on."""
    def server(context):
        def handler(stream):
            given = 0
            while message := web.head(stream):
                if context.side == "secondary" and given == answers:
                    threading.Event().wait()
                web.answer_to(*message, stream)
                given += 1
            stream.close()

        serve(context, WEB_PORT, handler)
    return server


def echo_server(context):
    """Gives each line back in capitals."""
    def handler(stream):
        while (line := stream.line()) is not None:
            stream.write(line.upper().encode() + b"\n")
        stream.close()

    serve(context, TALK_PORT, handler)


def patient_server(context):
    """Hears the client out, then answers."""
    def handler(stream):
        heard = stream.rest()
        stream.write(f"{len(heard)} bytes heard\n".encode() + pattern(50_000))
        stream.close()

    serve(context, TALK_PORT, handler)


def rude_server(context):
    """Ends with RST: by a lingering time of 0, or because bytes are unread.

    It waits until the client has read everything, or what P and S have not yet sent when they
    end would differ.
    """
    def handler(stream):
        manner = stream.line()
        stream.write(pattern(3000))
        stream.exactly(len("thanks"))
        stream.close(abort=manner == "abort")

    serve(context, TALK_PORT, handler)


def udp_server(reply):
    """Answers a datagram with what `reply` makes of it."""
    def server(context):
        sock = datagrams(context, UDP_PORT)
        sock.settimeout(None)
        context.ready()
        while True:
            data, sender = sock.recvfrom(65536)
            sock.sendto(reply(data), sender)
    return server


def name_reply(question):
    """As a name server would: the question's number, and an address for its name."""
    number, name = question[:2], question[2:]
    return number + name + bytes(sum(name) % 251 for _ in range(4 + len(name)))


def pattern_reply(question):
    """As many bytes as the question's first word asks for."""
    return pattern(int(question.split()[0]))


def clock_reply(question):
    return question[:2] + f"{time.time_ns() // 1000:020}".encode()


def silent(context):
    """Only the kernel answers."""
    context.ready()
    threading.Event().wait()
