// SPDX-License-Identifier: GPL-2.0-or-later
// Queued segments, the one that ends first on top: both what is done with and what libslirp's
// window has reached are found there. Adding and removing cost O(log n) and, in the steady state,
// no allocation. All ends lie within 2^31 of each other, so that serial order is an order.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "packet/bytes.h"
#include "packet/frame.h"
#include "packet/seq.h"

namespace colo {

/// Payload bytes and the frame that keeps them alive.
struct QueuedSegment {
    Frame frame;
    const uint8_t* data = nullptr;
    uint32_t size = 0;
    Seq seq;

    Bytes bytes() const { return {data, size}; }
    Seq end() const { return seq + size; }
};

class SegmentHeap {
  public:
    bool empty() const { return segments_.empty(); }
    uint32_t size() const { return static_cast<uint32_t>(segments_.size()); }
    /// Payload, not buffers.
    uint64_t bytes() const { return bytes_; }
    const QueuedSegment& top() const { return segments_.front(); }

    void push(QueuedSegment segment);
    QueuedSegment pop();
    /// Removes what ends at or below `position`.
    void drop_through(Seq position);
    /// Takes all of `other`.
    void absorb(SegmentHeap& other);
    /// Takes all out, the one that ends last in front.
    std::vector<QueuedSegment> take_last_first();
    /// Empties it. Keeps the memory for the next user unless a burst made it large.
    void clear();

  private:
    static constexpr size_t kKeptSegments = 128;

    std::vector<QueuedSegment> segments_;
    uint64_t bytes_ = 0;
};

}  // namespace colo
