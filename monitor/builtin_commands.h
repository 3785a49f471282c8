// SPDX-License-Identifier: GPL-2.0-or-later
// The commands that every monitor has.
#pragma once

#include <functional>

#include "monitor/command_registry.h"
#include "monitor/version.h"

namespace colo {

/// qmp_capabilities, query-version, query-commands, quit; human-monitor-command (as QEMU's, but a
/// line that fails is an error) and colo-proxy-command-help, what a client needs to complete words.
/// `registry` must outlive its own commands' execution; `quit` is called once the answer is out.
void add_builtin_commands(CommandRegistry& registry, const Version& version,
                          std::function<void()> quit);

}  // namespace colo
