// SPDX-License-Identifier: GPL-2.0-or-later
// The subcommands. Each gets its own name as argv[0] and returns the exit status.
#pragma once

namespace colo {

/// 0 identical, 1 a checkpoint was needed, 2 bad usage or unreadable input.
int replay_command(int argc, char** argv);

}  // namespace colo
