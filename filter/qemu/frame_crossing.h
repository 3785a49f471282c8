// SPDX-License-Identifier: GPL-2.0-or-later
// Frames from one thread to another, in order, a batch at a time: one side puts copies in, the other takes all
// that is there. In the steady state nothing is allocated; the lock is held for one copy, or a swap.
//
// Bounded: what is above the cap is refused and counted. A frame counts until it is consumed, not only taken.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "packet/bytes.h"

namespace colo {

/// Frames that have crossed, read from the first on.
class CrossedFrames {
  public:
    struct Frame {
        Bytes front;  ///< the vnet header; may be empty
        Bytes bytes;
    };

    bool empty() const { return next_ == bytes_.size(); }
    Frame first() const;
    void remove_first();
    /// Of the first, as FrameCrossing counts it.
    size_t cost() const;

  private:
    friend class FrameCrossing;

    struct Header {
        uint32_t size;
        uint32_t front;
    };

    Header header() const;

    std::vector<uint8_t> bytes_;
    size_t next_ = 0;
};

class FrameCrossing {
  public:
    struct Counters {
        uint64_t frames = 0;
        uint64_t batches = 0;  ///< that were taken
        uint64_t refused = 0;
    };

    explicit FrameCrossing(size_t most_bytes) : most_bytes_(most_bytes) {}

    enum class Put : uint8_t { kRefused, kAdded, kFirst };
    /// The first `front` bytes of `pieces` are the vnet header. kFirst: nothing was there to be taken, whoever
    /// takes is to be woken. One frame fits always.
    Put put(std::span<const iovec> pieces, size_t size, size_t front);

    /// All that is there; `into` must be empty. False: nothing.
    bool take(CrossedFrames& into);
    /// What was taken has gone where it is to go.
    void consumed(size_t cost) { pending_.fetch_sub(cost, std::memory_order_relaxed); }
    /// Bytes that were put in and are not consumed.
    size_t pending() const { return pending_.load(std::memory_order_relaxed); }

    Counters counters() const;

  private:
    /// A buffer that a burst has made larger is not kept.
    static constexpr size_t kMostIdleBytes = 1u << 20;

    const size_t most_bytes_;
    std::atomic<size_t> pending_ = 0;
    mutable std::mutex mutex_;
    std::vector<uint8_t> filling_;  ///< guarded by the mutex, as what follows
    Counters counters_;
};

}  // namespace colo
