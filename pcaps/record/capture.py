# SPDX-License-Identifier: GPL-2.0-or-later
"""Nanosecond pcap files, written and read."""

import struct
import time

MAGIC = 0xA1B23C4D
ETHERNET = 1
SNAPLEN = 262144
HEADER = struct.Struct("<IHHiIII")
RECORD = struct.Struct("<IIII")
TAG_TYPE = 0x8100
SHORTEST = 60  # a frame on a wire, without its check sequence


class Clock:
    """One clock for all captures; it starts at the wall's time and never steps."""

    def __init__(self):
        self._offset = time.time_ns() - time.monotonic_ns()

    def now(self):
        return time.monotonic_ns() + self._offset


class Capture:
    def __init__(self, path, clock, vlan=None, running=True):
        self._file = open(path, "wb")
        self._clock = clock
        self._tag = b"" if vlan is None else struct.pack("!HH", TAG_TYPE, vlan)
        self.running = running
        self.restart()

    def restart(self):
        self._file.seek(0)
        self._file.truncate()
        self._file.write(HEADER.pack(MAGIC, 2, 4, 0, 0, SNAPLEN, ETHERNET))

    def write(self, frame, padded=False):
        if not self.running:
            return
        frame = bytes(frame[:12]) + self._tag + bytes(frame[12:])
        if padded:
            frame = frame.ljust(SHORTEST, b"\0")
        seconds, nanoseconds = divmod(self._clock.now(), 1_000_000_000)
        self._file.write(RECORD.pack(seconds, nanoseconds, len(frame), len(frame)) + frame)

    def close(self):
        self._file.close()


def records(path):
    """Time in nanoseconds and bytes of each frame of a file."""
    with open(path, "rb") as file:
        data = file.read()
    magic, *_, link = HEADER.unpack_from(data)
    if magic != MAGIC or link != ETHERNET:
        raise ValueError(f"{path}: not a nanosecond Ethernet pcap")
    at = HEADER.size
    while at < len(data):
        seconds, nanoseconds, kept, whole = RECORD.unpack_from(data, at)
        at += RECORD.size
        if kept != whole or at + kept > len(data):
            raise ValueError(f"{path}: record at {at} is cut")
        yield seconds * 1_000_000_000 + nanoseconds, data[at:at + kept]
        at += kept
