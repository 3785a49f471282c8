# SPDX-License-Identifier: GPL-2.0-or-later
"""S's door: client frames wait here for S's numbers, and go in rewritten."""

import collections
import struct

from packet import ACK, NOP, SACK, TIMESTAMPS, Frame, resize_ip, seal_tcp
from serial import distance, earlier


def rewrite(frame, connection):
    """The frame with everything the client echoes moved into S's space."""
    data = bytearray(frame.data)
    segment = frame.segment
    if segment.has(ACK):
        struct.pack_into("!I", data, segment.at + 8, connection.map_sequence(segment.ack))
    for kind, at, length in segment.options():
        if kind == SACK:
            for place in range(at + 2, at + length, 4):
                edge = int.from_bytes(data[place:place + 4], "big")
                struct.pack_into("!I", data, place, connection.map_sequence(edge))
        elif kind == TIMESTAMPS and segment.has(ACK):
            struct.pack_into("!I", data, at + 6, connection.map_timestamp(segment.timestamps[1]))
    moved = Frame(data)
    seal_tcp(moved)
    return moved


def pure_ack(template, seq, ack):
    """An ack with the addresses, the window and the timestamps of a frame that S already has."""
    segment = template.segment
    options = b""
    if segment.timestamps:
        options = struct.pack("!BBBBII", NOP, NOP, TIMESTAMPS, 10, *segment.timestamps)
    data = bytearray(template.data[:segment.at + 20]) + options
    struct.pack_into("!IIBB", data, segment.at + 4, seq, ack, (20 + len(options)) << 2, ACK)
    data[segment.at + 18:segment.at + 20] = bytes(2)
    bare = Frame(data)
    resize_ip(bare)
    made = Frame(data)
    seal_tcp(made)
    return made


class Rewriter:
    """Linux drops an ack for what was not sent, and the data with it: so frames wait, in order, a flow."""

    def __init__(self, deliver):
        self._deliver = deliver
        self._held = collections.defaultdict(collections.deque)
        self.helped = 0

    @property
    def idle(self):
        return not any(self._held.values())

    def arrive(self, key, frame, connection):
        connection.note_client_ack(frame.segment)
        self._held[key].append((frame, connection))
        self._flush(key)
        self._help(connection)

    def missed(self, frame, connection):
        """The mirror lost it, but what the client has is known from what P was given."""
        connection.note_client_ack(frame.segment)

    def heard(self, key, segment, connection):
        """S sent a segment, which `connection` has seen already."""
        if not self._flush(key):
            self._help(connection, segment)

    def _flush(self, key):
        """Whether an ack went in."""
        held, acked = self._held[key], False
        while held and self._may_enter(*held[0]):
            frame, connection = held.popleft()
            acked |= frame.segment.has(ACK)
            self._enter(frame, connection)
        return acked

    @staticmethod
    def _may_enter(frame, connection):
        segment = frame.segment
        if not segment.has(ACK):
            return True
        if not connection.known:
            return False
        return distance(connection.map_sequence(segment.ack), connection.secondary.next) <= 0

    def _enter(self, frame, connection):
        if frame.segment.has(ACK):
            frame = rewrite(frame, connection)
            self._note_given(connection, frame.segment.ack)
            connection.template = frame
        self._deliver(frame)

    @staticmethod
    def _note_given(connection, ack):
        if connection.given_ack is None or distance(ack, connection.given_ack) > 0:
            connection.given_ack = ack

    def _help(self, connection, segment=None):
        """Gives S the ack that the client has given P for what S has sent by now.

        The client answers P's segments, and P may have sent more at once: the frame that acknowledges S's
        window waits for bytes which S sends only when its window opens. And an ack that the mirror lost
        never comes again, however often S sends what the client has.
        """
        if connection.template is None or connection.secondary.ack is None:
            return
        ack = earlier(connection.map_sequence(connection.client_ack), connection.secondary.next)
        again = segment is not None and segment.length > 0 and distance(segment.next, ack) <= 0
        if distance(ack, connection.given_ack) > 0 or again:
            self.helped += 1
            self._note_given(connection, ack)
            self._deliver(pure_ack(connection.template, connection.secondary.ack, ack))
