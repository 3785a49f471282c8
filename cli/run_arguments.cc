// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/run_arguments.h"

#include <stdexcept>
#include <string_view>

namespace colo {

namespace {

struct Known {
    std::string_view name;
    std::vector<std::string> RunArguments::*values;
};

constexpr Known kKnown[] = {
    {"chardev", &RunArguments::chardevs}, {"netdev", &RunArguments::netdevs},
    {"object", &RunArguments::objects},   {"qmp", &RunArguments::qmp},
    {"monitor", &RunArguments::monitors}, {"metrics", &RunArguments::metrics},
};

const Known* find(std::string_view name) {
    for (const Known& known : kKnown) {
        if (known.name == name) return &known;
    }
    return nullptr;
}

}  // namespace

RunArguments parse_run_arguments(int argc, char** argv) {
    RunArguments arguments;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "-h" || argument == "-help" || argument == "--help") {
            arguments.help = true;
            continue;
        }
        // QEMU takes one dash and two.
        const size_t dashes = argument.starts_with("--") ? 2 : argument.starts_with("-") ? 1 : 0;
        const Known* known = dashes ? find(argument.substr(dashes)) : nullptr;
        if (!known) throw std::invalid_argument("'" + std::string(argument) + "': invalid option");
        if (i + 1 == argc) throw std::invalid_argument("'" + std::string(argument) + "': requires an argument");
        (arguments.*(known->values)).emplace_back(argv[++i]);
    }
    return arguments;
}

}  // namespace colo
