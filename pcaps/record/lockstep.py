# SPDX-License-Identifier: GPL-2.0-or-later
"""P's door to the client, shut as a comparator would shut it: an ack waits for S's."""

import collections

from packet import ACK
from serial import distance


def _vouched(segment, connection):
    if not segment.has(ACK) or connection is None or connection.primary.isn is None:
        return True
    return connection.secondary.ack is not None and distance(segment.ack, connection.secondary.ack) <= 0


class Lockstep:
    """Only so is a client frame that the mirror loses sent again: P alone would have acknowledged it."""

    def __init__(self, deliver):
        self._deliver = deliver
        self._held = collections.defaultdict(collections.deque)

    @property
    def idle(self):
        return not any(self._held.values())

    def arrive(self, key, frame, header, connection):
        self._held[key].append((frame, header, connection))
        self.flush(key)

    def flush(self, key):
        held = self._held[key]
        while held and _vouched(held[0][0].segment, held[0][2]):
            frame, header, _ = held.popleft()
            self._deliver(frame, header)
