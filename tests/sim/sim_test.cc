// SPDX-License-Identifier: GPL-2.0-or-later
// Runs seeds in a few blocks, so that a failure is near its name. Replay: tests/sim/run --seed N
// --verbose.
#include <gtest/gtest.h>

#include "tcpstack/allocator.h"
#include "tests/sim/world.h"

namespace colo::sim {
namespace {

constexpr uint64_t kSeedsPerBlock = 500;

class Simulator : public testing::TestWithParam<uint64_t> {
  protected:
    static void SetUpTestSuite() { tune_allocator(); }
};

TEST_P(Simulator, NothingUnverifiedLeavesAndEverythingCompletes) {
    const uint64_t first = GetParam() * kSeedsPerBlock;
    for (uint64_t seed = first; seed < first + kSeedsPerBlock; ++seed) {
        Scenario scenario = make_scenario(seed);
        const std::string name = scenario.name;
        const WorldResult result = World(std::move(scenario), false).run();
        for (const std::string& violation : result.violations) {
            ADD_FAILURE() << "seed " << seed << " (" << name << "): " << violation
                          << "\nreplay: tests/sim/run --seed " << seed << " --verbose";
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Blocks, Simulator, testing::Range<uint64_t>(0, 10));

TEST(SimulatorItself, TheSameSeedGivesTheSameRun) {
    for (uint64_t seed = 1; seed < 20; ++seed) {
        const WorldResult first = World(make_scenario(seed), false).run();
        const WorldResult second = World(make_scenario(seed), false).run();
        EXPECT_EQ(first.steps, second.steps) << seed;
        EXPECT_EQ(first.released, second.released) << seed;
        EXPECT_EQ(first.ended, second.ended) << seed;
    }
}

}  // namespace
}  // namespace colo::sim
