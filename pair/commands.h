// SPDX-License-Identifier: GPL-2.0-or-later
// The monitor's commands that drive a protected VM: colo-proxy-start, -stop, -failover, -reprotect.
#pragma once

#include "monitor/command_registry.h"

namespace colo {

class ProtectedVm;

/// `vm` must outlive the registry's commands, or they are removed before.
void add_pair_commands(CommandRegistry& registry, ProtectedVm& vm);
void remove_pair_commands(CommandRegistry& registry);

}  // namespace colo
