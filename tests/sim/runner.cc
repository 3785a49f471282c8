// SPDX-License-Identifier: GPL-2.0-or-later
// colo-sim: runs a range of seeds, or replays one.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tcpstack/allocator.h"
#include "tests/sim/world.h"

namespace {

struct Arguments {
    uint64_t from = 1;
    uint64_t count = 1000;
    bool verbose = false;
};

struct Totals {
    uint64_t failed = 0;
    uint64_t connections = 0;
    uint64_t released = 0;
    uint64_t checkpoints = 0;
    uint64_t checked_bytes = 0;
    uint64_t future_echoes = 0;
};

int usage() {
    fprintf(stderr, "usage: colo-sim --seeds FROM COUNT | --seed N [--verbose]\n");
    return 2;
}

bool parse(int argc, char** argv, Arguments& arguments) {
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        if (argument == "--seeds" && i + 2 < argc) {
            arguments.from = strtoull(argv[++i], nullptr, 10);
            arguments.count = strtoull(argv[++i], nullptr, 10);
        } else if (argument == "--seed" && i + 1 < argc) {
            arguments.from = strtoull(argv[++i], nullptr, 10);
            arguments.count = 1;
        } else if (argument == "--verbose") {
            arguments.verbose = true;
        } else {
            return false;
        }
    }
    return true;
}

void run(uint64_t seed, bool verbose, Totals& totals) {
    colo::sim::Scenario scenario = colo::sim::make_scenario(seed);
    const std::string name = scenario.name;
    const colo::sim::WorldResult result = colo::sim::World(std::move(scenario), verbose).run();
    totals.connections += result.connections;
    totals.released += result.released;
    totals.checkpoints += result.checkpoints;
    totals.checked_bytes += result.checked_bytes;
    totals.future_echoes += result.future_echoes;
    if (verbose) {
        printf("%s: %.3f s simulated, %lu steps, %lu checkpoints, %lu requests\n", name.c_str(),
               static_cast<double>(result.ended.count()) / 1e9, result.steps, result.checkpoints,
               result.requests);
    }
    if (result.violations.empty()) return;
    ++totals.failed;
    printf("seed %lu (%s):\n", seed, name.c_str());
    for (const std::string& violation : result.violations) printf("    %s\n", violation.c_str());
}

}  // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    if (!parse(argc, argv, arguments)) return usage();
    colo::tune_allocator();
    Totals totals;
    for (uint64_t i = 0; i < arguments.count; ++i) {
        run(arguments.from + i, arguments.verbose, totals);
    }
    printf(
        "%lu seeds, %lu failed; %lu connections, %lu frames released, %lu bytes checked, "
        "%lu checkpoints, %lu TSecr ahead of the SVM's clock\n",
        arguments.count, totals.failed, totals.connections, totals.released, totals.checked_bytes,
        totals.checkpoints, totals.future_echoes);
    return totals.failed == 0 ? 0 : 1;
}
