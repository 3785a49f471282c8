// SPDX-License-Identifier: GPL-2.0-or-later
// What went through a chardev or a netdev, and what did not. Every frame that came in or was handed over
// is in one of them.
#pragma once

#include <cstdint>

namespace colo {

struct EndpointCounters {
    uint64_t frames_in = 0;   ///< handed to the user
    uint64_t bytes_in = 0;    ///< as read, framing included
    uint64_t frames_out = 0;  ///< written
    uint64_t bytes_out = 0;   ///< as written, framing included

    uint64_t discarded = 0;     ///< frames that came while there was no user
    uint64_t refused = 0;       ///< frames above the cap of the output queue
    uint64_t not_connected = 0;  ///< frames that nobody was there for
    uint64_t lost = 0;          ///< frames still queued, wholly or in part, when the connection ended
    uint64_t bad_lengths = 0;   ///< each ended its connection, or, of a datagram, dropped it
    uint64_t cut_bytes = 0;     ///< of frames that were incomplete when the connection ended
    uint64_t write_errors = 0;  ///< frames that the device would not take

    uint64_t connects = 0;
    uint64_t connect_failures = 0;
    uint64_t disconnects = 0;

    uint64_t reads = 0;   ///< system calls
    uint64_t writes = 0;  ///< system calls

    /// Of something that has several connections.
    EndpointCounters& operator+=(const EndpointCounters& other) {
        frames_in += other.frames_in;
        bytes_in += other.bytes_in;
        frames_out += other.frames_out;
        bytes_out += other.bytes_out;
        discarded += other.discarded;
        refused += other.refused;
        not_connected += other.not_connected;
        lost += other.lost;
        bad_lengths += other.bad_lengths;
        cut_bytes += other.cut_bytes;
        write_errors += other.write_errors;
        connects += other.connects;
        connect_failures += other.connect_failures;
        disconnects += other.disconnects;
        reads += other.reads;
        writes += other.writes;
        return *this;
    }
};

}  // namespace colo
