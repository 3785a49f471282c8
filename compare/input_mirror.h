// SPDX-License-Identifier: GPL-2.0-or-later
// Client frames as the secondary VM must see them: a copy of what the primary VM got, with acks,
// SACK blocks and TSecr in the secondary's numbers. A TSecr never runs ahead of the secondary's own
// clock: deltas are taken from SYNs that the two VMs sent at different times, and RFC 7323 has
// senders distrust an echo of what they have not sent.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <optional>

#include "compare/offsets.h"
#include "packet/flow_key.h"
#include "packet/frame.h"
#include "packet/view.h"

namespace colo {

class InputMirror {
  public:
    /// At most `max_flows` offsets are kept; of further flows the frames stay unmapped, counted.
    InputMirror(uint32_t max_flows, const FlowHash& hash, FramePool& pool)
        : max_flows_(max_flows), mappings_(0, hash), pool_(pool) {}

    void delta_known(const FlowKey& flow, const Announcement& announced);
    /// A frame of the secondary, in its own numbers: its TSval is the latest that may be echoed.
    void secondary_sent(const PacketView& view);
    /// The secondary has become a copy of the primary.
    void fence() { mappings_.clear(); }
    /// The secondary's copy of `frame`.
    Frame mirror(const Frame& frame);

    struct Counters {
        uint64_t mirrored = 0;
        uint64_t rewritten = 0;  ///< of these, with an offset known
        uint64_t clamped = 0;    ///< echoes that would have run ahead
        uint64_t no_room = 0;    ///< flows whose offset could not be kept
    };
    const Counters& counters() const { return counters_; }

  private:
    struct Mapping {
        Announcement announced;
        /// Of an earlier SYN-ACK, until the client has answered one of the two.
        std::optional<Announcement> earlier;
        std::optional<uint32_t> latest_tsval;
    };

    static void choose(Mapping& mapping, Seq ack);

    SegmentShift shift_for(const Mapping& mapping, const PacketView& view);

    uint32_t max_flows_;
    boost::unordered_flat_map<FlowKey, Mapping, FlowHash> mappings_;
    FramePool& pool_;
    Counters counters_;
};

}  // namespace colo
