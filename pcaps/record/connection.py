# SPDX-License-Identifier: GPL-2.0-or-later
"""One incarnation of a TCP connection, as each of the two servers numbers it."""

import time

from packet import ACK, RST, SYN
from serial import MASK, distance, earlier, later


def key_of(frame, from_guest):
    """The four numbers of a flow, the client's first."""
    segment = frame.segment
    source, target = (frame.source, segment.source_port), (frame.target, segment.target_port)
    return target + source if from_guest else source + target


class Side:
    """The number space of one server: what it has sent so far."""

    def __init__(self):
        self.isn = self.next = self.ack = None
        self.first_timestamp = self.last_timestamp = None
        self.opened = None  # monotonic time of its first SYN

    def observe(self, segment):
        if segment.has(RST):
            return
        if segment.has(SYN) and self.isn is None:
            self.isn, self.next = segment.seq, segment.next
            self.opened = time.monotonic_ns()
            if segment.timestamps:
                self.first_timestamp = self.last_timestamp = segment.timestamps[0]
        if self.isn is None:
            return
        self.next = later(segment.next, self.next)
        if segment.has(ACK):
            self.ack = segment.ack if self.ack is None else later(segment.ack, self.ack)
        if segment.timestamps and self.last_timestamp is not None:
            self.last_timestamp = later(segment.timestamps[0], self.last_timestamp)


class Connection:
    def __init__(self, client_isn=None):
        self.client_isn = client_isn  # None where the guest opens
        self.primary, self.secondary = Side(), Side()
        self.client_ack = None  # the client's highest, in P's space, that came to S's door or was lost before it
        self.given_ack = None  # the highest given to S, in S's space
        self.template = None  # the last frame with an ack that S got

    @property
    def known(self):
        return self.primary.isn is not None and self.secondary.isn is not None

    def map_sequence(self, number):
        return (number - self.primary.isn + self.secondary.isn) & MASK

    def map_timestamp(self, echo):
        """Never later than what S has said: a TSecr from the future is dropped, or answered with RST."""
        if self.primary.first_timestamp is None or self.secondary.first_timestamp is None:
            return echo
        mapped = (echo - self.primary.first_timestamp + self.secondary.first_timestamp) & MASK
        return earlier(mapped, self.secondary.last_timestamp)

    def note_client_ack(self, segment):
        if segment.has(ACK):
            self.client_ack = segment.ack if self.client_ack is None else later(segment.ack, self.client_ack)

    def level(self):
        """Whether S has sent and acknowledged all that P has."""
        if self.primary.isn is None:
            return True
        if self.secondary.isn is None:
            return False
        if self.map_sequence(self.primary.next) != self.secondary.next:
            return False
        return self.primary.ack is None or (
            self.secondary.ack is not None and distance(self.secondary.ack, self.primary.ack) >= 0)


class Connections:
    """All incarnations, by the flow's four numbers."""

    def __init__(self):
        self._flows = {}

    def __iter__(self):
        for _, one in self.items():
            yield one

    def items(self):
        for key, incarnations in self._flows.items():
            for one in incarnations:
                yield key, one

    def of_client(self, key, segment):
        """The incarnation that a client's segment belongs to; a new SYN begins one."""
        incarnations = self._flows.setdefault(key, [])
        if segment.opening and not any(one.client_isn == segment.seq for one in incarnations):
            incarnations.append(Connection(segment.seq))
        return incarnations[-1] if incarnations else None

    def of_guest(self, key, side, segment):
        """The incarnation that a server's segment belongs to; `side` is the server's name."""
        incarnations = self._flows.setdefault(key, [])
        if segment.opening and (not incarnations or getattr(incarnations[-1], side).isn not in (None, segment.seq)):
            incarnations.append(Connection())
        if segment.has(SYN | ACK):
            return next((one for one in incarnations if one.client_isn == (segment.ack - 1) & MASK), None)
        if segment.opening:
            return incarnations[-1]
        return next((one for one in reversed(incarnations) if getattr(one, side).isn is not None), None)
