// SPDX-License-Identifier: GPL-2.0-or-later
// A program that makes a tap, adds it to a bridge and passes its descriptor: QEMU's qemu-bridge-helper, which has
// the right to do so.
#pragma once

#include <string>

#include "io/file_descriptor.h"
#include "packet/time.h"

namespace colo {

/// Runs `path --use-vnet --fd=N --br=BRIDGE` and waits for its end, for as long as `deadline`. The descriptor does
/// not block. Throws std::runtime_error that names the path.
FileDescriptor run_bridge_helper(const std::string& path, const std::string& bridge, Time deadline);

}  // namespace colo
