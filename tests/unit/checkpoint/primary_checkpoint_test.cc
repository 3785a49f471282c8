// SPDX-License-Identifier: GPL-2.0-or-later
// semantics.md, 5.
#include "checkpoint/primary_checkpoint.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace colo {
namespace {

using Message = ColoMessage;

/// Writes down its orders; answers them at once unless told not to.
class PrimaryCheckpointTest : public testing::Test, protected PrimaryCheckpoint::Orders {
  protected:
    void ask_qemu(const CheckpointRequest& request) override {
        note(std::string("ask:") + to_string(request.reason));
    }
    void pause_input() override { note("pause"); }
    void resume_input() override { note("resume"); }
    void send_mark(uint32_t epoch) override { note("mark:" + std::to_string(epoch)); }
    void let_input_run_empty() override {
        note("empty?");
        if (answers_) machine_.input_empty(true);
    }
    void switch_over_now() override { note("switch"); }
    void drain_output() override {
        note("drain?");
        if (answers_) machine_.output_drained(now_);
    }
    void fence(uint32_t epoch) override { note("fence:" + std::to_string(epoch)); }
    void hand_on(Message message) override { note(to_string(message)); }
    void began() override { note("began"); }
    void completed(const CheckpointRecord& record) override {
        record_ = record;
        note("completed");
    }

    void note(const std::string& order) { orders_ += (orders_.empty() ? "" : " ") + order; }
    std::string orders() { return std::exchange(orders_, ""); }
    void message(Message message) { machine_.message(message, now_); }
    void request(Reason reason) {
        CheckpointRequest request;
        request.reason = reason;
        request.when = now_;
        machine_.request(request);
    }
    void begin_lockstep() {
        machine_.begin(7);
        message(Message::kReady);
        orders();
    }
    void run_checkpoint() {
        for (const Message m :
             {Message::kRequest, Message::kReply, Message::kReceived, Message::kLoaded}) {
            message(m);
        }
    }

