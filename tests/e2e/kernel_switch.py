# SPDX-License-Identifier: GPL-2.0-or-later
"""The network between the client and two hosts: a process that carries frames, in the end loses some of
TCP's, and looks at what the client is told."""
import collections
import json
import os
import signal
import socket

import recording_rig  # noqa: F401 (where the next ones are)
from impair import Impairment, Path
from loop import Loop
from packet import RST, SACK, SYN, Frame
from serial import distance

SO_RCVBUFFORCE, SOL_PACKET, PACKET_IGNORE_OUTGOING = 33, 263, 23
ETH_P_ALL = 3
BUFFER = 64 << 20
BURST = 32  # frames a turn


def packet_socket(namespace, device):
    """The far end of a tap netdev: what the program writes can be read here, and the other way."""
    with namespace.inside():
        end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK)
    end.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    end.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    end.bind((device, ETH_P_ALL))
    return end


class Record:
    """Of the segments between one client and one guest: what must hold whoever the guest is."""

    def __init__(self):
        self.latest = {}  # TSval by flow
        self.backwards = []
        self.figures = collections.Counter()

    def to_client(self, segment):
        frame = segment.frame
        flow = (frame.source, segment.source_port, frame.target, segment.target_port)
        self.figures[f"bytes from {segment.source_port}"] += segment.length
        if segment.has(RST):
            return
        if segment.timestamps is None:
            self.figures["without timestamps"] += 1
            return
        value = segment.timestamps[0]
        before = None if segment.has(SYN) else self.latest.get(flow)
        if before is not None and distance(value, before) < 0:
            self.backwards.append([segment.source_port, segment.target_port, before, value])
        self.latest[flow] = value
        self.figures["with timestamps"] += 1

    def from_client(self, segment, port):
        self.figures[f"bytes to {segment.target_port}"] += segment.length
        if any(kind == SACK for kind, _, length in segment.options() if length > 2):
            self.figures[f"sacks to {port}"] += 1


class _Child:
    def __init__(self, tap, ports, loss, seed):
        self.tap, self.ports, self.active = tap, ports, 0
        self.loop, self.record = Loop(), Record()
        self.up, self.down = (Path(self.loop, Impairment(), seed) for _ in range(2))
        self.lossy = [Path(self.loop, Impairment(loss=loss), seed + i) for i in range(2)]
        self.not_from_here = 0
        self.loop.add(tap.descriptor, self.from_client)
        for number, port in enumerate(ports):
            self.loop.add(port.fileno(), lambda number=number: self.from_port(number))

    def from_client(self):
        for _, data in self.tap.burst():
            frame = Frame(data)
            if frame.segment:
                self.record.from_client(frame.segment, self.active)
            self.up.carry(frame, lambda data=data: self.to_port(data))

    def to_port(self, data):
        try:
            self.ports[self.active].send(data)
        except OSError:
            pass  # a dead host

    def from_port(self, number):
        for _ in range(BURST):
            try:
                data = self.ports[number].recv(65536)
            except BlockingIOError:
                return
            except OSError:  # its host is dead
                self.loop.remove(self.ports[number].fileno())
                return
            if number == self.active:
                self.to_client(data)
            else:
                self.not_from_here += 1

    def to_client(self, data):
        frame = Frame(data)
        if frame.segment:
            self.record.to_client(frame.segment)
        self.down.carry(frame, lambda: self.tap.write(data))

    def answer(self, line):
        word, *rest = line.recv(100).decode().split() or ["end"]
        if word == "end":
            os._exit(0)
        if word == "use":
            self.active = int(rest[0])
            self.up, self.down = self.lossy
        line.send(json.dumps({
            "lost up": self.up.lost, "lost down": self.down.lost,
            "not from here": self.not_from_here,
            "backwards": self.record.backwards[:10], **self.record.figures}).encode())

    def serve(self, line):
        self.loop.add(line.fileno(), lambda: self.answer(line))
        while True:
            self.loop.wait(lambda: False, 3600, "nobody ended it")


class Switch:
    """Carries frames between the client's tap and one of the ports, at first the first, and loses none until it
    is told which."""

    def __init__(self, tap, ports, loss=0.0, seed=1):
        self.line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.line.close()
                _Child(tap, ports, loss, seed).serve(theirs)
            finally:
                os._exit(1)
        theirs.close()

    def _ask(self, words):
        self.line.send(words.encode())
        return collections.defaultdict(int, json.loads(self.line.recv(65536) or b"{}"))

    def use(self, number):
        """As switches do when they hear the guest's address from another port."""
        self._ask(f"use {number}")

    def report(self):
        return self._ask("report")

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.line.close()
