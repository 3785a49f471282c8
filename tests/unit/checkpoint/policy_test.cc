// SPDX-License-Identifier: GPL-2.0-or-later
// semantics.md, 6.
#include "checkpoint/policy.h"

#include <gtest/gtest.h>

namespace colo {
namespace {

constexpr Time kMin = milliseconds(10);
constexpr Time kStart = seconds(50);

/// A policy and its time.
class Policy : public testing::Test {
  protected:
    static PolicyConfig config() {
        PolicyConfig config;
        config.simple.enter = 2;
        return config;
    }

    void request(Reason reason) {
        CheckpointRequest request;
        request.reason = reason;
        request.when = now_;
        policy_.request(request);
    }
    /// "-", or the reason of what is ordered now.
    std::string order() {
        const auto ordered = policy_.order(now_);
        return ordered ? to_string(ordered->reason) : "-";
    }
    void run_one(Reason reason) {
        request(reason);
        now_ += kMin;
        EXPECT_EQ(order(), to_string(reason));
        policy_.replied(now_);
        policy_.completed(now_);
    }
    void enter_simple() {
        for (int i = 0; i < 3; ++i) run_one(Reason::kDivergence);
        EXPECT_EQ(policy_.mode(), SimpleMode::State::kSimple);
    }
    uint64_t count(Reason reason) const {
        return policy_.counters().by_reason[static_cast<size_t>(reason)];
    }

