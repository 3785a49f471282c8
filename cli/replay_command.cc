// SPDX-License-Identifier: GPL-2.0-or-later
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>

#include "cli/commands.h"
#include "cli/replay.h"
#include "cli/replay_arguments.h"
#include "cli/replay_json.h"
#include "cli/replay_report.h"

namespace colo {

namespace {

constexpr int kIdentical = 0;
constexpr int kDiverged = 1;
constexpr int kUnusable = 2;

std::unique_ptr<ReplayOutput> make_output(bool json) {
    if (json) return std::make_unique<ReplayJson>();
    return std::make_unique<ReplayReport>(isatty(STDOUT_FILENO) == 1);
}

int run(const ReplayArguments& arguments) {
    const auto output = make_output(arguments.json);
    const ReplayResult result =
        replay(arguments.options,
               [&](const ReplayCheckpoint& checkpoint) { output->checkpoint(checkpoint); });
    for (const std::string& warning : result.warnings) {
        std::fprintf(stderr, "colo-proxy replay: warning: %s\n", warning.c_str());
    }
    output->print(arguments.options, result, stdout);
    if (std::fflush(stdout) != 0 || std::ferror(stdout)) {
        throw std::runtime_error("standard output cannot be written");
    }
    return result.identical() ? kIdentical : kDiverged;
}

}  // namespace

int replay_command(int argc, char** argv) {
    try {
        return run(parse_replay_arguments(argc, argv));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "colo-proxy replay: %s\n", error.what());
        return kUnusable;
    }
}

}  // namespace colo
