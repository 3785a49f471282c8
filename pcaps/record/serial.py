# SPDX-License-Identifier: GPL-2.0-or-later
"""32-bit serial arithmetic (RFC 1982)."""

MASK = 0xFFFFFFFF


def distance(to, since):
    """Signed way from one number to another."""
    return ((to - since + 0x80000000) & MASK) - 0x80000000


def later(one, other):
    return one if distance(one, other) > 0 else other


def earlier(one, other):
    return other if distance(one, other) > 0 else one
