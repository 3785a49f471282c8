# SPDX-License-Identifier: GPL-2.0-or-later
"""What one recording is made of, and what a comparator has to say of it."""

import dataclasses
import socket
from collections.abc import Callable

import habit
from impair import Impairment


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    purpose: str
    client: Callable  # the application in the client's namespace
    guest: Callable  # the one that P and S both run
    seed: int = 1
    family: int = socket.AF_INET
    client_ends: bool = True  # whose applications end the scenario; the others serve for ever
    up: Impairment = Impairment()
    down: Impairment = Impairment()
    mirror: Impairment = Impairment(delay=0.003)
    lockstep: bool = False
    client_habit: habit.Habit = habit.CLIENT
    primary: habit.Habit = habit.PRIMARY
    secondary: habit.Habit = habit.SECONDARY
    offload: bool = False
    vlan: int | None = None
    padded: bool = False
    capture_at_once: bool = True
    catches_up: bool = True
    guest_by_address: bool = False  # how the comparator is told whose frames are output
    reasons: tuple = ()  # checkpoints that must be asked for; none: the pair is identical
    protocols: tuple = ("tcp",)

    @property
    def verdict(self):
        return "diverged" if self.reasons else "identical"
