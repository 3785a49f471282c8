// SPDX-License-Identifier: GPL-2.0-or-later
// The simulator's only source of chance: a seed gives the same run on every machine (SplitMix64).
#pragma once

#include <cstdint>

namespace colo::sim {

class Random {
  public:
    explicit Random(uint64_t seed = 0) : state_(seed) {}

    uint64_t next() {
        uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }
    /// 0 .. limit - 1; 0 for a limit of 0.
    uint64_t below(uint64_t limit) { return limit == 0 ? 0 : next() % limit; }
    uint64_t between(uint64_t low, uint64_t high) { return low + below(high - low + 1); }
    bool chance(uint64_t permille) { return below(1000) < permille; }
    /// An independent source.
    Random fork() { return Random(next()); }
    /// Half of them so close to 2^32 that a stream of a few kilobytes wraps.
    uint32_t initial_number() {
        const uint64_t back = below(30000);
        return static_cast<uint32_t>(chance(500) ? 0u - back : next());
    }

  private:
    uint64_t state_;
};

}  // namespace colo::sim
