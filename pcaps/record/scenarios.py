# SPDX-License-Identifier: GPL-2.0-or-later
"""All recordings."""

import socket
from dataclasses import replace

import clients
import datagram_clients
import guests
import habit
import servers
import wrap
from impair import Impairment
from scenario import Scenario

V6 = socket.AF_INET6
NAMES = [bytes((0, number)) + f"host{number * 7919 % 100}.example".encode() for number in range(40)]
SIZES = [b"%d %s" % (answer, b"q" * question) for answer, question in
         ((1, 1), (2000, 10), (4000, 3000), (1472, 1472), (1473, 1473), (20000, 5), (9000, 9000), (3, 3))]
LEAKY = Impairment(delay=0.003, loss=0.08)
WIRE = Impairment(delay=0.004, reorder=0.03, duplicate=0.02)
SLOW_TYPE = replace(habit.PRIMARY, write=5)
FAST_TYPE = replace(habit.SECONDARY, write=1000)

ALL = (
    Scenario("http-keep-alive", "Answers of several sizes over one connection.",
             clients.downloads(0, 10, 1000, 5000, 20000, 1), servers.web_server),
    Scenario("bulk-10mb-loss-sack",
             "A download of 10 MB, with losses on the way to the client and back; SACK makes them good.",
             clients.downloads(10_000_000), servers.web_server, seed=10,
             down=Impairment(loss=0.01), up=Impairment(loss=0.005)),
    Scenario("interactive-small-writes",
             "Short lines there and back: P writes five bytes at a time under Nagle's rule, S whole lines.",
             clients.typist(80, seed=3), servers.echo_server, primary=SLOW_TYPE, secondary=FAST_TYPE, padded=True),
    Scenario("short-connections-200", "200 connections of one request, eight at a time, ended by either side.",
             clients.connections(200, 8, (0, 20, 300, 2000), lambda number: number % 2 == 0), servers.web_server),
    Scenario("client-close", "The client ends each connection.",
             clients.connections(4, 1, (1, 100, 3000, 6000), lambda _: False), servers.web_server,
             guest_by_address=True),
    Scenario("server-close", "The server ends each connection.",
             clients.connections(4, 1, (1, 100, 3000, 6000), lambda _: True), servers.web_server),
    Scenario("reset", "RST by the server (lingering time 0, then unread bytes), then by the client.",
             clients.reset_client, servers.rude_server),
    Scenario("closed-port", "Connections to a port that nobody listens on: RST with an ack.",
             clients.refused_client, servers.silent),
    Scenario("guest-initiated", "Connections that the guest opens to a server at the client's.",
             servers.web_server, guests.caller(((100, 100), (20_000, 30_000), (1, 5000))), client_ends=False),
    Scenario("guest-initiated-udp", "Questions that the guest asks over UDP.",
             servers.udp_server(servers.name_reply), guests.asker(NAMES[:10]), client_ends=False,
             protocols=("udp",)),
    Scenario("ipv6-http", "HTTP over IPv6, with the neighbour discovery around it.",
             clients.downloads(0, 10, 1000, 5000, 20000, 1), servers.web_server, family=V6),
    Scenario("vlan", "HTTP in VLAN 100.", clients.downloads(0, 10, 1000, 5000, 20000, close=True),
             servers.web_server, vlan=100, padded=True),
    Scenario("udp-dns-like", "Short questions and answers from five ports.",
             datagram_clients.udp_client(NAMES, sockets=5), servers.udp_server(servers.name_reply), protocols=("udp",)),
    Scenario("udp-fragments-v4", "Datagrams that P and S cut into different fragments.",
             datagram_clients.udp_client(SIZES), servers.udp_server(servers.pattern_reply), protocols=("udp",)),
    Scenario("udp-fragments-v6", "Datagrams that P and S cut into different fragments, over IPv6.",
             datagram_clients.udp_client(SIZES), servers.udp_server(servers.pattern_reply), family=V6, protocols=("udp",)),
    Scenario("icmp-echo", "Echo requests of several lengths, some in fragments.",
             datagram_clients.pinger((0, 56, 1400, 3000), (7, 8, 9)), servers.silent, protocols=("icmp",)),
    Scenario("icmpv6-echo", "Echo requests over IPv6, some in fragments.",
             datagram_clients.pinger((0, 56, 1400, 3000), (7, 8, 9)), servers.silent, family=V6, protocols=("icmpv6",)),
    Scenario("timestamps-off", "HTTP without TCP timestamps, with losses.",
             clients.downloads(100, 50_000), servers.web_server, seed=20, down=Impairment(loss=0.08),
             client_habit=replace(habit.CLIENT, timestamps=0)),
    Scenario("gso-segments", "A download in frames of up to 64 KiB, as segmentation offload leaves them to a capture.",
             clients.downloads(100, 500_000), servers.web_server, offload=True),
    Scenario("sequence-wrap", "A download in whose middle the servers' sequence numbers pass 2^32.",
             wrap.wrapping(600_000, before=400_000), servers.web_server, capture_at_once=False),
    Scenario("port-reuse", "The same client port again, while the server remembers the connection before.",
             clients.same_port(47000, 5, 2000), servers.web_server),
    Scenario("reordering-duplication", "Upload and download over a wire that reorders and doubles.",
             clients.exchange(150_000, 150_000), servers.web_server, seed=30, up=WIRE, down=WIRE),
    Scenario("mirror-loss", "Frames lost before S alone; acks of P wait for S's, so the client sends again.",
             clients.uploads(25, 1000), servers.web_server, seed=40, mirror=LEAKY, lockstep=True),
    Scenario("mirror-loss-flight",
             "The same with many frames under way: the client repeats one a time-out, and holds have made that long.",
             clients.exchange(60_000, 20_000), servers.web_server, seed=40, lockstep=True,
             mirror=Impairment(delay=0.003, loss=0.03), reasons=("timeout",)),
    Scenario("mirror-loss-for-good", "Client data lost before S alone, which P acknowledges: nobody sends it again.",
             clients.exchange(60_000, 0), servers.web_server, seed=42,
             mirror=LEAKY, catches_up=False, reasons=("timeout",)),
    Scenario("upload", "An upload of 2 MB.", clients.exchange(2_000_000, 0), servers.web_server,
             guest_by_address=True),
    Scenario("half-close", "The client ends its direction; the answer of 50 kB comes after.",
             clients.half_closer, servers.patient_server),
    Scenario("divergent-clock", "The answer tells the time in microseconds.",
             clients.clock_client(3), servers.clock_server, reasons=("divergence",)),
    Scenario("divergent-udp", "The answer tells the time in microseconds, over UDP.",
             datagram_clients.udp_client(NAMES[:3], pause=0.03), servers.udp_server(servers.clock_reply),
             reasons=("divergence",), protocols=("udp",)),
    Scenario("secondary-stops", "S answers twice, then no more.",
             clients.downloads(1000, 1000, 1000, 1000), servers.stopping_server(2), catches_up=False,
             reasons=("timeout",)),
    Scenario("udp-port-unreachable", "Datagrams to a port that nobody listens on: ICMP errors.",
             datagram_clients.unheard_client(4), servers.silent, protocols=("icmp",)),
    Scenario("udp-port-unreachable-v6", "Datagrams to a port that nobody listens on: ICMPv6 errors.",
             datagram_clients.unheard_client(4), servers.silent, family=V6, protocols=("icmpv6",)),
)
