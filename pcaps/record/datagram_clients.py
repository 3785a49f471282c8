# SPDX-License-Identifier: GPL-2.0-or-later
"""Applications of the client, over UDP and ICMP."""

import errno
import socket
import struct
import time

from channel import TIMEOUT, datagrams, pattern
from packet import folded
from place import GUEST
from servers import CLOSED_PORT, UDP_PORT

# Protocol, type of a request and of its answer.
ECHO = {socket.AF_INET: (socket.IPPROTO_ICMP, 8, 0), socket.AF_INET6: (socket.IPPROTO_ICMPV6, 128, 129)}


def udp_client(questions, sockets=1, pause=0.0):
    """Each question from the next of some sockets, after the answer to the one before."""
    def client(context):
        context.ready()
        socks = [datagrams(context, 44000 + number) for number in range(sockets)]
        for number, question in enumerate(questions):
            sock = socks[number % sockets]
            sock.sendto(question, (GUEST[context.family], UDP_PORT))
            sock.recvfrom(65536)
            time.sleep(pause)
    return client


def unheard_client(count):
    """Datagrams to a port that nobody listens on."""
    def client(context):
        context.ready()
        for number in range(count):
            sock = datagrams(context, 44000 + number)
            sock.connect((GUEST[context.family], CLOSED_PORT))
            sock.send(pattern(20 + 100 * number))
            try:
                sock.recv(1)
                raise ValueError("a closed port answered")
            except OSError as error:
                if error.errno != errno.ECONNREFUSED:
                    raise
    return client


def _request(family, number, sequence, length):
    plain = struct.pack("!BBHHH", ECHO[family][1], 0, 0, number, sequence) + pattern(length)
    return plain[:2] + struct.pack("!H", 0xFFFF ^ folded(plain)) + plain[4:]  # over ICMPv6 the kernel's own


def _answered(sock, family, number, sequence):
    data, _ = sock.recvfrom(65536)
    if family == socket.AF_INET:
        data = data[(data[0] & 15) * 4:]
    kind, _, _, its_number, its_sequence = struct.unpack_from("!BBHHH", data)
    return (kind, its_number, its_sequence) == (ECHO[family][2], number, sequence)


def pinger(lengths, numbers):
    """Echo requests of some lengths, with each number as identifier."""
    def client(context):
        context.ready()
        sock = socket.socket(context.family, socket.SOCK_RAW, ECHO[context.family][0])
        sock.settimeout(TIMEOUT)
        for number in numbers:
            for sequence, length in enumerate(lengths, 1):
                request = _request(context.family, number, sequence, length)
                sock.sendto(request, (GUEST[context.family], 0))
                while not _answered(sock, context.family, number, sequence):
                    pass
    return client
