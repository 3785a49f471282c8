// SPDX-License-Identifier: GPL-2.0-or-later
// Client frames as the secondary VM must see them: a copy of what the primary VM got, with acks, SACK
// blocks and TSecr in the secondary's numbers.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>

#include "compare/offsets.h"
#include "packet/flow_key.h"
#include "packet/frame.h"

namespace colo {

class InputMirror {
  public:
    /// At most `max_flows` offsets are kept; of further flows the frames stay unmapped, counted.
    InputMirror(uint32_t max_flows, const FlowHash& hash, FramePool& pool)
        : max_flows_(max_flows), offsets_(0, hash), pool_(pool) {}

    void delta_known(const FlowKey& flow, const Offset& delta);
    /// The secondary's copy of `frame`.
    Frame mirror(const Frame& frame);

    struct Counters {
        uint64_t mirrored = 0;
        uint64_t rewritten = 0;  ///< of these, with an offset known
        uint64_t no_room = 0;    ///< flows whose offset could not be kept
    };
    const Counters& counters() const { return counters_; }

  private:
    uint32_t max_flows_;
    boost::unordered_flat_map<FlowKey, Offset, FlowHash> offsets_;
    FramePool& pool_;
    Counters counters_;
};

}  // namespace colo
