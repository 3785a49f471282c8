// SPDX-License-Identifier: GPL-2.0-or-later
// Two recordings through the comparing core: what one pair of VMs would have seen. The recordings
// give frames and time; nothing here looks at a clock.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compare/comparator.h"
#include "compare/request.h"
#include "packet/address.h"
#include "packet/time.h"

namespace colo {

struct ReplayOptions {
    std::string primary;
    std::string secondary;
    std::vector<GuestAddress> guests;  ///< empty: every frame is output
    std::optional<std::string> released;
    bool align = false;                ///< both recordings start at 0
    ComparatorConfig comparator;
};

struct ReplayCheckpoint {
    CheckpointRequest request;
    Time at{0};  ///< since the earlier recording's first frame
};

/// Told of each checkpoint when it happens: a recording may need millions; nobody keeps them all.
using OnCheckpoint = std::function<void(const ReplayCheckpoint&)>;

struct RecordingCounts {
    uint64_t frames = 0;
    uint64_t output = 0;
};

struct ReplayResult {
    static constexpr size_t kListedFlows = 30;

    RecordingCounts primary;
    RecordingCounts secondary;
    uint64_t checkpoints = 0;
    /// Name and value, the comparator's and everything else that was counted.
    std::vector<std::pair<std::string, uint64_t>> counters;
    uint64_t released = 0;
    uint64_t flow_count = 0;        ///< incarnations
    std::vector<FlowStatus> flows;  ///< tracked at the end, at most kListedFlows
    uint64_t flows_not_listed = 0;
    Time hold_p50{0};
    Time hold_p99{0};
    Time hold_max{0};
    Time duration{0};
    std::vector<std::string> warnings;

    bool identical() const { return checkpoints == 0; }
};

/// Throws CaptureError when a recording cannot be read or the released frames not written, and
/// whatever `on_checkpoint` throws.
ReplayResult replay(const ReplayOptions& options, const OnCheckpoint& on_checkpoint);

}  // namespace colo
