// SPDX-License-Identifier: GPL-2.0-or-later
// A replay's result, for programs and for people.
#pragma once

#include <string>

#include "cli/replay.h"

namespace colo {

/// One JSON object, as contracts.md has it, without a newline.
std::string replay_json(const ReplayResult& result);

/// Lines for a terminal. `colour`: with ANSI colours.
std::string replay_report(const ReplayOptions& options, const ReplayResult& result, bool colour);

}  // namespace colo
