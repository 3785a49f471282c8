// SPDX-License-Identifier: GPL-2.0-or-later
// All ways of a filter's frames between QEMU's main loop and our thread. Shared by both sides; goes with the
// last of them.
//
//   netdev --in(tx)--> | our  | --out(tx)--> VM
//   VM     --in(rx)--> | loop | --out(rx)--> netdev
#pragma once

#include <atomic>

#include "filter/direction.h"
#include "filter/qemu/frame_crossing.h"
#include "filter/qemu/wake.h"

namespace colo {

struct FilterCrossings {
    /// Each way, as the output queues of our sockets.
    static constexpr size_t kMostBytes = 64u << 20;

    FrameCrossing& in(Direction direction) { return direction == Direction::kTx ? to_vm_in : to_net_in; }
    FrameCrossing& out(Direction direction) { return direction == Direction::kTx ? to_vm_out : to_net_out; }

    FrameCrossing to_vm_in{kMostBytes};
    FrameCrossing to_net_in{kMostBytes};
    FrameCrossing to_vm_out{kMostBytes};
    FrameCrossing to_net_out{kMostBytes};
    std::atomic<bool> is_open = true;  ///< QEMU's side is there
    Wake to_us;
    Wake to_qemu;
};

}  // namespace colo
