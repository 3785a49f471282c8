# SPDX-License-Identifier: GPL-2.0-or-later
"""Applications of P and S that begin by themselves; the ports are fixed, or P's and S's would differ."""

import web
from channel import connect, datagrams, pattern
from place import CLIENT
from servers import UDP_PORT, WEB_PORT


def caller(jobs):
    """A connection to the client for each job: bytes to put, and bytes to get."""
    def guest(context):
        context.ready()
        for number, (upload, download) in enumerate(jobs):
            stream = connect(context, CLIENT[context.family], WEB_PORT, 45000 + number)
            web.put(stream, pattern(upload))
            web.receive(stream)
            web.fetch(stream, download)
            stream.close()
    return guest


def asker(questions):
    def guest(context):
        context.ready()
        sock = datagrams(context, 46000)
        for question in questions:
            sock.sendto(question, (CLIENT[context.family], UDP_PORT))
            sock.recvfrom(65536)
    return guest
