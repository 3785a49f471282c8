# SPDX-License-Identifier: GPL-2.0-or-later
"""What must hold of a pair, by its own captures, whatever a comparator says."""

import facts
from view import paired

SOON = 2_500_000_000  # ns: well within a comparator's 3 s
LATE = 3_500_000_000  # ns: well beyond


def _twins(primary, secondary):
    return [(one, twin) for _, one, twin in paired(primary, secondary) if twin]


def _kernels(primary, secondary):
    """Both sides are what one client could have met."""
    twins = _twins(primary, secondary)
    yield "input checksums right", not any(view.count["wrong input checksums"] for view in (primary, secondary))
    yield "ISNs differ", all(one.isn != twin.isn for one, twin in twins)
    yield "first TSvals differ", all(
        one.first_timestamp is None or one.first_timestamp != twin.first_timestamp for one, twin in twins)
    yield "SYN options equal", all(one.options == twin.options for one, twin in twins)
    yield "repeated bytes equal", not any(one.conflicts for view in (primary, secondary) for one in view.all_streams())


def _identical(primary, secondary):
    pairs = list(paired(primary, secondary))
    yield "every connection has a twin", all(twin for _, _, twin in pairs)
    yield "as many connections", len(primary.all_streams()) == len(secondary.all_streams())
    twins = _twins(primary, secondary)
    yield "no byte missing", all(one.whole and twin.whole for one, twin in twins)
    yield "bytes equal", all(one.data == twin.data for one, twin in twins)
    yield "FINs equal", all(one.fin == twin.fin for one, twin in twins)
    yield "RSTs on both sides", all(bool(one.resets) == bool(twin.resets) for one, twin in twins)
    yield "datagrams equal", _sorted(primary) == _sorted(secondary)
    for name, lag in zip(("bytes", "acks"), facts.lags(primary, secondary)):
        yield f"S's {name} come soon", lag is not None and lag < SOON


def _sorted(view):
    return {key: sorted(payloads) for key, payloads in view.datagrams.items()}


def _divergence(primary, secondary):
    bytes_differ = any(one.data != twin.data and len(one.data) == len(twin.data)
                       for one, twin in _twins(primary, secondary))
    yield "bytes differ", bytes_differ or _sorted(primary) != _sorted(secondary)


def _timeout(primary, secondary):
    yield "S comes late or never", any(lag is None or lag > LATE for lag in facts.lags(primary, secondary))


OF_REASON = {"divergence": _divergence, "timeout": _timeout}


def claims(expectation, primary, secondary):
    """Words and truth of each."""
    yield "protocols as named", set(expectation["protocols"]) == primary.protocols
    yield from _kernels(primary, secondary)
    if not expectation["reasons"]:
        yield from _identical(primary, secondary)
    for reason in expectation["reasons"]:
        yield from OF_REASON[reason](primary, secondary)


def untrue(expectation, primary, secondary):
    return [words for words, truth in claims(expectation, primary, secondary) if not truth]
