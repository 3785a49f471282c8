# SPDX-License-Identifier: GPL-2.0-or-later
"""The rig's event loop: descriptors, timers, bounded waits."""

import heapq
import itertools
import select
import time

TURN = 0.02  # seconds between two looks at a condition that no event announces


class Loop:
    def __init__(self):
        self._poll = select.epoll()
        self._readers = {}
        self._timers = []
        self._count = itertools.count()  # equal times keep their order
        self.touched = time.monotonic()

    def add(self, descriptor, reader):
        self._readers[descriptor] = reader
        self._poll.register(descriptor, select.EPOLLIN)

    def remove(self, descriptor):
        del self._readers[descriptor]
        self._poll.unregister(descriptor)

    def after(self, seconds, action):
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._count), action))

    def touch(self):
        """Something happened that a quiet spell has to follow."""
        self.touched = time.monotonic()

    def quiet(self, seconds):
        return not self._timers and time.monotonic() - self.touched >= seconds

    def _turn(self):
        timeout = TURN
        if self._timers:
            timeout = min(TURN, max(0, self._timers[0][0] - time.monotonic()))
        for descriptor, _ in self._poll.poll(timeout):
            if descriptor in self._readers:
                self._readers[descriptor]()
        while self._timers and self._timers[0][0] <= time.monotonic():
            heapq.heappop(self._timers)[2]()

    def wait(self, condition, seconds, what):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not within {seconds} s")
            self._turn()

    def close(self):
        self._poll.close()
