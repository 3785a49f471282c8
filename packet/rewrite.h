// SPDX-License-Identifier: GPL-2.0-or-later
// Moves a TCP segment from one VM's number space into another's, in place. Checksums change by what
// changed (RFC 1624): a segment that was corrupt stays corrupt.
//
// The bytes are those of the view; other handles on the same buffer (Frame::share()) see the
// change.
#pragma once

#include <cstdint>

#include "packet/bytes.h"
#include "packet/icmp_error.h"
#include "packet/seq.h"
#include "packet/view.h"

namespace colo {

/// What is added to each number, modulo 2^32. SACK blocks lie in the ack number space.
struct SegmentShift {
    SeqDelta seq = 0;
    SeqDelta ack = 0;
    uint32_t tsval = 0;
    uint32_t tsecr = 0;

    friend bool operator==(const SegmentShift&, const SegmentShift&) = default;

    bool is_zero() const { return *this == SegmentShift{}; }
};

/// What a TCP checksum field covers.
enum class ChecksumKind : uint8_t {
    kFull,
    /// VIRTIO_NET_HDR_F_NEEDS_CSUM: only the pseudo header so far, which a shift does not touch.
    kPseudoHeaderOnly,
};

/// Shifts seq, ack (with the ACK flag only), SACK blocks, TSval and TSecr (with the ACK flag only,
/// and not a zero in a SYN, where it means "none"). `frame` are the bytes of `view`, which must be
/// a TCP segment's; view.seq and view.ack follow. All options are visited, also one that comes
/// twice; those behind an option with a lying length are left alone, as the receiver leaves them.
void shift_segment(MutableBytes frame, PacketView& view, const SegmentShift& shift,
                   ChecksumKind checksum);

/// The same for the TCP segment that an ICMP error quotes, as far as it is there: seq always, the
/// rest when not cut off. The quoted checksum, if there, and the error's own are mended. `frame`
/// are the bytes of `view`, `error` its parse_icmp_error(), renewed here. Quotes of no TCP are left
/// alone.
void shift_quoted(MutableBytes frame, const PacketView& view, IcmpError& error,
                  const SegmentShift& shift);

}  // namespace colo
