// SPDX-License-Identifier: GPL-2.0-or-later
// What the application at one end of a connection does: a list of steps. What it says depends on
// what it has read and on nothing else, so that two VMs say the same.
#pragma once

#include <cstdint>
#include <vector>

#include "packet/time.h"

namespace colo::sim {

enum class Act : uint8_t {
    kWrite,    ///< amount bytes
    kRead,     ///< until amount bytes more have been read
    kReadEof,  ///< until the peer's FIN
    kPause,    ///< amount nanoseconds
    kFinish,   ///< FIN
    kReset,    ///< RST: closed with SO_LINGER 0
};

struct Step {
    Act act;
    uint64_t amount = 0;
};

struct Script {
    uint64_t key = 0;       ///< of the bytes it writes
    uint64_t peer_key = 0;  ///< of the bytes it expects
    std::vector<Step> steps;
};

/// The byte at `position` (0 = the first) of the stream with `key`.
inline uint8_t stream_byte(uint64_t key, uint64_t position) {
    uint64_t z = (key ^ (position >> 3)) * 0x9e3779b97f4a7c15u;
    z ^= z >> 29;
    z *= 0xbf58476d1ce4e5b9u;
    return static_cast<uint8_t>(z >> (8 * (position & 7)));
}

}  // namespace colo::sim
