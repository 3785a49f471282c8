// SPDX-License-Identifier: GPL-2.0-or-later
// Deterministic TCP flows of two VMs that say the same, framed as QEMU frames packets on a socket. The
// secondary's numbers are the primary's, as behind a rewriter; IP IDs and timestamps are its own.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "packet/bytes.h"

namespace colo::bench {

enum class Vm : uint8_t { kPrimary, kSecondary };

struct Segment {
    uint32_t flow = 0;
    uint64_t position = 0;  ///< of its first byte in the flow's stream
    uint32_t size = 0;
    std::optional<uint64_t> flipped;  ///< stream position of a byte that is not what it should be
};

/// A frame as it came back, taken apart.
struct ReleasedSegment {
    uint32_t flow = 0;
    uint64_t position = 0;
    uint32_t size = 0;
    bool is_syn = false;
    bool is_unaltered = false;
};

class TcpTraffic {
  public:
    static constexpr uint32_t kMaxPayload = 65'160;  ///< 45 segments of 1448 bytes

    /// `gso_size`: each frame has a vnet header; what is longer than that is left for the card to cut, and
    /// checksums are partial. 0: no vnet headers.
    explicit TcpTraffic(uint32_t gso_size);

    /// Append to `out`.
    void syn_ack(Vm vm, uint32_t flow, std::vector<uint8_t>& out);
    void segment(Vm vm, const Segment& segment, std::vector<uint8_t>& out);

    /// Bytes before a frame's first one, and in it before its payload.
    uint32_t prefix_size() const { return gso_size_ > 0 ? 8 + kVnetSize : 4; }
    /// The frame without its prefix; nothing if it is none of these flows'. Positions are below 4 GiB.
    std::optional<ReleasedSegment> recognize(Bytes frame, uint32_t flows) const;

  private:
    static constexpr uint32_t kVnetSize = 12;
    static constexpr uint32_t kPatternSize = 1u << 20;

    struct Headers;

    const uint8_t* stream(uint32_t flow, uint64_t position) const;
    uint8_t* begin_frame(Vm vm, const Headers& headers, uint32_t payload, std::vector<uint8_t>& out);
    void write_vnet_header(uint8_t* at, uint32_t payload) const;
    void finish_frame(uint8_t* frame, const Headers& headers, uint32_t payload) const;

    uint32_t gso_size_;
    uint16_t packet_ids_[2] = {1, 20'000};
    std::vector<uint8_t> pattern_;
};

}  // namespace colo::bench
