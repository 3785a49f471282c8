// SPDX-License-Identifier: GPL-2.0-or-later
// TCP segments of many flows, made in place: a ring of frames per side whose headers are rewritten for
// each segment. Engine and floor pay for the same rewriting, so their ratio says what comparing costs.
#pragma once

#include <cstdint>
#include <vector>

#include "packet/flow_key.h"
#include "packet/frame.h"

namespace colo::bench {

struct Shape {
    uint32_t flows = 10'000;
    uint32_t payload = 1448;
};

/// Flow `number` as the engine will key it.
FlowKey key_of_flow(uint32_t number);

/// The frames of one VM.
class FrameRing {
  public:
    FrameRing(FramePool& pool, uint32_t frames, uint32_t payload);

    /// Makes the frame at `place` the segment of `flow` that begins at stream position `position`, and
    /// gives a handle on it. The engine must be done with the place's last one.
    Frame segment(uint32_t place, uint32_t flow, uint32_t position);
    const uint8_t* payload(uint32_t place) const;

  private:
    std::vector<Frame> frames_;
};

/// Visits flows in an order that no prefetcher guesses, each equally often.
class FlowOrder {
  public:
    explicit FlowOrder(uint32_t flows) : flows_(flows) {}
    /// The flow of step `n`; flow f comes once in each round of `flows` steps.
    uint32_t flow(uint64_t n) const {
        return static_cast<uint32_t>((n % flows_) * kStride % flows_);
    }

  private:
    static constexpr uint64_t kStride = 2'654'435'761u;  // prime to all counts used
    uint32_t flows_;
};

}  // namespace colo::bench
