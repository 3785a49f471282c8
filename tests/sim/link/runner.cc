// SPDX-License-Identifier: GPL-2.0-or-later
// colo-link-sim: runs a range of seeds, or one again.
#include <cstdio>

#include "tests/sim/link/world.h"
#include "tests/sim/seeds.h"

namespace {

struct Totals {
    uint64_t failed = 0;
    uint64_t deaths = 0;
    colo::sim::LinkResult sum;
};

void run(uint64_t seed, Totals& totals) {
    const colo::sim::LinkResult result = colo::sim::LinkWorld(seed).run();
    totals.deaths += result.died ? 1 : 0;
    totals.sum.streams += result.streams;
    totals.sum.completed += result.completed;
    totals.sum.aborted += result.aborted;
    totals.sum.bytes += result.bytes;
    totals.sum.packets += result.packets;
    if (result.violation.empty()) return;
    ++totals.failed;
    printf("seed %lu: %s\n", seed, result.violation.c_str());
}

}  // namespace

int main(int argc, char** argv) {
    const auto seeds = colo::sim::Seeds::parse(argc, argv);
    if (!seeds) {
        fprintf(stderr, "usage: colo-link-sim --seeds FROM COUNT | --seed N\n");
        return 2;
    }
    Totals totals;
    for (uint64_t i = 0; i < seeds->count; ++i) run(seeds->from + i, totals);
    printf(
        "%lu seeds, %lu failed; %lu ends of streams (%lu ok, %lu aborted), %lu bytes and %lu packets "
        "checked, %lu times the transport died\n",
        seeds->count, totals.failed, totals.sum.streams, totals.sum.completed, totals.sum.aborted,
        totals.sum.bytes, totals.sum.packets, totals.deaths);
    return totals.failed == 0 ? 0 : 1;
}
