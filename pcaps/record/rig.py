# SPDX-License-Identifier: GPL-2.0-or-later
"""The wire between one client and two servers that share an address."""

import os

import place
from capture import Capture, Clock
from connection import Connections, key_of
from impair import Path
from lockstep import Lockstep
from loop import Loop
from packet import ICMPV6, IPV6, Frame
from rewriter import Rewriter
from worker import Context, Worker

ARP = 0x0806
SOLICITATION = 135
UNSPECIFIED = bytes(16)
START_LIMIT, RUN_LIMIT, SETTLE_LIMIT = 15, 120, 15  # seconds
QUIET = 0.4  # seconds without a frame: longer than a delayed ack and a tail loss probe


def asks_for_neighbour(frame):
    """ARP, or a solicitation that is no duplicate address detection."""
    if frame.ethertype == ARP:
        return True
    return (frame.ethertype == IPV6 and frame.protocol == ICMPV6 and frame.source != UNSPECIFIED
            and frame.data[frame.transport] == SOLICITATION)


class Rig:
    def __init__(self, scenario, directory):
        self.scenario = scenario
        self.loop = Loop()
        self.workers, self._places, self._captures = [], [], []
        try:
            self._build(directory)
        except BaseException:
            self.close()
            raise

    def _build(self, directory):
        scenario = self.scenario
        family = scenario.family
        self.client = self._place(place.CLIENT_MAC, place.CLIENT, family, scenario.client_habit, False)
        self.primary = self._place(place.GUEST_MAC, place.GUEST, family, scenario.primary, scenario.offload)
        self.secondary = self._place(place.GUEST_MAC, place.GUEST, family, scenario.secondary, scenario.offload)
        clock = Clock()
        self.primary_capture = self._capture(os.path.join(directory, "primary.pcap"), clock)
        self.secondary_capture = self._capture(os.path.join(directory, "secondary.pcap"), clock)
        self.up_path = Path(self.loop, scenario.up, scenario.seed)
        self.down_path = Path(self.loop, scenario.down, scenario.seed + 1)
        self.mirror_path = Path(self.loop, scenario.mirror, scenario.seed + 2)
        self.connections = Connections()
        self.rewriter = Rewriter(self._to_secondary)
        self.lockstep = Lockstep(self._down)
        self.loop.add(self.client.tap.descriptor, self._from_client)
        self.loop.add(self.primary.tap.descriptor, self._from_primary)
        self.loop.add(self.secondary.tap.descriptor, self._from_secondary)

    def _place(self, *words):
        self._places.append(place.Place(*words))
        return self._places[-1]

    def _capture(self, path, clock):
        self._captures.append(Capture(path, clock, self.scenario.vlan, self.scenario.capture_at_once))
        return self._captures[-1]

    # Frames of the client: delayed and lost before the split, then alike to P and to the mirror.

    def _from_client(self):
        for _, data in self.client.tap.burst():
            self.loop.touch()
            frame = Frame(data)
            self.up_path.carry(frame, lambda frame=frame: self._split(frame))

    def _split(self, frame):
        key = connection = None
        if frame.segment:
            key = key_of(frame, from_guest=False)
            connection = self.connections.of_client(key, frame.segment)
        self.primary_capture.write(frame.data, padded=self.scenario.padded)
        self.primary.tap.write(bytes(frame.data))
        if connection is None:
            self.mirror_path.carry(frame, lambda: self._to_secondary(frame))
        else:
            self.mirror_path.carry(frame, lambda: self.rewriter.arrive(key, frame, connection),
                                   lambda: self.rewriter.missed(frame, connection))

    def _to_secondary(self, frame):
        self.loop.touch()
        self.secondary_capture.write(frame.data, padded=self.scenario.padded)
        self.secondary.tap.write(bytes(frame.data))

    # Frames of the servers: the client hears P, S is only listened to.

    def _from_primary(self):
        for header, data in self.primary.tap.burst():
            self.loop.touch()
            self.primary_capture.write(data, padded=self.scenario.padded)
            frame = Frame(data)
            if not frame.segment:
                self._down(frame, header)
                continue
            key = key_of(frame, from_guest=True)
            connection = self._observe(key, "primary", frame)
            if self.scenario.lockstep:
                self.lockstep.arrive(key, frame, header, connection)
            else:
                self._down(frame, header)

    def _down(self, frame, header):
        self.down_path.carry(frame, lambda: self.client.tap.write(bytes(frame.data), header))

    def _from_secondary(self):
        for header, data in self.secondary.tap.burst():
            self.loop.touch()
            self.secondary_capture.write(data)
            frame = Frame(data)
            if frame.segment:
                self._hear_secondary(frame)
            elif asks_for_neighbour(frame):
                self._down(frame, header)  # or S asks for ever: P need not ask when S does

    def _hear_secondary(self, frame):
        key = key_of(frame, from_guest=True)
        connection = self._observe(key, "secondary", frame)
        if connection is not None:
            self.rewriter.heard(key, frame.segment, connection)
        self.lockstep.flush(key)

    def _observe(self, key, side, frame):
        connection = self.connections.of_guest(key, side, frame.segment)
        if connection is not None:
            getattr(connection, side).observe(frame.segment)
        return connection

    # Processes.

    def _start(self, name, where, application, its_habit):
        def make_context(line):
            return Context(name, its_habit, self.scenario.family, line)

        worker = Worker(name, where.namespace, application, make_context)
        self.workers.append(worker)
        self.loop.add(worker.line.fileno(), lambda: self._listen(worker))

    def _listen(self, worker):
        for line in worker.questions():
            word, *rest = line.split(" ", 1)
            getattr(self, "_on_" + word)(worker, *rest)
        if worker.fault:
            self.loop.remove(worker.line.fileno())

    def _on_ready(self, worker):
        worker.ready = True

    def _on_done(self, worker):
        worker.done = True

    def _on_fault(self, worker, trace):
        worker.fault = trace

    def _on_record(self, worker):
        """Begins the captures anew."""
        for capture in self._captures:
            capture.restart()
            capture.running = True
        worker.answer()

    def _on_opened(self, worker, port):
        """P's last ISN towards a port of the client, and when it was given."""
        sides = [one.primary for key, one in self.connections.items() if key[1] == int(port) and one.primary.opened]
        last = max(sides, key=lambda side: side.opened)
        worker.answer(f"{last.isn} {last.opened}")

    def _check(self):
        for worker in self.workers:
            if worker.fault:
                raise RuntimeError(f"{worker.name}: {worker.fault}")

    def _wait(self, condition, seconds, what):
        def checked():
            self._check()
            return condition()

        self.loop.wait(checked, seconds, f"{self.scenario.name}: {what}")

    # The whole of a recording.

    def run(self):
        for one in self._places:
            one.up()
        self._wait(lambda: not any(one.namespace.tentative() for one in self._places), START_LIMIT,
                   "end of duplicate address detection")
        scenario = self.scenario
        self._start("client", self.client, scenario.client, scenario.client_habit)
        self._start("primary", self.primary, scenario.guest, scenario.primary)
        self._start("secondary", self.secondary, scenario.guest, scenario.secondary)
        self._wait(lambda: all(worker.ready for worker in self.workers), START_LIMIT, "applications ready")
        for worker in self.workers:
            worker.answer()
        finishing = [worker for worker in self.workers if (worker.name == "client") == scenario.client_ends]
        self._wait(lambda: all(worker.done for worker in finishing), RUN_LIMIT, "applications done")
        self._wait(self._settled, SETTLE_LIMIT, "S level with P, and both quiet")

    def _settled(self):
        if not self.loop.quiet(QUIET):
            return False
        if not self.scenario.catches_up:
            return True
        return self.rewriter.idle and self.lockstep.idle and all(one.level() for one in self.connections)

    def close(self):
        """Captures first: what the kernels say while their processes are ended belongs to no scenario."""
        for capture in self._captures:
            capture.close()
        for worker in self.workers:
            worker.end()
        for one in self._places:
            one.close()
        self.loop.close()
