// SPDX-License-Identifier: GPL-2.0-or-later
// What the link is measured against: programs that move the same bytes between the same sockets and do
// nothing else. All of them wait in the system; all throw std::system_error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "link/tls_credentials.h"

namespace colo::bench {

inline constexpr size_t kBlockBytes = 64 << 10;

/// Seconds on the monotonic clock.
double now();

/// Writes `total` bytes, in blocks, and ends.
void source(int fd, uint64_t total);
/// Reads to the end; the seconds from the first byte on.
double sink(int fd);

/// From one socket to the other, through memory, to the end.
void copy_relay(int from, int to);
/// The same without bringing the bytes into the process.
void splice_relay(int from, int to);

/// A bare session that writes `total` bytes in records of 16 KiB; the seconds until the other end has read
/// all, the handshake left out.
double tls_source(int fd, TlsCredentials& credentials, uint64_t total);
void tls_sink(int fd, TlsCredentials& credentials);

/// A line between two sockets, both ways: what comes in goes out `delay_seconds` later, at
/// `bytes_a_second` at most (0: as fast as it comes). Until one of them ends.
void slow_line(int a, int b, double delay_seconds, double bytes_a_second);

}  // namespace colo::bench
