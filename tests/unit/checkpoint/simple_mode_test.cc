// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkpoint/simple_mode.h"

#include <gtest/gtest.h>

namespace colo {
namespace {

using State = SimpleMode::State;

constexpr SimpleModeConfig kConfig{
    .enter = 3, .window = seconds(2), .interval = milliseconds(100), .trial = seconds(5)};

/// In simple mode since `now`.
SimpleMode entered(Time now) {
    SimpleMode mode(kConfig);
    for (int i = 0; i < 4; ++i) mode.completed(Reason::kDivergence, now);
    EXPECT_EQ(mode.state(), State::kSimple);
    return mode;
}

/// In the trial that began at `now`.
SimpleMode trying(Time now) {
    SimpleMode mode = entered(now - seconds(5));
    mode.completed(Reason::kPeriodic, now);
    EXPECT_EQ(mode.state(), State::kTrial);
    return mode;
}

TEST(SimpleModeTest, BeginsInLockstep) {
    const SimpleMode mode(kConfig);
    EXPECT_EQ(mode.state(), State::kLockstep);
    EXPECT_TRUE(mode.compares());
    EXPECT_EQ(mode.next_checkpoint(seconds(7)), kNever);
    EXPECT_EQ(mode.next_change(), kNever);
}

TEST(SimpleModeTest, IsEnteredAboveTheNumberAndNotAtIt) {
    SimpleMode mode(kConfig);
    for (int i = 0; i < 3; ++i) mode.completed(Reason::kDivergence, seconds(1));
    EXPECT_EQ(mode.state(), State::kLockstep);
    mode.completed(Reason::kTimeout, seconds(1));
    EXPECT_EQ(mode.state(), State::kSimple);
    EXPECT_FALSE(mode.compares());
}

TEST(SimpleModeTest, OnlyCheckpointsWithinTheWindowCount) {
    SimpleMode mode(kConfig);
    mode.completed(Reason::kDivergence, seconds(1));
    mode.completed(Reason::kDivergence, seconds(2));
    mode.completed(Reason::kDivergence, seconds(3));
    mode.completed(Reason::kDivergence, seconds(3) + Time(1));  // the first is too old now
    EXPECT_EQ(mode.state(), State::kLockstep);
    mode.completed(Reason::kDivergence, seconds(4));
    EXPECT_EQ(mode.state(), State::kSimple);
}

TEST(SimpleModeTest, WindowIncludesItsEdge) {
    SimpleMode mode(kConfig);
    for (const int at : {1, 2, 3, 3}) mode.completed(Reason::kDivergence, seconds(at));
    EXPECT_EQ(mode.state(), State::kSimple);
}

TEST(SimpleModeTest, OnlyReasonsOfTheComparisonCount) {
    struct Case {
        Reason reason;
        bool counts;
    };
    const Case cases[] = {{Reason::kDivergence, true}, {Reason::kTimeout, true},
                          {Reason::kTableFull, true},  {Reason::kQueueFull, true},
                          {Reason::kPeer, true},       {Reason::kManual, false},
                          {Reason::kPeriodic, false},  {Reason::kPolicyChange, false}};
    for (const Case& c : cases) {
        SimpleMode mode(kConfig);
        for (int i = 0; i < 4; ++i) mode.completed(c.reason, seconds(1));
        EXPECT_EQ(mode.state() == State::kSimple, c.counts) << to_string(c.reason);
        SimpleMode trial = trying(seconds(10));
        trial.requested(c.reason, seconds(10));
        EXPECT_EQ(trial.state() == State::kSimple, c.counts) << to_string(c.reason);
    }
}

TEST(SimpleModeTest, ZeroMeansNever) {
    SimpleModeConfig config = kConfig;
    config.enter = 0;
    SimpleMode mode(config);
    for (int i = 0; i < 100; ++i) mode.completed(Reason::kDivergence, seconds(1));
    EXPECT_EQ(mode.state(), State::kLockstep);
}

TEST(SimpleModeTest, WantsACheckpointEachInterval) {
    const SimpleMode mode = entered(seconds(1));
    EXPECT_EQ(mode.next_checkpoint(seconds(2)), seconds(2) + milliseconds(100));
    EXPECT_EQ(mode.next_change(), kNever);
}

TEST(SimpleModeTest, TrialBeginsWithACheckpoint) {
    SimpleMode mode = entered(seconds(1));
    mode.completed(Reason::kPeriodic, seconds(6) - Time(1));
    EXPECT_EQ(mode.state(), State::kSimple);
    mode.tick(seconds(100));
    EXPECT_EQ(mode.state(), State::kSimple);
    mode.completed(Reason::kPeriodic, seconds(6));
    EXPECT_EQ(mode.state(), State::kTrial);
    EXPECT_TRUE(mode.compares());
    EXPECT_EQ(mode.next_checkpoint(seconds(6)), kNever);
    EXPECT_EQ(mode.next_change(), seconds(6) + milliseconds(100));
}

TEST(SimpleModeTest, CalmTrialEndsInLockstep) {
    SimpleMode mode = trying(seconds(10));
    mode.tick(seconds(10) + milliseconds(100) - Time(1));
    EXPECT_EQ(mode.state(), State::kTrial);
    mode.tick(seconds(10) + milliseconds(100));
    EXPECT_EQ(mode.state(), State::kLockstep);
    EXPECT_EQ(mode.next_change(), kNever);
}

TEST(SimpleModeTest, RequestInTheTrialEndsIt) {
    SimpleMode mode = trying(seconds(10));
    mode.requested(Reason::kDivergence, seconds(10) + milliseconds(50));
    EXPECT_EQ(mode.state(), State::kSimple);
    mode.tick(seconds(11));
    EXPECT_EQ(mode.state(), State::kSimple);
    // The next trial is a whole `trial` away.
    mode.completed(Reason::kPeriodic, seconds(15));
    EXPECT_EQ(mode.state(), State::kSimple);
    mode.completed(Reason::kPeriodic, seconds(15) + milliseconds(50));
    EXPECT_EQ(mode.state(), State::kTrial);
}

TEST(SimpleModeTest, CountBeginsAnewAfterTheReturn) {
    SimpleMode mode = trying(seconds(10));
    mode.tick(seconds(11));
    for (int i = 0; i < 3; ++i) mode.completed(Reason::kDivergence, seconds(11));
    EXPECT_EQ(mode.state(), State::kLockstep);
    mode.completed(Reason::kDivergence, seconds(11));
    EXPECT_EQ(mode.state(), State::kSimple);
}

TEST(SimpleModeTest, RequestOutsideOfATrialChangesNothing) {
    SimpleMode lockstep(kConfig);
    for (int i = 0; i < 100; ++i) lockstep.requested(Reason::kDivergence, seconds(1));
    EXPECT_EQ(lockstep.state(), State::kLockstep);
}

}  // namespace
}  // namespace colo
