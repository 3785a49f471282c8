// SPDX-License-Identifier: GPL-2.0-or-later
// What is told about a checkpoint that is over.
#pragma once

#include <cstdint>

#include "compare/request.h"
#include "packet/time.h"

namespace colo {

struct CheckpointRecord {
    CheckpointRequest request;  ///< kPeriodic when QEMU's own timer began it
    uint32_t epoch = 0;         ///< that it began
    Time requested{0};          ///< REQUEST
    Time replied{0};
    Time received{0};
    Time loaded{0};
    /// The PVM had taken all its input when it was stopped. Otherwise it may know a frame that the
    /// secondary will get a second time, or the secondary miss one: that costs the client a
    /// retransmission.
    bool input_was_exact = true;
    /// Of the PVM's output, at its fence: what was held until then.
    uint64_t released_frames = 0;
    uint64_t released_bytes = 0;

    Time duration() const { return loaded - requested; }
};

}  // namespace colo
