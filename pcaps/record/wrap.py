# SPDX-License-Identifier: GPL-2.0-or-later
"""A download that the client begins just before P's sequence numbers wrap.

The ISN of a flow is a hash of its four numbers, and a clock of 64 ns: so it can be foretold.
"""

import time

import web
from clients import to_guest

TICK = 64  # nanoseconds
SPACE = 1 << 32
SOON = 200_000_000  # nanoseconds that are enough to get going
FIRST_PORT, PORTS, TRIES = 43000, 40, 5


def _opened(context, port):
    """P's last ISN towards a port, and when it was given."""
    isn, when = context.ask(f"opened {port}").split()
    return int(isn), int(when)


def _due(isn, opened, target):
    """When the flow will begin with the target."""
    when = opened + (target - isn) % SPACE * TICK
    while when < time.monotonic_ns() + SOON:
        when += SPACE * TICK
    return when


def _dues(context, target):
    """For each of some ports, the soonest first."""
    found = []
    for port in range(FIRST_PORT, FIRST_PORT + PORTS):
        to_guest(context, own_port=port).close(abort=True)
        found.append((_due(*_opened(context, port), target), port))
    return sorted(found)


def wrapping(length, before):
    """A download during which P's numbers pass 2**32, `before` bytes after the SYN at most."""
    def client(context):
        context.ready()
        for when, port in _dues(context, SPACE - before * 3 // 4)[:TRIES]:
            time.sleep(max(0, when - time.monotonic_ns()) / 1e9)
            context.ask("record")
            stream = to_guest(context, own_port=port)
            if _opened(context, port)[0] > SPACE - before:
                web.fetch(stream, length)
                stream.close()
                return
            stream.close(abort=True)
        raise TimeoutError(f"no ISN short of the wrap in {TRIES} tries")
    return client
