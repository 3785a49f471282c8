// SPDX-License-Identifier: GPL-2.0-or-later
// One run of each thing that is measured, in processes of its own.
#pragma once

#include <cstdint>

#include "tests/bench/link/bench_end.h"

namespace colo::bench {

struct Throughput {
    double megabytes_a_second = 0;
    double cpu_seconds_a_gigabyte = 0;  ///< of the two processes in the middle, or of both ends
};

enum class Relay { kCopy, kSplice, kLink };

/// A source, a unix socket, a process, a TCP connection, a process, a unix socket, a sink.
Throughput relayed(Relay relay, uint64_t bytes);

/// Two processes and a TCP connection with TLS; the bytes are made in one and thrown away in the other.
struct TlsEnds {
    Credentials server;
    Credentials client;
};
Throughput bare_tls(const TlsEnds& tls, uint64_t bytes);
Throughput link_tls(const TlsEnds& tls, uint64_t bytes);

struct Line {
    double delay_seconds = 0;
    double bytes_a_second = 0;  ///< 0: as fast as it goes
};

/// Bytes a second on a line: a stream, written and ended with one status; and one reply a 64 KiB chunk.
double fire_and_forget(const Line& line, uint64_t bytes);
double reply_a_chunk(const Line& line, uint64_t bytes);

/// Of calls, one a millisecond, in seconds.
struct RoundTrips {
    double median = 0;
    double p99 = 0;
};
/// `loaded`: while a stream writes as much as it can. On loopback, or on a line with a rate.
RoundTrips round_trips(const Line& line, bool loaded, size_t count);

/// Nanoseconds of the sender's CPU time a mirrored packet. They take turns within the run.
struct PacketCost {
    double link_ns = 0;  ///< a batch in each turn of the event loop: that is how batches come
    double turn_ns = 0;  ///< a bare send() of the same bytes in the same batches, in turns of the same loop
    double bare_ns = 0;  ///< the same without a loop
};
PacketCost packet_cost(int batches);

/// From a cancel, with the credit of `streams` used up and nobody reading, until the other end has said
/// that all are over; in seconds.
double cancel_while_full(const TlsEnds* tls, int streams);

}  // namespace colo::bench
