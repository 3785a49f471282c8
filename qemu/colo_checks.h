// SPDX-License-Identifier: GPL-2.0-or-later
// Can these two VMs be protected? Each mistake has a sentence of its own, which says what to do.
#pragma once

#include <optional>
#include <string>

#include "qemu/vm_facts.h"

namespace colo {

/// The first thing that is wrong; nothing: COLO can be started. `disk_is_external`: whatever the
/// VMs write to is shared or replicated by other means than QEMU's.
std::optional<std::string> colo_problem(const VmFacts& primary, const VmFacts& secondary,
                                        bool disk_is_external);

}  // namespace colo
