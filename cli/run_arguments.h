// SPDX-License-Identifier: GPL-2.0-or-later
// The command line of `colo-proxy run`: QEMU's options, in any order.
#pragma once

#include <string>
#include <vector>

namespace colo {

struct RunArguments {
    std::vector<std::string> chardevs;
    std::vector<std::string> netdevs;
    std::vector<std::string> objects;
    std::vector<std::string> qmp;
    std::vector<std::string> monitors;
    std::vector<std::string> metrics;
    bool help = false;
};

/// Throws std::invalid_argument that names the option.
RunArguments parse_run_arguments(int argc, char** argv);

}  // namespace colo
