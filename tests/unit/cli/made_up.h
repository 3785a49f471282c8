// SPDX-License-Identifier: GPL-2.0-or-later
// Checkpoints and flows that no replay has made.
#pragma once

#include <optional>

#include "cli/replay.h"
#include "packet/flow_key.h"
#include "tests/support/frame_builder.h"

namespace colo::test {

/// The flow of what the guest sends.
inline FlowKey flow_of(const FrameBuilder& output) {
    const ByteVector frame = output.build();
    return key_of_output(parse(frame, 0));
}

inline FrameBuilder udp_output(uint16_t guest_port = 53) {
    return FrameBuilder().ipv4("10.0.0.2", "10.0.0.1").udp(guest_port, 40000);
}

inline ReplayCheckpoint checkpoint(Reason reason, Time at, std::optional<FlowKey> flow,
                                   std::optional<uint64_t> offset) {
    ReplayCheckpoint made;
    made.request.reason = reason;
    made.request.when = made.at = at;
    made.request.flow = flow;
    made.request.offset = offset;
    return made;
}

}  // namespace colo::test
