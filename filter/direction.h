// SPDX-License-Identifier: GPL-2.0-or-later
// Which way a frame goes, seen from the VM, as QEMU's property `queue` has it.
#pragma once

#include <cstdint>

namespace colo {

enum class Direction : uint8_t {
    kTx,  ///< to the VM
    kRx,  ///< from the VM
};

}  // namespace colo
