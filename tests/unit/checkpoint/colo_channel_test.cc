// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkpoint/colo_channel.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/colo_word.h"

namespace colo {
namespace {

constexpr auto kForward = ColoDirection::kForward;
constexpr auto kBack = ColoDirection::kBack;

/// A channel, what came out of it on each side, and what it told. Hands on at once unless told to
/// hold.
class ColoChannelTest : public testing::Test, protected ColoChannel::Sink {
  protected:
    void pass(ColoDirection direction, Bytes bytes) override {
        out_[static_cast<size_t>(direction)].append(bytes.begin(), bytes.end());
    }
    void held(ColoMessage message) override {
        told_ += std::string(told_.empty() ? "" : " ") + to_string(message);
        if (!holds_) channel_.hand_on(message);
    }
    void broken(const std::string& why) override { why_ = why; }

    size_t take(ColoDirection direction, const std::string& text) {
        return channel_.take(direction,
                             {reinterpret_cast<const uint8_t*>(text.data()), text.size()}, now_);
    }
    const std::string& out(ColoDirection direction) { return out_[static_cast<size_t>(direction)]; }
    void begin() {
        take(kForward, "migration");
        take(kBack, word(0));
    }
    void run_checkpoint() {
        take(kForward, word(1));
        take(kBack, word(2));
        take(kForward, "state");
        take(kBack, word(5));
        take(kBack, word(6));
    }

