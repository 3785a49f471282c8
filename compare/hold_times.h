// SPDX-License-Identifier: GPL-2.0-or-later
// How long output was held: a log-linear histogram (8 steps an octave, so within 12.5 %), constant in
// size and cheap enough for every frame.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "packet/time.h"

namespace colo {

class HoldTimes {
  public:
    void record(Time held) {
        const uint64_t ns = held.count() < 0 ? 0 : static_cast<uint64_t>(held.count());
        ++buckets_[bucket_of(ns)];
        ++count_;
        if (ns > max_) max_ = ns;
    }

    uint64_t count() const { return count_; }
    Time max() const { return Time(static_cast<int64_t>(max_)); }

    /// Upper edge of the bucket that holds the given share (0 to 1) of all records.
    Time quantile(double share) const {
        uint64_t left = static_cast<uint64_t>(share * static_cast<double>(count_));
        for (size_t i = 0; i < kBuckets; ++i) {
            if (buckets_[i] > left) return Time(static_cast<int64_t>(std::min(upper_edge(i), max_)));
            left -= buckets_[i];
        }
        return max();
    }

  private:
    static constexpr unsigned kStepBits = 3;
    static constexpr size_t kBuckets = (64 - kStepBits + 1) << kStepBits;

    static size_t bucket_of(uint64_t ns) {
        const unsigned width = static_cast<unsigned>(std::bit_width(ns | (1u << kStepBits)));
        const unsigned shift = width - kStepBits - 1;
        return (static_cast<size_t>(shift) << kStepBits) + static_cast<size_t>(ns >> shift);
    }
    static uint64_t upper_edge(size_t bucket) {
        constexpr size_t kSteps = size_t{1} << kStepBits;
        if (bucket < 2 * kSteps) return bucket;
        const unsigned shift = static_cast<unsigned>(bucket >> kStepBits) - 1;
        return ((static_cast<uint64_t>(bucket & (kSteps - 1)) + kSteps + 1) << shift) - 1;
    }

    std::array<uint64_t, kBuckets> buckets_{};
    uint64_t count_ = 0;
    uint64_t max_ = 0;
};

}  // namespace colo
