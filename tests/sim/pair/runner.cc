// SPDX-License-Identifier: GPL-2.0-or-later
// colo-pair-sim: runs a range of seeds, replays one with its story, or lets each part die at each message
// of a pair.
#include <glib.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include "tcpstack/allocator.h"
#include "tests/sim/pair/world.h"
#include "tests/sim/seeds.h"

namespace {

using namespace colo::sim::pair;

struct Totals {
    uint64_t runs = 0, failed = 0, replies = 0, checkpoints = 0, pairs = 0, takeovers = 0, alone = 0;
    std::map<std::string, uint64_t> outages;
};

Result run(const std::string& name, uint64_t seed, const Plan& plan, bool with_story, Totals& totals) {
    Result result = World(seed, plan).run();
    ++totals.runs;
    totals.replies += result.replies;
    totals.checkpoints += result.checkpoints;
    totals.pairs += result.pairs;
    totals.takeovers += result.takeovers;
    totals.alone += result.alone;
    if (!result.outage.empty()) ++totals.outages[result.outage];
    if (with_story) {
        for (const std::string& line : result.story) printf("%s\n", line.c_str());
    }
    if (!result.violation.empty()) {
        ++totals.failed;
        printf("%s: %s\n", name.c_str(), result.violation.c_str());
    }
    return result;
}

/// What would be logged; with a story it is printed.
GLogWriterOutput write_log(GLogLevelFlags, const GLogField* fields, gsize count, gpointer) {
    for (gsize i = 0; i < count; ++i) {
        if (std::strcmp(fields[i].key, "MESSAGE") == 0) printf("    %s\n", static_cast<const char*>(fields[i].value));
    }
    return G_LOG_WRITER_HANDLED;
}
GLogWriterOutput drop_log(GLogLevelFlags, const GLogField*, gsize, gpointer) { return G_LOG_WRITER_HANDLED; }

/// Of a pair: its start, and a few checkpoints.
constexpr uint64_t kMessages = 1500;

/// A fate at each STEP-th message since the pair was to be made, of the first pair and of a survivor's.
void exhaust(uint64_t seed, uint64_t step, uint64_t fate, Totals& totals) {
    for (uint32_t pairs = 1; pairs <= 2; ++pairs) {
        for (uint64_t at = 1 + seed % step; at <= kMessages; at += step) {
            const std::string name = "--fate " + std::to_string(seed) + " " + std::to_string(pairs) + " " +
                                     std::to_string(fate) + " " + std::to_string(at);
            run(name, seed, {static_cast<Fate>(fate), at, pairs}, false, totals);
        }
    }
}

/// Each of them.
void exhaust(uint64_t seed, uint64_t step, Totals& totals) {
    for (uint64_t fate = 0; fate < static_cast<uint64_t>(Fate::kCount); ++fate) exhaust(seed, step, fate, totals);
}

int usage() {
    fprintf(stderr, "usage: colo-pair-sim --seeds FROM COUNT | --seed N |\n"
                    "       --exhaust SEED STEP [FATE] | --fate SEED PAIRS FATE BOUNDARY\n");
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    colo::tune_allocator();
    setvbuf(stdout, nullptr, _IOLBF, 0);
    const auto number = [&](int index) { return std::strtoull(argv[index], nullptr, 10); };
    const auto is = [&](const char* name, int count) { return argc == count && std::strcmp(argv[1], name) == 0; };
    const auto seeds = colo::sim::Seeds::parse(argc, argv);
    const bool is_fate = is("--fate", 6);
    const bool with_story = is_fate || (seeds && seeds->is_one);
    g_log_set_writer_func(with_story ? write_log : drop_log, nullptr, nullptr);
    Totals totals;
    if (seeds) {
        for (uint64_t seed = seeds->from; seed < seeds->from + seeds->count; ++seed)
            run("seed " + std::to_string(seed), seed, {}, with_story, totals);
    } else if (is("--exhaust", 4)) {
        exhaust(number(2), std::max<uint64_t>(number(3), 1), totals);
    } else if (is("--exhaust", 5) && number(4) < static_cast<uint64_t>(Fate::kCount)) {
        exhaust(number(2), std::max<uint64_t>(number(3), 1), number(4), totals);
    } else if (is_fate) {
        run("fate", number(2), {static_cast<Fate>(number(4)), number(5), static_cast<uint32_t>(number(3))}, true, totals);
    } else {
        return usage();
    }
    printf("%lu runs, %lu failed; %lu pairs, %lu replies, %lu checkpoints, %lu times the secondary took over, "
           "%lu times the primary went on alone\n",
           totals.runs, totals.failed, totals.pairs, totals.replies, totals.checkpoints, totals.takeovers, totals.alone);
    for (const auto& [why, count] : totals.outages) printf("  outage, %s: %lu\n", why.c_str(), count);
    return totals.failed == 0 ? 0 : 1;
}
