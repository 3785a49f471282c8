// SPDX-License-Identifier: GPL-2.0-or-later
// semantics.md, 5 and 10.
#include "checkpoint/secondary_checkpoint.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace colo {
namespace {

using Message = ColoMessage;

class SecondaryCheckpointTest : public testing::Test, protected SecondaryCheckpoint::Orders {
  protected:
    void let_input_run_empty() override {
        note("empty?");
        if (answers_) machine_.input_empty();
    }
    void drain_output() override {
        note("drain?");
        if (answers_) machine_.output_drained();
    }
    void begin_epoch(uint32_t epoch) override { note("epoch:" + std::to_string(epoch)); }
    void hand_on(Message message) override { note(to_string(message)); }

    void note(const std::string& order) { orders_ += (orders_.empty() ? "" : " ") + order; }
    std::string orders() { return std::exchange(orders_, ""); }
    /// "" when it is in order.
    std::string mark(uint32_t epoch) { return machine_.mark(epoch).value_or(""); }
    /// The epoch output counts in now, or "-".
    std::string counts() {
        const auto epoch = machine_.output_epoch();
        return epoch ? std::to_string(*epoch) : "-";
    }
    void begin_running() {
        machine_.begin();
        mark(8);
        machine_.message(Message::kReady);
        orders();
    }

    bool answers_ = true;
    std::string orders_;
    SecondaryCheckpoint machine_{*this};
};

TEST_F(SecondaryCheckpointTest, ReadyCommitsTheMarkedEpoch) {
    machine_.begin();
    EXPECT_EQ(mark(8), "");
    EXPECT_EQ(machine_.committed(), std::nullopt);
    EXPECT_EQ(counts(), "-");
    machine_.message(Message::kReady);
    EXPECT_EQ(orders(), "epoch:8 READY");
    EXPECT_EQ(machine_.committed(), 8u);
    EXPECT_EQ(counts(), "8");
}

TEST_F(SecondaryCheckpointTest, ReadyWaitsForItsMark) {
    machine_.begin();
    machine_.message(Message::kReady);
    EXPECT_EQ(orders(), "");
    EXPECT_EQ(counts(), "-");
    EXPECT_EQ(mark(8), "");
    EXPECT_EQ(orders(), "epoch:8 READY");
}

TEST_F(SecondaryCheckpointTest, MarkMayComeBeforeTheMigration) {
    EXPECT_EQ(mark(8), "");
    machine_.begin();
    machine_.message(Message::kReady);
    EXPECT_EQ(orders(), "epoch:8 READY");
}

TEST_F(SecondaryCheckpointTest, EachMessageHasItsFence) {
    begin_running();
    EXPECT_EQ(mark(9), "");
    machine_.message(Message::kRequest);
    EXPECT_EQ(orders(), "empty? REQUEST");
    EXPECT_EQ(counts(), "8");
    machine_.message(Message::kReply);
    EXPECT_EQ(orders(), "drain? REPLY");
    EXPECT_EQ(counts(), "-");
    machine_.message(Message::kReceived);
    EXPECT_EQ(orders(), "epoch:9 drain? RECEIVED");
    EXPECT_EQ(counts(), "9");
    machine_.message(Message::kLoaded);
    EXPECT_EQ(orders(), "LOADED");
    EXPECT_EQ(counts(), "9");
}

TEST_F(SecondaryCheckpointTest, RequestWaitsForMarkAndInputInEitherOrder) {
    answers_ = false;
    begin_running();
    machine_.message(Message::kRequest);
    EXPECT_EQ(orders(), "");
    machine_.input_empty();  // an answer to nothing
    mark(9);
    EXPECT_EQ(orders(), "empty?");
    EXPECT_EQ(counts(), "8");
    machine_.input_empty();
    EXPECT_EQ(orders(), "REQUEST");
}

TEST_F(SecondaryCheckpointTest, NothingCountsWhileTheVmIsStoppedOrDrained) {
    begin_running();
    mark(9);
    machine_.message(Message::kRequest);
    answers_ = false;
    machine_.message(Message::kReply);
    EXPECT_EQ(counts(), "-");
    machine_.output_drained();
    EXPECT_EQ(counts(), "-");
    machine_.message(Message::kReceived);
    EXPECT_EQ(counts(), "-");
    machine_.output_drained();
    EXPECT_EQ(counts(), "9");
}

TEST_F(SecondaryCheckpointTest, ReceivedIsTheCommitPoint) {
    begin_running();
    mark(9);
    machine_.message(Message::kRequest);
    machine_.message(Message::kReply);
    EXPECT_EQ(machine_.committed(), 8u);
    answers_ = false;
    machine_.message(Message::kReceived);
    EXPECT_EQ(machine_.committed(), 9u);
    machine_.end();
    machine_.message(Message::kLoaded);
    EXPECT_EQ(machine_.committed(), 9u);
    EXPECT_EQ(counts(), "-");
}

TEST_F(SecondaryCheckpointTest, MarksOutOfTurnAreRefused) {
    begin_running();
    EXPECT_EQ(mark(10), "a mark of epoch 10 in epoch 8");
    EXPECT_EQ(mark(8), "a mark of epoch 8 in epoch 8");
    EXPECT_EQ(mark(9), "");
    EXPECT_EQ(mark(9), "a mark of epoch 9 before the checkpoint of epoch 9");
}

TEST_F(SecondaryCheckpointTest, EpochsWrap) {
    machine_.begin();
    mark(UINT32_MAX);
    machine_.message(Message::kReady);
    EXPECT_EQ(mark(0), "");
}

TEST_F(SecondaryCheckpointTest, ANewPairBeginsWithAnyMark) {
    begin_running();
    mark(9);  // of a checkpoint that came to nothing
    machine_.end();
    EXPECT_EQ(mark(70), "");
    machine_.begin();
    EXPECT_EQ(machine_.committed(), std::nullopt);
    orders();
    machine_.message(Message::kReady);
    EXPECT_EQ(orders(), "epoch:70 READY");
}

}  // namespace
}  // namespace colo
