// SPDX-License-Identifier: GPL-2.0-or-later
// Why a checkpoint is asked for, and what is known about it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "packet/flow_key.h"
#include "packet/time.h"

namespace colo {

enum class Reason : uint8_t {
    kDivergence,    ///< the VMs produced different output
    kTimeout,       ///< primary output waited longer than compare_timeout
    kTableFull,     ///< output of a flow that cannot be tracked
    kQueueFull,     ///< a flow, a reassembly or the whole queue is at its cap
    kPeer,          ///< the secondary's proxy asks
    kManual,        ///< the operator asks
    kPeriodic,      ///< the longest interval between checkpoints is over
    kPolicyChange,  ///< a filter or rule was changed
    kCount
};

inline constexpr size_t kReasons = static_cast<size_t>(Reason::kCount);

/// The name in JSON, events and logs: "divergence", "table-full", ...
const char* to_string(Reason reason);

/// What a divergence looked like. Both excerpts begin at the same place, at most `kContext` bytes
/// before the first difference.
struct Evidence {
    static constexpr size_t kContext = 16;
    static constexpr size_t kBytes = 64;

    const char* what = "";  ///< "payload", "FIN position", "SYN options", ...
    std::string detail;     ///< what the excerpts cannot show
    uint64_t begin = 0;     ///< stream or payload offset of the first byte of both excerpts
    std::vector<uint8_t> primary;
    std::vector<uint8_t> secondary;
};

/// Excerpts of two payloads whose byte `mismatch` differs (or of which one ends there). `offset` is the
/// position of both payloads' first byte.
Evidence excerpts(const char* what, uint64_t offset, Bytes primary, Bytes secondary,
                  size_t mismatch);

struct CheckpointRequest {
    Reason reason = Reason::kManual;
    Time when{0};
    std::optional<FlowKey> flow;
    /// TCP: stream offset (0 = first byte after the SYN, or first byte seen); datagrams: byte in the
    /// payload; kTimeout: what had been verified; none for full tables and queues.
    std::optional<uint64_t> offset;
    std::optional<Evidence> evidence;  ///< divergences only
};

}  // namespace colo
