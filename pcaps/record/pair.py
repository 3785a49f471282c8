# SPDX-License-Identifier: GPL-2.0-or-later
"""The folder of a pair: captures, README and what a comparator has to say."""

import json
import os
import platform
import shutil

import facts
from claims import untrue
from place import GUEST, GUEST_MAC
from view import View

CAPTURES = ("primary.pcap", "secondary.pcap")


def expected(scenario):
    guest = GUEST[scenario.family] if scenario.guest_by_address else GUEST_MAC
    return {
        "arguments": ["--guest", guest],
        "exit": 1 if scenario.reasons else 0,
        "verdict": scenario.verdict,
        "reasons": list(scenario.reasons),
        "protocols": list(scenario.protocols),
    }


def views(folder, expectation):
    guest = expectation["arguments"][1]
    return [View(os.path.join(folder, name), guest) for name in CAPTURES]


def _paths(rig):
    scenario = rig.scenario
    for name, impairment, path in (("client to servers", scenario.up, rig.up_path),
                                   ("P to client", scenario.down, rig.down_path),
                                   ("mirror to S, after the first", scenario.mirror, rig.mirror_path)):
        yield (f"- {name}: {impairment.describe()}; lost {path.lost}, doubled {path.doubled}, "
               f"reordered {path.reordered} TCP frames")


def _peculiarities(rig):
    scenario = rig.scenario
    yield f"acks made for S, whose own came late or never: {rig.rewriter.helped}"
    if scenario.lockstep:
        yield "the client got P's acks only after S had acknowledged as much"
    if scenario.padded:
        yield "padded to 60 bytes: frames from the client, and P's; S's are bare"
    if scenario.vlan is not None:
        yield f"the rig put the tag of VLAN {scenario.vlan} on; the kernels saw none"


def _origin(rig):
    scenario = rig.scenario
    return [
        f"Recorded by `record/record {scenario.name}` on Linux {platform.release()}, seed {scenario.seed}. "
        "A new recording differs in numbers and times.", "",
        f"- P: {scenario.primary.describe()}",
        f"- S: {scenario.secondary.describe()}",
        *_paths(rig),
        *(f"- {words}" for words in _peculiarities(rig)),
    ]


def _readme(rig, primary, secondary):
    scenario = rig.scenario
    reasons = f" ({', '.join(scenario.reasons)})" if scenario.reasons else ""
    sent, acked = facts.lags(primary, secondary)
    lines = [
        f"# {scenario.name}", "", scenario.purpose, "", f"Expected: {scenario.verdict}{reasons}.", "",
        "## Origin", "", *_origin(rig), "",
        "## What the captures hold", "", "| | P | S |", "| --- | --- | --- |",
        *(f"| {name} | {one} | {other} |" for name, one, other in facts.table(primary, secondary)), "",
        f"S after P at most: bytes {facts.spoken(sent)}, acks {facts.spoken(acked)}.", "",
    ]
    return "\n".join(lines)


def _summary(name, primary, secondary):
    sent, acked = facts.lags(primary, secondary)
    figures = ", ".join(f"{name} {one}/{other}" for name, one, other in facts.table(primary, secondary))
    return f"{name}: {figures}, lag of bytes {facts.spoken(sent)}, of acks {facts.spoken(acked)}"


def keep(rig, source, folder):
    """Puts a recording that went well in its place; returns a line about it."""
    expectation = expected(rig.scenario)
    primary, secondary = views(source, expectation)
    if faults := untrue(expectation, primary, secondary):
        raise RuntimeError(f"{rig.scenario.name}: recorded, but this does not hold: {', '.join(faults)}")
    os.makedirs(folder, exist_ok=True)
    for name in CAPTURES:
        shutil.copyfile(os.path.join(source, name), os.path.join(folder, name))
    with open(os.path.join(folder, "README.md"), "w") as file:
        file.write(_readme(rig, primary, secondary))
    with open(os.path.join(folder, "expected.json"), "w") as file:
        json.dump(expectation, file, indent=2)
        file.write("\n")
    return _summary(rig.scenario.name, primary, secondary)