    Time now_ = seconds(100);
    bool answers_ = true;
    std::string orders_;
    CheckpointRecord record_;
    PrimaryCheckpoint machine_{{}, *this, now_};
};

TEST_F(PrimaryCheckpointTest, MigrationEndsInAFenceAndLockstep) {
    machine_.begin(7);
    EXPECT_EQ(orders(), "mark:8");
    EXPECT_FALSE(machine_.is_in_lockstep());
    machine_.switch_over();
    EXPECT_EQ(orders(), "pause empty? switch");
    message(Message::kReady);
    EXPECT_EQ(orders(), "drain? fence:8 resume READY began");
    EXPECT_TRUE(machine_.is_in_lockstep());
    EXPECT_EQ(machine_.epoch(), 8u);
}

TEST_F(PrimaryCheckpointTest, MigrationWaitsForTheInputBeforeItSwitchesOver) {
    answers_ = false;
    machine_.begin(7);
    machine_.switch_over();
    EXPECT_EQ(orders(), "mark:8 pause empty?");
    machine_.switch_over();  // progress is asked for again and again
    EXPECT_EQ(orders(), "");
    machine_.input_empty(true);
    EXPECT_EQ(orders(), "switch");
}

TEST_F(PrimaryCheckpointTest, SwitchOverThatTakesTooLongIsPutOff) {
    machine_.begin(7);
    machine_.put_off_switch_over();
    EXPECT_EQ(orders(), "mark:8");
    machine_.switch_over();
    EXPECT_EQ(orders(), "pause empty? switch");
    machine_.put_off_switch_over();
    EXPECT_EQ(orders(), "resume");
    message(Message::kReady);
    EXPECT_EQ(orders(), "pause drain? fence:8 resume READY began");
    machine_.put_off_switch_over();
    EXPECT_EQ(orders(), "");
}

TEST_F(PrimaryCheckpointTest, MigrationThatEndsEarlyIsFencedAllTheSame) {
    machine_.begin(7);
    orders();
    message(Message::kReady);
    EXPECT_EQ(orders(), "pause drain? fence:8 resume READY began");
    machine_.switch_over();
    EXPECT_EQ(orders(), "");
}

TEST_F(PrimaryCheckpointTest, EachMessageHasItsFenceBeforeItPasses) {
    begin_lockstep();
    message(Message::kRequest);
    EXPECT_EQ(orders(), "pause mark:9 REQUEST");
    message(Message::kReply);
    EXPECT_EQ(orders(), "empty? REPLY");
    message(Message::kReceived);
    EXPECT_EQ(orders(), "drain? fence:9 resume RECEIVED");
    message(Message::kLoaded);
    EXPECT_EQ(orders(), "LOADED completed");
    EXPECT_EQ(machine_.epoch(), 9u);
}

TEST_F(PrimaryCheckpointTest, ReplyWaitsUntilTheVmHasTakenItsInput) {
    begin_lockstep();
    answers_ = false;
    message(Message::kRequest);
    orders();
    message(Message::kReply);
    EXPECT_EQ(orders(), "empty?");
    machine_.output_drained(now_);  // an answer to nothing
    EXPECT_EQ(orders(), "");
    machine_.input_empty(true);
    EXPECT_EQ(orders(), "REPLY");
}

TEST_F(PrimaryCheckpointTest, ReceivedWaitsUntilTheVmsOutputIsDrained) {
    begin_lockstep();
    message(Message::kRequest);
    message(Message::kReply);
    orders();
    answers_ = false;
    message(Message::kReceived);
    EXPECT_EQ(orders(), "drain?");
    EXPECT_EQ(machine_.epoch(), 8u);
    machine_.input_empty(true);
    EXPECT_EQ(orders(), "");
    machine_.output_drained(now_);
    EXPECT_EQ(orders(), "fence:9 resume RECEIVED");
}

TEST_F(PrimaryCheckpointTest, RecordTellsTimesReasonAndExactness) {
    begin_lockstep();
    now_ += seconds(1);
    request(Reason::kDivergence);
    machine_.tick(now_);
    EXPECT_EQ(orders(), "ask:divergence");
    const Time asked = now_;
    answers_ = false;
    message(Message::kRequest);
    now_ += Time(1);
    message(Message::kReply);
    machine_.input_empty(false);
    now_ += Time(2);
    message(Message::kReceived);
    machine_.output_drained(now_);
    now_ += Time(4);
    message(Message::kLoaded);
    EXPECT_EQ(record_.request.reason, Reason::kDivergence);
    EXPECT_EQ(record_.epoch, 9u);
    EXPECT_EQ(record_.requested, asked);
    EXPECT_EQ(record_.replied, asked + Time(1));
    EXPECT_EQ(record_.received, asked + Time(3));
    EXPECT_EQ(record_.duration(), Time(7));
    EXPECT_FALSE(record_.input_was_exact);
    answers_ = true;
    run_checkpoint();
    EXPECT_TRUE(record_.input_was_exact);
}

TEST_F(PrimaryCheckpointTest, CheckpointOfQemusOwnTimerIsPeriodic) {
    begin_lockstep();
    run_checkpoint();
    EXPECT_EQ(record_.request.reason, Reason::kPeriodic);
    EXPECT_EQ(machine_.policy().counters().completed, 1u);
}

TEST_F(PrimaryCheckpointTest, IsAskedAgainAfterASecondWithoutReplyOnly) {
    begin_lockstep();
    now_ += seconds(1);
    request(Reason::kTimeout);
    machine_.tick(now_);
    EXPECT_EQ(orders(), "ask:timeout");
    EXPECT_EQ(machine_.next_deadline(), now_ + seconds(1));
    now_ += seconds(1);
    machine_.tick(now_);
    EXPECT_EQ(orders(), "ask:timeout");
    message(Message::kRequest);
    message(Message::kReply);
    orders();
    now_ += seconds(10);
    machine_.tick(now_);
    EXPECT_EQ(orders(), "");
}

TEST_F(PrimaryCheckpointTest, WhatIsAskedForBeforeTheFenceIsSettledByIt) {
    begin_lockstep();
    message(Message::kRequest);
    message(Message::kReply);
    request(Reason::kDivergence);
    message(Message::kReceived);
    request(Reason::kTimeout);
    message(Message::kLoaded);
    orders();
    now_ += seconds(1);
    machine_.tick(now_);
    EXPECT_EQ(orders(), "ask:timeout");
}

TEST_F(PrimaryCheckpointTest, NothingIsAskedForOutsideOfLockstepAndReadySettlesIt) {
    request(Reason::kManual);
    now_ += seconds(60);
    machine_.tick(now_);
    machine_.begin(7);
    machine_.tick(now_);
    EXPECT_EQ(orders(), "mark:8");
    EXPECT_EQ(machine_.next_deadline(), kNever);
    message(Message::kReady);
    orders();
    now_ += seconds(1);
    machine_.tick(now_);
    EXPECT_EQ(orders(), "");
    EXPECT_EQ(machine_.next_deadline(), now_ - seconds(1) + seconds(20));
}

/// A channel that dies behind each message of a checkpoint.
class PrimaryAbort : public PrimaryCheckpointTest, public testing::WithParamInterface<int> {};

TEST_P(PrimaryAbort, LetsInputFlowAndANewPairBegin) {
    const Message script[] = {Message::kReady, Message::kRequest, Message::kReply,
                              Message::kReceived, Message::kLoaded};
    machine_.begin(7);
    answers_ = false;
    for (int i = 0; i < GetParam(); ++i) {
        message(script[i]);
        if (i + 1 < GetParam()) {
            machine_.input_empty(true);
            machine_.output_drained(now_);
        }
    }
    const size_t paused = orders_.rfind("pause");
    const size_t resumed = orders_.rfind("resume");
    const bool was_paused =
        paused != std::string::npos && (resumed == std::string::npos || resumed < paused);
    orders();
    machine_.abort();
    EXPECT_EQ(orders(), was_paused ? "resume" : "");
    EXPECT_TRUE(machine_.is_idle());
    machine_.input_empty(true);
    machine_.output_drained(now_);
    message(Message::kRequest);  // QEMU had said it before
    machine_.tick(now_ + seconds(100));
    EXPECT_EQ(orders(), "");
    answers_ = true;
    machine_.begin(20);
    message(Message::kReady);
    EXPECT_EQ(orders(), "mark:21 pause drain? fence:21 resume READY began");
}

INSTANTIATE_TEST_SUITE_P(AfterEachMessage, PrimaryAbort, testing::Range(0, 6));

}  // namespace
}  // namespace colo
