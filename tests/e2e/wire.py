# SPDX-License-Identifier: GPL-2.0-or-later
"""The other end of a chardev or of `-netdev stream`: frames behind their length (and vnet header's length)."""
import socket
import struct

from qmp import PATIENCE

BATCH = 1 << 18


class Wire:
    def __init__(self, path=None, vnet=None, connected=None):
        """`vnet`: None, or how long the header in front of each frame is."""
        self.socket = connected or socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        if path:
            self.socket.connect(path)
        self.vnet, self.rest = vnet, b""

    def framed(self, frame):
        if self.vnet is None:
            return struct.pack(">I", len(frame)) + frame
        return struct.pack(">II", self.vnet + len(frame), self.vnet) + bytes(self.vnet) + frame

    def send(self, *frames):
        self.raw(b"".join(self.framed(frame) for frame in frames))

    def raw(self, data):
        self.socket.sendall(data)

    def bytes(self, count):
        """So many; fewer only at the end of the connection."""
        pieces, have = [self.rest], len(self.rest)
        while have < count:
            piece = self.socket.recv(BATCH)
            if not piece:
                break
            pieces.append(piece)
            have += len(piece)
        data = b"".join(pieces)
        self.rest = data[count:]
        return data[:count]

    def frame(self):
        """The next one, without its vnet header; None: the other side has closed."""
        head = self.bytes(4)
        if len(head) < 4:
            return None
        (size,) = struct.unpack(">I", head)
        if self.vnet is None:
            return self.bytes(size)
        (front,) = struct.unpack(">I", self.bytes(4))
        return self.bytes(size)[front:]

    def frames(self, count):
        return [self.frame() for _ in range(count)]

    def up_to(self, last):
        """All that comes before the frame `last`."""
        before = []
        while (frame := self.frame()) != last:
            if frame is None:
                raise AssertionError(f"closed after {len(before)} frames")
            before.append(frame)
        return before

    def is_closed(self):
        """Waits for the other side to close; False: it sends instead."""
        try:
            return not self.rest and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.socket.close()


class Listener:
    """Where a client of the program connects to."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.bind(path)
        self.socket.listen()
        self.accepted = []

    def accept(self, vnet=None):
        connected, _ = self.socket.accept()
        self.accepted.append(Wire(vnet=vnet, connected=connected))
        return self.accepted[-1]

    def close(self):
        for wire in (self, *self.accepted):
            wire.socket.close()
