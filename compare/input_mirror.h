// SPDX-License-Identifier: GPL-2.0-or-later
// Client frames as the secondary VM must see them, made from what the primary VM got: the input
// half of a FlowMapper whose offsets are announced, for callers that know no time and never fail
// over.
#pragma once

#include <cstdint>

#include "compare/flow_mapper.h"
#include "packet/flow_key.h"
#include "packet/frame.h"
#include "packet/view.h"

namespace colo {

class InputMirror {
  public:
    InputMirror(uint32_t max_flows, const FlowHash& hash, FramePool& pool)
        : mapper_(max_flows, Learning::kAnnounced, hash, pool) {}

    void delta_known(const FlowKey& flow, const Announcement& announced) {
        mapper_.learn(flow, announced, kNoTime);
    }
    /// A frame of the secondary, in its own numbers.
    void secondary_sent(const PacketView& view) { mapper_.note_output(view, kNoTime); }
    /// The secondary has become a copy of the primary.
    void fence() { mapper_.fence(); }
    /// The secondary's version of `frame`, which stays as it is: a copy if anything has to change.
    Frame mirror(const Frame& frame) { return mapper_.input(frame.share(), kNoTime); }

    const MapperCounters& counters() const { return mapper_.counters(); }

  private:
    static constexpr Time kNoTime{0};

    FlowMapper mapper_;
};

}  // namespace colo
