# SPDX-License-Identifier: GPL-2.0-or-later
"""A path that loses, doubles, delays and reorders TCP frames, by a seed."""

import dataclasses
import random


@dataclasses.dataclass(frozen=True)
class Impairment:
    """Probabilities a frame, delays in seconds."""

    delay: float = 0.002
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    late: float = 0.004  # added to a reordered frame

    def describe(self):
        words = [f"delay {self.delay * 1000:g} ms"]
        for name in ("loss", "duplicate", "reorder"):
            if getattr(self, name):
                words.append(f"{name} {getattr(self, name):.1%}")
        return ", ".join(words)


class Path:
    def __init__(self, loop, impairment, seed):
        self._loop, self._impairment = loop, impairment
        self._random = random.Random(seed)
        self.lost = self.doubled = self.reordered = 0

    def _happens(self, probability):
        return probability > 0 and self._random.random() < probability

    def carry(self, frame, deliver, lose=lambda: None):
        """Calls one of the two later; other protocols have nothing that makes a loss whole."""
        impairment = self._impairment
        if frame.segment is None:
            self._loop.after(impairment.delay, deliver)
            return
        if self._happens(impairment.loss):
            self.lost += 1
            self._loop.after(impairment.delay, lose)
            return
        delay = impairment.delay
        if self._happens(impairment.reorder):
            self.reordered += 1
            delay += impairment.late
        self._loop.after(delay, deliver)
        if self._happens(impairment.duplicate):
            self.doubled += 1
            self._loop.after(delay, deliver)
