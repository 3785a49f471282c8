# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets as the applications use them: addresses, habits, patterns of bytes."""

import contextlib
import socket
import struct
import threading
import time

CLOSED = 7  # TCP_CLOSE of the kernel's states
LINE = 16  # bytes of a pattern's line: its own offset, so that any shift shows
TIMEOUT = 30  # seconds until a peer that says nothing is a fault
ANY = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}


def pattern(length):
    return b"".join(b"%015d\n" % at for at in range(0, length, LINE))[:length]


class Stream:
    """A TCP socket that writes and reads in its side's habit."""

    def __init__(self, sock, habit):
        self.socket, self._habit = sock, habit
        self._left = b""
        sock.settimeout(TIMEOUT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(habit.nodelay))
        # The sysctl of that name can't be set in a namespace that is not the first.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, habit.congestion.encode())

    def write(self, data):
        for at in range(0, len(data), self._habit.write):
            self.socket.sendall(data[at:at + self._habit.write])

    def _more(self):
        data = self.socket.recv(self._habit.read)
        self._left += data
        return bool(data)

    def _take(self, length):
        data, self._left = self._left[:length], self._left[length:]
        return data

    def line(self):
        """One line without its end; None where the stream ends."""
        while b"\n" not in self._left:
            if not self._more():
                return None
        return self._take(self._left.index(b"\n") + 1).rstrip(b"\r\n").decode()

    def exactly(self, length):
        pieces = [self._take(length)]
        missing = length - len(pieces[0])
        while missing:
            data = self.socket.recv(min(missing, self._habit.read))
            if not data:
                raise EOFError(f"{missing} of {length} bytes missing")
            pieces.append(data)
            missing -= len(data)
        return b"".join(pieces)

    def rest(self):
        while self._more():
            pass
        return self._take(len(self._left))

    def finish(self):
        """Closes as the second of the two, and returns when the port is free again."""
        self.socket.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + TIMEOUT
        while self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != CLOSED:
            if time.monotonic() > deadline:
                raise TimeoutError("the last ack has not come")
            time.sleep(0.001)
        self.socket.close()

    def close(self, abort=False):
        if abort:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def connect(context, address, port, own_port=None):
    sock = socket.socket(context.family, socket.SOCK_STREAM)
    if own_port is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((ANY[context.family], own_port))
    sock.settimeout(TIMEOUT)
    sock.connect((address, port))
    return Stream(sock, context.habit)


def _until_reset(handler, stream):
    with contextlib.suppress(ConnectionResetError):
        handler(stream)


def serve(context, port, handler):
    """A thread a connection, for ever."""
    listener = socket.create_server((ANY[context.family], port), family=context.family, backlog=256)
    context.ready()
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=_until_reset, args=(handler, Stream(sock, context.habit)), daemon=True).start()


def datagrams(context, port):
    sock = socket.socket(context.family, socket.SOCK_DGRAM)
    sock.settimeout(TIMEOUT)
    sock.bind((ANY[context.family], port))
    return sock
