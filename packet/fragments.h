// SPDX-License-Identifier: GPL-2.0-or-later
// IPv4 and IPv6 reassembly of one VM's output: fragments go in, whole datagrams to compare come
// out, each with the frames it came as. No frame is ever lost here: what cannot become a datagram
// comes back with the reason.
//
// Bounds: datagrams, bytes, frames a datagram and time. When a bound is reached, the oldest
// datagram goes. After an overlap, or another defect, the rest of that datagram comes back as
// discarded at once for another timeout (RFC 5722 4), as far as kMaxTombstones remember it.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <list>
#include <map>
#include <vector>

#include "packet/fragmented_datagram.h"
#include "packet/frame.h"
#include "packet/time.h"
#include "packet/view.h"

namespace colo {

struct FragmentLimits {
    size_t datagrams = 1024;         ///< being put together at a time
    size_t bytes = size_t{4} << 20;  ///< of memory that their frames take
    Time timeout = seconds(30);      ///< from a datagram's first fragment to its last; as Linux
};

/// What became of one datagram's fragments.
struct FragmentGroup {
    std::vector<Frame> frames;  ///< in order of arrival, at least one
    Frame whole;                ///< the datagram, ready for parse(); empty when discarded
    DiscardReason reason = DiscardReason::kNone;
};

class FragmentTable {
  public:
    static constexpr size_t kMaxTombstones = 256;

    /// The pool makes the whole datagrams and outlives the table and them.
    FragmentTable(FramePool& pool, const FragmentLimits& limits) : pool_(pool), limits_(limits) {}
    FragmentTable(const FragmentTable&) = delete;
    FragmentTable& operator=(const FragmentTable&) = delete;

    /// Takes a frame whose view has is_fragment set. Appends what this completes, discards, evicts
    /// or finds expired to `done`: nothing, one group or several.
    void add(Frame frame, const PacketView& view, Time now, std::vector<FragmentGroup>& done);

    /// When expire() has something to do next; kNever when nothing waits.
    Time next_deadline() const;
    /// Appends the datagrams whose time is over, oldest first.
    void expire(Time now, std::vector<FragmentGroup>& done);

    /// Appends all that waits, oldest first, and forgets everything: for a fence.
    void drain(std::vector<FragmentGroup>& done);

    size_t datagrams() const { return waiting_.size(); }
    /// Memory of the frames held.
    size_t bytes() const { return bytes_; }

  private:
    /// RFC 791 3.2: addresses, protocol and identification; RFC 8200 4.5: without the protocol.
    /// An ordered map needs no secret: there is no hash for a peer to collide.
    struct Key {
        std::array<uint8_t, 16> source{};
        std::array<uint8_t, 16> destination{};
        uint32_t id = 0;
        uint16_t vlan_outer = kNoVlan;
        uint16_t vlan_inner = kNoVlan;
        uint8_t protocol = 0;
        Family family = Family::kNone;

        auto operator<=>(const Key&) const = default;
    };
    struct Entry;
    using Map = std::map<Key, Entry>;
    /// In the order of the deadlines.
    using Order = std::list<Map::iterator>;
    struct Entry {
        FragmentedDatagram datagram;
        Time deadline{};
        /// Set once discarded: the entry is then a tombstone, without frames.
        DiscardReason discarded = DiscardReason::kNone;
        Order::iterator place;
    };

    static Key key_of(const PacketView& view);

    Map::iterator find_or_begin(const Key& key, Time now);
    void complete(Map::iterator entry, Time now, std::vector<FragmentGroup>& done);
    void discard(Map::iterator entry, DiscardReason reason, Time now,
                 std::vector<FragmentGroup>& done);
    void remove(Map::iterator entry, DiscardReason reason, std::vector<FragmentGroup>& done);
    void give_back(Entry& entry, DiscardReason reason, std::vector<FragmentGroup>& done);
    void forget_oldest_tombstone();
    void enforce_limits(std::vector<FragmentGroup>& done);

    FramePool& pool_;
    const FragmentLimits limits_;
    Map entries_;
    Order waiting_;
    Order tombstones_;
    size_t bytes_ = 0;
};

}  // namespace colo
