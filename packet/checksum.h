// SPDX-License-Identifier: GPL-2.0-or-later
// The internet checksum (RFC 1071): checked in full only where somebody asks, changed in place by
// what changed (RFC 1624). Nothing here recomputes a transport checksum: that would give a
// corrupted payload a valid one.
#pragma once

#include <cstdint>

#include "packet/bytes.h"
#include "packet/view.h"

namespace colo {

/// One's complement sum of `bytes` as big-endian 16-bit words (an odd last byte is a word's high
/// half), added to `sum`. The checksum field is the complement of it.
uint16_t ones_sum(Bytes bytes, uint16_t sum = 0);

inline uint16_t internet_checksum(Bytes bytes) {
    return static_cast<uint16_t>(~ones_sum(bytes));
}

/// Sum over the pseudo header of the view's packet for a segment of `length` bytes (RFC 9293 3.1,
/// RFC 768; RFC 8200 8.1, where the destination is taken from the IPv6 header: with a routing
/// header that still has segments left it is another).
uint16_t pseudo_header_sum(const PacketView& view, uint32_t length);

/// False when the packet's TCP, UDP, ICMP or ICMPv6 checksum is wrong. True when it is right, when
/// there is none (other protocols; UDP over IPv4 with 0) or when it cannot be told (fragments, cut
/// frames, headers with a problem).
bool transport_checksum_ok(const PacketView& view);

/// The same for the IPv4 header; true for what is not IPv4.
bool ipv4_header_checksum_ok(const PacketView& view);

/// What replacing fields does to the checksum that covers them: RFC 1624 eqn. 3,
/// HC' = ~(~HC + ~m + m'), with the sum over all replaced words gathered first. A wrong checksum
/// stays wrong by the same amount.
class ChecksumChange {
  public:
    void replace16(uint16_t old_value, uint16_t new_value) {
        if (old_value == new_value) return;
        sum_ += static_cast<uint16_t>(~old_value);
        sum_ += new_value;
    }
    /// `odd`: the field begins at an odd offset from where the checksum's cover begins, so its
    /// bytes fall into the other halves of the words (RFC 1071 section 2(B)).
    void replace32(uint32_t old_value, uint32_t new_value, bool odd) {
        if (odd) {
            old_value = swap_bytes(old_value);
            new_value = swap_bytes(new_value);
        }
        replace16(static_cast<uint16_t>(old_value >> 16), static_cast<uint16_t>(new_value >> 16));
        replace16(static_cast<uint16_t>(old_value), static_cast<uint16_t>(new_value));
    }

    /// The checksum field's new value. Nothing replaced: the same value, even one of the two zeros.
    uint16_t applied_to(uint16_t checksum) const {
        if (sum_ == 0) return checksum;
        uint64_t sum = sum_ + static_cast<uint16_t>(~checksum);
        while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
        return static_cast<uint16_t>(~sum);
    }

  private:
    /// Bytes change places within each 16-bit word.
    static uint32_t swap_bytes(uint32_t v) { return (v & 0x00ff00ff) << 8 | (v >> 8 & 0x00ff00ff); }

    uint64_t sum_ = 0;
};

}  // namespace colo
