# SPDX-License-Identifier: GPL-2.0-or-later
"""A client of an OpenMetrics endpoint. Shares no code with the program."""
import re

METRIC = re.compile(r'^(\w+)(?:\{(\w+)="([^"]*)"\})? (-?[0-9.e+]+)$')


def scraped(lines):
    """The figures, by family and label's value, that qmp.Lines `lines` are answered."""
    lines.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    head, _, body = lines.read_all().decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 200") and "application/openmetrics-text" in head, head
    assert body.endswith("# EOF\n"), body
    samples = {}
    for line in body.splitlines():
        if not line.startswith("#"):
            name, _, label, value = METRIC.match(line).groups()
            assert (name, label) not in samples, line
            samples[name, label] = float(value)
    return samples
