# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures of a pair, for its README and for the one who records."""

from view import paired

MILLISECOND = 1_000_000
COUNTS = ("input frames", "output frames", "acks without payload", "frames above 1518 bytes", "fragments",
          "ARP frames", "neighbour, router and listener messages", "RST outside of a connection")


def _per_side(view):
    streams = view.all_streams()
    rows = {name: view.count[name] for name in COUNTS}
    rows["connections"] = len(streams)
    rows["TCP segments with payload"] = sum(one.segments for one in streams)
    rows["of these repeated"] = sum(one.repeated for one in streams)
    rows["TCP payload bytes"] = sum(len(one.data) for one in streams)
    rows["connections whose numbers pass 2^32"] = sum(one.wraps for one in streams)
    rows["RST of a connection"] = sum(one.resets for one in streams)
    rows["datagrams"] = sum(map(len, view.datagrams.values()))
    if streams:
        rows["first ISN"] = streams[0].isn
    if streams and streams[0].first_timestamp is not None:
        rows["first TSval"] = streams[0].first_timestamp
    return rows


def table(primary, secondary):
    """Name, P's figure and S's, of what occurs."""
    ours, theirs = _per_side(primary), _per_side(secondary)
    names = ours | theirs  # one side may lack a row
    return [(name, ours.get(name, 0), theirs.get(name, 0)) for name in names if ours.get(name) or theirs.get(name)]


def lags(primary, secondary):
    """The longest times, in ns, by which S's bytes and S's acks came after P's; None: some never came."""
    both = []
    for name in ("sent", "acked"):
        found = [getattr(one, name).lag(getattr(twin, name)) if twin else None
                 for _, one, twin in paired(primary, secondary)]
        both.append(None if None in found else max(found, default=0))
    return both


def spoken(lag):
    return "some never" if lag is None else f"{lag / MILLISECOND:.1f} ms"
