# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest has sent over one TCP connection: bytes and acks, and when each was reached."""

from packet import ACK, FIN, RST, SYN, TIMESTAMPS
from serial import MASK, distance


class Progress:
    """A position that only grows, and the times of its steps."""

    def __init__(self):
        self.steps = []

    @property
    def position(self):
        return self.steps[-1][1] if self.steps else None

    def reach(self, time, position):
        if self.position is None or position > self.position:
            self.steps.append((time, position))

    def lag(self, other):
        """The longest time by which the other came to a position of this one later; None: never."""
        longest, rest = 0, iter(other.steps)
        at, reached = 0, None
        for time, position in self.steps:
            while reached is None or reached < position:
                at, reached = next(rest, (0, None))
                if reached is None:
                    return None
            longest = max(longest, at - time)
        return longest


def _compared(segment):
    """The options of a SYN; of timestamps only that they are there."""
    for kind, at, length in segment.options():
        yield bytes((kind,)) if kind == TIMESTAMPS else bytes(segment.frame.data[at:at + length])


class Stream:
    def __init__(self, segment):
        self.isn = segment.seq
        self.first_timestamp = segment.timestamps[0] if segment.timestamps else None
        self.options = sorted(_compared(segment))
        self.data = bytearray()
        self.fin = None  # its position
        self.resets = self.segments = self.repeated = self.conflicts = 0
        self.sent, self.acked = Progress(), Progress()
        self._waiting = {}
        self._first_ack = None

    def add(self, time, segment):
        if segment.has(RST):
            self.resets += 1
            return
        if segment.has(ACK):
            if self._first_ack is None:
                self._first_ack = segment.ack
            self.acked.reach(time, distance(segment.ack, self._first_ack))
        at = len(self.data) + distance(segment.seq + segment.has(SYN), self.isn + 1 + len(self.data))
        if segment.length > 0 and at >= 0:
            self._take(at, segment.payload)
        if segment.has(FIN):
            self.fin = at + segment.length
        self._join()
        self.sent.reach(time, len(self.data) + (self.fin == len(self.data)))

    def _take(self, at, payload):
        self.segments += 1
        known = self.data[at:at + len(payload)]
        self.repeated += bool(known)
        self.conflicts += known != payload[:len(known)]
        self._waiting[at] = max(payload, self._waiting.get(at, b""), key=len)

    def _join(self):
        for at in sorted(self._waiting):
            if at > len(self.data):
                return
            self.data += self._waiting.pop(at)[len(self.data) - at:]

    @property
    def whole(self):
        return not self._waiting

    @property
    def wraps(self):
        return self.isn + 1 + len(self.data) > MASK
