// SPDX-License-Identifier: GPL-2.0-or-later
// The command line of `colo-proxy replay`.
#pragma once

#include <stdexcept>

#include "cli/replay.h"

namespace colo {

/// what() names the option or argument that cannot be used.
class UsageError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

struct ReplayArguments {
    ReplayOptions options;
    bool json = false;
};

/// `argv[0]` is the subcommand's name. Throws UsageError; `--help` prints and ends the process.
ReplayArguments parse_replay_arguments(int argc, char** argv);

}  // namespace colo
