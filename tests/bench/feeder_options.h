// SPDX-License-Identifier: GPL-2.0-or-later
// The feeder's command line.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace colo::bench {

enum class FeederMode : uint8_t {
    kThroughput,  ///< as fast as `window` allows
    kLatency,     ///< one frame at a time, `rate` a second
    kDivergence,  ///< one frame differs; whoever makes checkpoints is played on `notify`
};

struct FeederOptions {
    std::string primary;
    std::string secondary;
    std::string out;
    std::string notify;
    FeederMode mode = FeederMode::kThroughput;
    uint32_t flows = 1;
    uint32_t payload = 1448;
    uint32_t secondary_payload = 0;  ///< how the secondary cuts the same bytes; as the primary, if not given
    uint32_t gso_size = 0;           ///< not 0: with vnet headers, see TcpTraffic
    uint64_t frames = 100'000;       ///< of the primary, SYN-ACKs not counted
    uint32_t burst = 4;              ///< frames of a flow before the next flow's
    uint32_t batch = 32;             ///< frames written at once
    uint32_t window = 64;            ///< frames on their way
    uint32_t rate = 1000;
    uint64_t diverge_at = 0;  ///< the primary's frame, counted from 1, that the secondary contradicts
    pid_t pid = 0;            ///< whose CPU time is read
    std::string allocations;  ///< where allocation_counter.cc counts
};

/// Throws std::invalid_argument.
FeederOptions parse_feeder_options(int argc, char** argv);

}  // namespace colo::bench
