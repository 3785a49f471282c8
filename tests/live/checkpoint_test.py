#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A part of a pair dies in the middle of a checkpoint: between any two of its messages, after any byte."""
import lab
from pair_case import AUTO, PairCase
from relays import LOADED, RECEIVED, REPLY

PHASES = {"before REPLY": REPLY, "between REPLY and RECEIVED": RECEIVED, "between RECEIVED and LOADED": LOADED}
TAIL = 64 << 10
# How much of the tail arrives, and who goes on.
CUTS = [(0, "primary"), (0.25, "secondary"), (0.5, "primary"), (0.75, "secondary"), (0.9, "primary"),
        (0.99, "secondary"), (1, "primary"), (1, "secondary")]


class Phases(PairCase):
    def each(self, check):
        for name, message in PHASES.items():
            with self.trial(phase=name):
                self.protected(*AUTO, through_relays=True)
                load = self.load()
                self.checkpoint_over()
                self.started.incoming.hold(message)
                self.primary.checkpoint()
                self.started.incoming.wait()
                check(load)

    def test_primary_dies(self):
        def check(load):
            self.primary.kill()
            self.check_after(load, self.secondary)
        self.each(check)

    def test_secondary_dies(self):
        def check(load):
            self.secondary.kill()
            self.check_after(load, self.primary)
        self.each(check)


class Link(PairCase):
    def test_dies_anywhere_in_the_end_of_a_checkpoint(self):
        """Whoever goes on knows all that clients were told."""
        for part, survivor in CUTS:
            with self.trial(part=part, survivor=survivor):
                self.protected(through_relays=True)
                load = self.load()
                self.checkpoint_over()
                self.started.link.hold_end_of_checkpoint(TAIL)
                self.primary.checkpoint()
                self.started.link.wait()
                self.started.link.let_go(part)
                self.started.link.cut()
                self.decide_for(self.host(survivor))
                self.check_after(load, self.host(survivor))


if __name__ == "__main__":
    lab.main()