    Time now_ = kStart;
    CheckpointPolicy policy_{config(), kStart};
};

TEST_F(Policy, OrdersNothingUnasked) {
    EXPECT_EQ(order(), "-");
    EXPECT_EQ(policy_.next_deadline(), kStart + seconds(20));
}

TEST_F(Policy, RequestBeforeTheFenceIsSettledByIt) {
    request(Reason::kDivergence);
    now_ += kMin;
    order();
    policy_.replied(now_);
    request(Reason::kTimeout);
    policy_.fenced();
    policy_.completed(now_);
    now_ += kMin;
    EXPECT_EQ(order(), "-");
    EXPECT_EQ(policy_.counters().coalesced, 1u);
}

TEST_F(Policy, RequestBehindTheFenceIsForTheNextCheckpoint) {
    request(Reason::kDivergence);
    now_ += kMin;
    order();
    policy_.replied(now_);
    policy_.fenced();
    request(Reason::kTimeout);
    policy_.completed(now_);
    now_ += kMin;
    EXPECT_EQ(order(), "timeout");
}

TEST_F(Policy, MinIntervalPassesBetweenTheLastOneAndTheNext) {
    request(Reason::kDivergence);
    EXPECT_EQ(policy_.next_deadline(), kStart + kMin);
    now_ += kMin - Time(1);
    EXPECT_EQ(order(), "-");
    now_ += Time(1);
    EXPECT_EQ(order(), "divergence");
    policy_.replied(now_);
    now_ += seconds(3);
    policy_.completed(now_);
    request(Reason::kTimeout);
    EXPECT_EQ(order(), "-");
    EXPECT_EQ(policy_.next_deadline(), now_ + kMin);
}

TEST_F(Policy, RequestLongAfterTheLastOneIsOrderedAtOnce) {
    now_ += seconds(5);
    request(Reason::kDivergence);
    EXPECT_LE(policy_.next_deadline(), now_);
    EXPECT_EQ(order(), "divergence");
}

TEST_F(Policy, OneOrderCoversManyRequestsAndTheFirstGivesTheReason) {
    now_ += seconds(1);
    request(Reason::kTimeout);
    request(Reason::kDivergence);
    EXPECT_EQ(order(), "timeout");
    request(Reason::kManual);
    EXPECT_EQ(order(), "-");
    policy_.replied(now_);
    policy_.completed(now_);
    now_ += seconds(1);
    EXPECT_EQ(order(), "-");
    EXPECT_EQ(policy_.counters().requests, 3u);
    EXPECT_EQ(policy_.counters().coalesced, 2u);
    EXPECT_EQ(count(Reason::kTimeout), 1u);
    EXPECT_EQ(count(Reason::kDivergence), 0u);
}

TEST_F(Policy, OrderIsRepeatedOnlyForWantOfAReply) {
    now_ += seconds(1);
    request(Reason::kManual);
    EXPECT_EQ(order(), "manual");
    EXPECT_EQ(policy_.next_deadline(), now_ + seconds(1));
    now_ += seconds(1) - Time(1);
    EXPECT_EQ(order(), "-");
    now_ += Time(1);
    EXPECT_EQ(order(), "manual");
    EXPECT_EQ(policy_.counters().repeated, 1u);
    EXPECT_EQ(policy_.next_deadline(), now_ + seconds(1));
    policy_.replied(now_);
    EXPECT_EQ(policy_.next_deadline(), kNever);
    now_ += seconds(100);
    EXPECT_EQ(order(), "-");
    EXPECT_EQ(policy_.counters().repeated, 1u);
}

TEST_F(Policy, PeriodicComesAfterTheLongestInterval) {
    now_ = kStart + seconds(20) - Time(1);
    EXPECT_EQ(order(), "-");
    now_ += Time(1);
    EXPECT_EQ(order(), "periodic");
    policy_.replied(now_);
    now_ += milliseconds(300);
    policy_.completed(now_);
    EXPECT_EQ(count(Reason::kPeriodic), 1u);
    EXPECT_EQ(policy_.next_deadline(), now_ + seconds(20));
}

TEST_F(Policy, PeriodicCanBeOff) {
    PolicyConfig without = config();
    without.max_interval = kNever;
    CheckpointPolicy policy(without, kStart);
    EXPECT_EQ(policy.next_deadline(), kNever);
    EXPECT_FALSE(policy.order(kStart + seconds(1'000'000)));
}

TEST_F(Policy, IntervalsMayChangeWhileItRuns) {
    PolicyConfig slower = config();
    slower.min_interval = seconds(2);
    policy_.configure(slower);
    request(Reason::kManual);
    now_ += seconds(2) - Time(1);
    EXPECT_EQ(order(), "-");
    now_ += Time(1);
    EXPECT_EQ(order(), "manual");
}

TEST_F(Policy, RequestWhileOneRunsIsForTheNext) {
    now_ += seconds(1);
    request(Reason::kDivergence);
    order();
    policy_.replied(now_);
    request(Reason::kTimeout);
    request(Reason::kManual);  // the same next one
    EXPECT_EQ(order(), "-");
    policy_.completed(now_);
    EXPECT_EQ(order(), "-");
    now_ += kMin;
    EXPECT_EQ(order(), "timeout");
    policy_.replied(now_);
    policy_.completed(now_);
    now_ += seconds(1);
    EXPECT_EQ(order(), "-");
    EXPECT_EQ(count(Reason::kDivergence), 1u);
    EXPECT_EQ(count(Reason::kTimeout), 1u);
    EXPECT_EQ(policy_.counters().coalesced, 1u);
}

TEST_F(Policy, CheckpointNobodyOrderedCountsAsPeriodic) {
    now_ += seconds(1);
    policy_.replied(now_);
    EXPECT_EQ(policy_.next_deadline(), kNever);
    now_ += seconds(1);
    policy_.completed(now_);
    EXPECT_EQ(count(Reason::kPeriodic), 1u);
    EXPECT_EQ(policy_.counters().longest, seconds(1));
    EXPECT_EQ(policy_.next_deadline(), now_ + seconds(20));
}

TEST_F(Policy, CheckpointNobodyOrderedAnswersWhatIsWanted) {
    request(Reason::kDivergence);  // min_interval is not over
    policy_.replied(now_);
    policy_.completed(now_);
    EXPECT_EQ(count(Reason::kDivergence), 1u);
    now_ += seconds(1);
    EXPECT_EQ(order(), "-");
}

TEST_F(Policy, CompletionWithoutReplyCounts) {
    now_ += seconds(1);
    request(Reason::kDivergence);
    order();
    now_ += milliseconds(7);
    policy_.completed(now_);
    EXPECT_EQ(policy_.counters().completed, 1u);
    EXPECT_EQ(policy_.counters().longest, milliseconds(7));
    now_ += seconds(1);
    EXPECT_EQ(order(), "-");
}

TEST_F(Policy, SecondReplyChangesNothing) {
    now_ += seconds(1);
    request(Reason::kDivergence);
    order();
    policy_.replied(now_);
    now_ += milliseconds(5);
    policy_.replied(now_);
    policy_.completed(now_);
    EXPECT_EQ(policy_.counters().longest, milliseconds(5));
    EXPECT_EQ(policy_.counters().completed, 1u);
}

TEST_F(Policy, RestartForgetsWhatWasWantedAndCompares) {
    enter_simple();
    request(Reason::kDivergence);
    now_ += seconds(1);
    order();
    policy_.replied(now_);
    request(Reason::kTimeout);
    policy_.restart(now_);
    EXPECT_TRUE(policy_.compares());
    EXPECT_EQ(policy_.next_deadline(), now_ + seconds(20));
    now_ += seconds(1);
    EXPECT_EQ(order(), "-");
}

TEST_F(Policy, CompletionTellsWhatItWasFor) {
    now_ += seconds(1);
    request(Reason::kTimeout);
    order();
    EXPECT_EQ(policy_.completed(now_).reason, Reason::kTimeout);
    EXPECT_EQ(policy_.completed(now_).reason, Reason::kPeriodic);
}

TEST_F(Policy, ManyCheckpointsEnterSimpleMode) {
    for (int i = 0; i < 2; ++i) run_one(Reason::kDivergence);
    EXPECT_TRUE(policy_.compares());
    run_one(Reason::kDivergence);
    EXPECT_FALSE(policy_.compares());
    EXPECT_EQ(policy_.next_deadline(), now_ + milliseconds(100));
}

TEST_F(Policy, SimpleModeMakesPeriodicCheckpoints) {
    enter_simple();
    for (int i = 0; i < 3; ++i) {
        now_ += milliseconds(100) - Time(1);
        EXPECT_EQ(order(), "-");
        now_ += Time(1);
        EXPECT_EQ(order(), "periodic");
        policy_.replied(now_);
        policy_.completed(now_);
    }
    EXPECT_EQ(count(Reason::kPeriodic), 3u);
    EXPECT_FALSE(policy_.compares());
}

TEST_F(Policy, SimpleModeTriesComparingAndReturns) {
    enter_simple();
    now_ += seconds(5);
    EXPECT_EQ(order(), "periodic");
    policy_.replied(now_);
    EXPECT_FALSE(policy_.compares());
    policy_.completed(now_);
    EXPECT_TRUE(policy_.compares());
    EXPECT_EQ(policy_.mode(), SimpleMode::State::kTrial);
    EXPECT_EQ(policy_.next_deadline(), now_ + milliseconds(100));
    now_ += milliseconds(100);
    EXPECT_EQ(order(), "-");
    EXPECT_EQ(policy_.mode(), SimpleMode::State::kLockstep);
    EXPECT_EQ(policy_.next_deadline(), now_ - milliseconds(100) + seconds(20));
}

TEST_F(Policy, DivergenceInTheTrialGoesBackToSimpleMode) {
    enter_simple();
    now_ += seconds(5);
    order();
    policy_.replied(now_);
    policy_.completed(now_);
    now_ += milliseconds(50);
    request(Reason::kDivergence);
    EXPECT_FALSE(policy_.compares());
    EXPECT_EQ(order(), "divergence");  // what the trial held has to go
}

TEST_F(Policy, ManualCheckpointLeavesTheTrialAlone) {
    enter_simple();
    now_ += seconds(5);
    order();
    policy_.replied(now_);
    policy_.completed(now_);
    run_one(Reason::kManual);
    EXPECT_EQ(policy_.mode(), SimpleMode::State::kTrial);
}

}  // namespace
}  // namespace colo
