// SPDX-License-Identifier: GPL-2.0-or-later
// What happens in one seed's world: conversations, line quality, faults, limits.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compare/config.h"
#include "packet/time.h"
#include "tests/sim/endpoint.h"
#include "tests/sim/link.h"
#include "tests/sim/script.h"
#include "tests/sim/temper.h"

namespace colo::sim {

struct ConnectionPlan {
    Tuple tuple;
    bool guest_opens = false;
    uint32_t client_number = 0;  ///< the client's initial sequence number
    uint64_t incarnation = 0;
    Time start{0};  ///< or once the one before on the same tuple is over
    TcpSettings client;
    TcpSettings guest;
    Script client_script;
    Script guest_script;
};

struct DatagramPlan {
    Tuple tuple;
    Time at{0};
    uint16_t size = 0;
    uint8_t answers = 1;
};

enum class SpoofKind : uint8_t { kSyn, kReset, kAck, kHalfOpen };

/// A packet somebody else sends in the client's name.
struct SpoofPlan {
    Tuple tuple;
    SpoofKind kind = SpoofKind::kSyn;
    Time at{0};
};

/// What must come true at the end.
enum class Promise : uint8_t {
    kNoRequest,  ///< everything completes and the comparator never asks for a checkpoint
    kComplete,   ///< everything completes
};

struct Scenario {
    uint64_t seed = 0;
    std::string name;
    Promise promise = Promise::kComplete;
    ComparatorConfig config;
    Time max_interval = kNever;
    std::vector<ConnectionPlan> connections;
    std::vector<DatagramPlan> datagrams;
    std::vector<SpoofPlan> spoofs;
    std::vector<Time> checkpoints;  ///< nobody's fault
    Quality to_proxy, to_client, mirror, from_secondary;
    Temper client, primary, secondary;
    bool client_may_hear_other_bytes = false;  ///< the primary itself contradicts itself
};

/// The scenario of a seed: classes of worlds take turns, so that any run of seeds has all.
Scenario make_scenario(uint64_t seed);

}  // namespace colo::sim