    Time now_{0};
    bool holds_ = false;
    std::string told_;
    std::string why_;
    std::string out_[2];
    ColoChannel channel_{*this, now_};
};

TEST_F(ColoChannelTest, WholeConversationPassesUnalteredAndIsTold) {
    begin();
    run_checkpoint();
    run_checkpoint();
    EXPECT_EQ(out(kForward), "migration" + word(1) + "state" + word(1) + "state");
    EXPECT_EQ(out(kBack), word(0) + word(2) + word(5) + word(6) + word(2) + word(5) + word(6));
    EXPECT_EQ(told_, "READY REQUEST REPLY RECEIVED LOADED REQUEST REPLY RECEIVED LOADED");
    EXPECT_EQ(channel_.taken(kForward), out(kForward).size());
    EXPECT_EQ(channel_.taken(kBack), out(kBack).size());
    EXPECT_EQ(why_, "");
}

TEST_F(ColoChannelTest, ByteByByteIsTheSame) {
    const auto dribble = [&](ColoDirection direction, const std::string& text) {
        for (const char byte : text) EXPECT_EQ(take(direction, std::string(1, byte)), 1u);
    };
    dribble(kForward, "migration");
    dribble(kBack, word(0));
    dribble(kForward, word(1));
    dribble(kBack, word(2));
    dribble(kForward, word(7) + "state");
    dribble(kBack, word(5) + word(6));
    EXPECT_EQ(out(kForward), "migration" + word(1) + word(7) + "state");
    EXPECT_EQ(out(kBack), word(0) + word(2) + word(5) + word(6));
    EXPECT_EQ(told_, "READY REQUEST REPLY RECEIVED LOADED");
}

TEST_F(ColoChannelTest, TellsThePhaseBeforeTheMessagePasses) {
    begin();
    holds_ = true;
    take(kForward, word(1));
    EXPECT_EQ(channel_.phase(), ColoPhase::kRequested);
    EXPECT_TRUE(channel_.is_holding(kForward));
    EXPECT_EQ(out(kForward), "migration");
    channel_.hand_on(ColoMessage::kRequest);
    EXPECT_EQ(out(kForward), "migration" + word(1));
    EXPECT_FALSE(channel_.is_holding(kForward));
}

TEST_F(ColoChannelTest, HeldMessageStopsItsDirectionOnly) {
    begin();
    take(kForward, word(1));
    take(kBack, word(2));
    holds_ = true;
    EXPECT_EQ(take(kBack, word(5) + word(6)), 4u);  // LOADED does not wait for the primary
    EXPECT_EQ(take(kBack, word(6)), 0u);
    EXPECT_EQ(told_, "READY REQUEST REPLY RECEIVED");
    channel_.hand_on(ColoMessage::kReceived);
    EXPECT_EQ(take(kBack, word(6)), 4u);
    EXPECT_EQ(told_, "READY REQUEST REPLY RECEIVED LOADED");
}

TEST_F(ColoChannelTest, StateMayPassWhileReplyIsHeld) {
    begin();
    take(kForward, word(1));
    holds_ = true;
    take(kBack, word(2));
    EXPECT_EQ(take(kForward, "x"), 1u);
    EXPECT_EQ(out(kForward), "migration" + word(1) + "x");
}

TEST_F(ColoChannelTest, HandingOnWhatIsNotHeldDoesNothing) {
    channel_.hand_on(ColoMessage::kReady);
    EXPECT_EQ(out(kBack), "");
}

TEST_F(ColoChannelTest, MigrationMayLookLikeMessages) {
    take(kForward, word(1) + word(1));
    EXPECT_EQ(told_, "");
    EXPECT_EQ(channel_.phase(), ColoPhase::kMigrating);
}

TEST_F(ColoChannelTest, SaysWhenACheckpointIsUnderWay) {
    EXPECT_FALSE(channel_.is_in_checkpoint());
    begin();
    EXPECT_FALSE(channel_.is_in_checkpoint());
    for (const auto& [direction, value] : {std::pair{kForward, 1u}, {kBack, 2u}, {kBack, 5u}}) {
        take(direction, word(value));
        EXPECT_TRUE(channel_.is_in_checkpoint());
    }
    take(kBack, word(6));
    EXPECT_FALSE(channel_.is_in_checkpoint());
}

TEST_F(ColoChannelTest, EveryByteIsProgress) {
    now_ = seconds(3);
    take(kForward, "x");
    EXPECT_EQ(channel_.last_progress(), seconds(3));
    now_ = seconds(4);
    take(kBack, std::string(1, '\0'));
    EXPECT_EQ(channel_.last_progress(), seconds(4));
    now_ = seconds(5);
    take(kBack, "");
    EXPECT_EQ(channel_.last_progress(), seconds(4));
}

/// What may not come after `before` messages of a conversation.
struct Violation {
    const char* name;
    int before;
    ColoDirection direction;
    std::string bytes;
    const char* why;
};

class Violations : public ColoChannelTest, public testing::WithParamInterface<Violation> {};

TEST_P(Violations, BreakTheChannelForGood) {
    const std::pair<ColoDirection, uint32_t> script[] = {
        {kBack, 0}, {kForward, 1}, {kBack, 2}, {kBack, 5}, {kBack, 6}};
    for (int i = 0; i < GetParam().before; ++i) take(script[i].first, word(script[i].second));
    const std::string sent = out(GetParam().direction);
    take(GetParam().direction, GetParam().bytes);
    EXPECT_EQ(why_, GetParam().why);
    EXPECT_EQ(channel_.phase(), ColoPhase::kBroken);
    EXPECT_EQ(out(GetParam().direction), sent);
    EXPECT_EQ(take(kForward, "more"), 0u);
    EXPECT_EQ(take(kBack, word(0)), 0u);
}

INSTANTIATE_TEST_SUITE_P(
    All, Violations,
    testing::Values(
        Violation{"FirstWordNotReady", 0, kBack, word(2),
                  "the secondary's QEMU sent message 2 while READY is awaited"},
        Violation{"HugeValue", 0, kBack, word(0xffffffff),
                  "the secondary's QEMU sent message 4294967295 while READY is awaited"},
        Violation{
            "ReplyBeforeRequest", 1, kBack, word(2),
            "the secondary's QEMU sent 4 bytes out of turn, 4 bytes into its direction, while "
            "REQUEST is awaited"},
        Violation{"NoRequest", 1, kForward, word(3),
                  "the primary's QEMU sent message 3 while REQUEST is awaited"},
        Violation{"StateBeforeReply", 2, kForward, "state",
                  "the primary's QEMU sent 5 bytes out of turn, 4 bytes into its direction, while "
                  "REPLY is "
                  "awaited"},
        Violation{"ReceivedBeforeReply", 2, kBack, word(5),
                  "the secondary's QEMU sent message 5 while REPLY is awaited"},
        Violation{"LoadedBeforeReceived", 3, kBack, word(6),
                  "the secondary's QEMU sent message 6 while RECEIVED is awaited"},
        Violation{"StateBehindReceived", 4, kForward, "s",
                  "the primary's QEMU sent 1 bytes out of turn, 4 bytes into its direction, while "
                  "LOADED is "
                  "awaited"},
        Violation{
            "LoadedTwice", 5, kBack, word(6),
            "the secondary's QEMU sent 4 bytes out of turn, 16 bytes into its direction, while "
            "REQUEST is awaited"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace colo
