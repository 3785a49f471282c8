// SPDX-License-Identifier: GPL-2.0-or-later
// What may differ between two VMs that run the same software (timers, segmentation, initial
// numbers), and what must not but does: the faults a VM commits. A checkpoint copies connections,
// never these.
#pragma once

#include <cstdint>
#include <vector>

#include "packet/time.h"
#include "tests/sim/random.h"
#include "tests/sim/wire.h"

namespace colo::sim {

enum class Chunking : uint8_t { kFull, kHalf, kRandom, kTiny };

enum class QuirkKind : uint8_t {
    kOtherByte,   ///< one byte is another
    kExtraBytes,  ///< some are said twice
    kLostBytes,   ///< some are missing
    kEarlyFin,    ///< nothing more is said, and FIN
    kReset,       ///< RST instead
    kSynOptions,  ///< another MSS
};

/// Happens once, when the application first writes at `position`.
struct Quirk {
    Tuple tuple;
    QuirkKind kind = QuirkKind::kOtherByte;
    uint64_t position = 0;
    bool spent = false;
};

struct Temper {
    Random random;
    Chunking chunking = Chunking::kFull;
    bool nagle = false;
    bool probes_with_data = false;  ///< persist: BSD's new byte instead of Linux's empty segment
    Time delayed_ack{0};
    Time pause_jitter{0};
    uint32_t garbled_permille = 0;  ///< retransmissions with other bytes
    uint32_t swapped_permille = 0;  ///< datagrams sent in another order
    uint32_t other_datagram_permille = 0;
    std::vector<Quirk> quirks;

    /// The unspent quirk of one of the two kinds that `tuple` has at or before `position`.
    Quirk* due(const Tuple& tuple, uint64_t position, bool syn) {
        for (Quirk& quirk : quirks) {
            const bool fits = (quirk.kind == QuirkKind::kSynOptions) == syn;
            if (fits && !quirk.spent && quirk.tuple == tuple && quirk.position <= position) {
                return &quirk;
            }
        }
        return nullptr;
    }
};

}  // namespace colo::sim
