// SPDX-License-Identifier: GPL-2.0-or-later
// One datagram's fragments while they come in (RFC 791 3.2, RFC 8200 4.5), and the whole made of
// them.
//
// No two fragments may overlap: RFC 5722 discards such a datagram for IPv6, and for IPv4 we do the
// same, because what a receiver makes of an overlap depends on its stack. An exact duplicate (same
// place, same bytes) is no overlap (RFC 8200 4.5); its frame stays with the others.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "packet/frame.h"
#include "packet/view.h"

namespace colo {

/// Why fragments come back without having become a datagram.
enum class DiscardReason : uint8_t {
    kNone,       ///< they have become one
    kOverlap,    ///< two differ in bytes or extent at one place
    kTimeout,    ///< some never came
    kTableFull,  ///< the oldest datagram made room for newer ones
    kTooMany,    ///< more frames than FragmentedDatagram::kMaxFrames
    kBad,      ///< lengths that contradict, are no multiple of 8 or exceed 65535; or a cut capture
    kDrained,  ///< the caller asked for all
    kCount
};

const char* to_string(DiscardReason reason);

class FragmentedDatagram {
  public:
    /// The largest datagram over links of 576 bytes has 119 fragments.
    static constexpr size_t kMaxFrames = 128;

    /// Takes the frame in any case. Anything but kNone: the datagram can never be made whole.
    /// `view` is the frame's, with is_fragment set.
    DiscardReason add(Frame frame, const PacketView& view);

    /// All fragments are here. Only then call whole().
    bool is_complete() const { return total_ && received_ == *total_; }

    /// The datagram as one frame: the first fragment's Ethernet header, tags and IP header, with
    /// lengths and fragment fields as if it had never been fragmented. The IPv4 header checksum is
    /// mended by RFC 1624 (a wrong one stays wrong). An empty handle when it would be longer than
    /// IP can say.
    Frame whole(FramePool& pool) const;

    /// The frames in order of arrival; nothing may be asked of the datagram afterwards.
    std::vector<Frame> take_frames() { return std::move(frames_); }

    /// What holding the frames costs, in bytes.
    size_t memory() const { return memory_; }

  private:
    /// A stretch [begin, end) of the datagram's data and where its bytes are.
    struct Piece {
        uint32_t begin;
        uint32_t end;
        const uint8_t* data;
        bool more;
    };

    DiscardReason place(const PacketView& view);
    DiscardReason insert(const Piece& piece);
    void mend_ipv4(MutableBytes frame, uint16_t total_length) const;
    void mend_ipv6(MutableBytes frame, uint16_t payload_length) const;

    std::vector<Frame> frames_;
    std::vector<Piece> pieces_;        ///< by position, disjoint
    std::optional<uint32_t> total_;    ///< bytes of data; known from the last fragment
    std::optional<PacketView> first_;  ///< of the fragment at offset 0, into frames_
    uint32_t received_ = 0;
    size_t memory_ = 0;
};

}  // namespace colo
