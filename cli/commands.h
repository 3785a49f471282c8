// SPDX-License-Identifier: GPL-2.0-or-later
// The subcommands. Each gets its own name as argv[0] and returns the exit status.
#pragma once

namespace colo {

/// 0 made, 1 could not be made, 2 bad usage.
int certs_command(int argc, char** argv);

/// 0 all went well, 1 a command failed or there is no monitor, 2 bad usage.
int monitor_command(int argc, char** argv);

/// primary, secondary: 0 an orderly end, 1 the set-up failed, 2 bad usage.
int pair_command(int argc, char** argv);

/// 0 printed, 2 bad usage.
int qemu_args_command(int argc, char** argv);

/// 0 identical, 1 a checkpoint was needed, 2 bad usage or unreadable input.
int replay_command(int argc, char** argv);

/// 0 an orderly end, 1 the set-up failed, 2 bad usage.
int run_command(int argc, char** argv);

/// 0 an orderly end, 1 the set-up failed, 2 bad usage.
int tunnel_command(int argc, char** argv);

}  // namespace colo
