# SPDX-License-Identifier: GPL-2.0-or-later
"""What is known of a survivor's connections when something has not come to its end: for people to read."""
import collections
import contextlib

import captures
import recording_rig  # noqa: F401 (where the next ones are)
from packet import FIN, RST, SACK, SYN, Frame

HEADERS = 134  # bytes: Ethernet, IPv6, TCP with all its options
LAST = 16  # segments of a connection that are told, at each end
CONNECTIONS = 6  # those whose segments are told
FLAGS = ((SYN, "S"), (FIN, "F"), (RST, "R"))
DUMPS = {"uplink": "up0", "vm": "hn0"}  # the ends of the host's proxy, by name


def options(host):
    """Those of a host whose frames are to be known later: their headers, at both ends."""
    return [word for name, netdev in DUMPS.items() for word in (
        "-object", f"filter-dump,id={name},netdev={netdev},file={_path(host, name)},maxlen={HEADERS}")]


def _path(host, name):
    return host.path(f"{host.name}-{name}.pcapng")


@contextlib.contextmanager
def told(client, guest, host, network):
    """A failure within tells what the kernels of `client` and `guest`, the proxy of `host` and the
    `network` between say of the connections there are. The host's dumps end with it."""
    try:
        yield
    except Exception as failure:
        failure.add_note("\n".join(_all(client, guest, host, network)))
        raise


def _all(client, guest, host, network):
    looks = [(f"{place.name}: {name}", look) for place in (client, guest)
             for name, look in (("processes", place.living), ("connections", lambda place=place: _sockets(place)),
                                ("counters", lambda place=place: _counters(place)))]
    looks += [("network", network.report), (f"{host.name}: log", host.log), (f"{host.name}: status", host.qmp.status),
              (f"{host.name}: objects", lambda: _objects(host))]
    looks += [(f"{host.name}: last segments, {name}", lambda name=name: _segments(host, name, _open_ports(client)))
              for name in DUMPS]
    for title, look in looks:
        yield f"--- {title}"
        try:
            yield str(look())
        except Exception as fault:  # what is broken must not hide the rest
            yield f"not to be had: {fault!r}"


def _sockets(place):
    return place.run("ss", "-tinom")


def _counters(place):
    return " ".join(f"{name}={value}" for name, value in place.counters().items() if value)


def _objects(host):
    lines = []
    for entry in host.qmp("qom-list", path="/objects"):
        path = f"/objects/{entry['name']}"
        names = [entry["name"] for entry in host.qmp("qom-list", path=path)]
        lines.append(f"{path}: " + " ".join(f"{name}={host.qmp.get(path, name)}" for name in names))
    return "\n".join(lines)


def _open_ports(place):
    """Pairs, of connections that have not ended."""
    rows = [line.split() for line in place.run("ss", "-Htn", "state", "connected", "exclude", "time-wait").splitlines()]
    return {frozenset(int(end.rpartition(":")[2]) for end in row[-2:]) for row in rows}


def _segments(host, name, open_ports):
    host.qmp("object-del", id=name)  # the file is whole then
    latest = collections.defaultdict(lambda: collections.deque(maxlen=LAST))
    with open(_path(host, name), "rb") as file:
        packets = captures.read_pcapng(file.read())
    for record, direction in packets:
        segment = Frame(record.data).segment
        if segment and _ports(segment) in open_ports:
            latest[segment.frame.version, _ports(segment)].append((record, direction, segment))
    lines = []
    for (version, ports), segments in list(latest.items())[:CONNECTIONS]:
        lines.append(f"IPv{version}, ports {sorted(ports)}")
        lines += [f"{record.time / 1e9 % 1000:8.3f} {'to' if direction == 1 else 'from'} {_words(segment)}"
                  for record, direction, segment in segments]
    return "\n".join(lines)


def _ports(segment):
    return frozenset((segment.source_port, segment.target_port))


def _words(segment):
    flags = "".join(letter for flag, letter in FLAGS if segment.has(flag))
    sacks = [segment.frame.data[at + 2:at + length].hex() for kind, at, length in segment.options() if kind == SACK]
    return (f"{segment.source_port}>{segment.target_port} {flags or '.'} seq {segment.seq} size {segment.length}"
            f" ack {segment.ack} stamps {segment.timestamps}" + "".join(f" sack {blocks}" for blocks in sacks))
