// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/netdev_redirected.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>

#include "netdev_rig.h"

namespace colo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RedirectedNetdev : public NetdevTest {
  protected:
    /// `out`: empty for a mirror.
    void make(const std::string& out = "out") {
        netdev_.emplace(loop_, pool_, "hn0", path("in"), out.empty() ? out : path(out));
        netdev_->set_receiver(&receiver_);
    }
    std::string path(const std::string& name) const { return folder_.file(name); }
    Client redirector(const std::string& name) { return Client::at_path(path(name)); }
    /// Both are there.
    void connect() {
        make();
        from_.emplace(redirector("in"));
        to_.emplace(redirector("out"));
        settle();
        receiver_.log.clear();
    }

    std::optional<NetdevRedirected> netdev_;
    std::optional<Client> from_;
    std::optional<Client> to_;
};

TEST_F(RedirectedNetdev, HasASocketForEachWay) {
    connect();
    from_->send(plain("out"));
    EXPECT_EQ(netdev_->send(frame("in")), SendResult::kQueued);
    settle();
    EXPECT_THAT(receiver_.log, ElementsAre("out"));
    EXPECT_EQ(to_->received(), plain("in"));
    EXPECT_EQ(from_->received(), "");
    EXPECT_EQ(netdev_->counters().frames_in, 1u);
    EXPECT_EQ(netdev_->counters().frames_out, 1u);
    EXPECT_EQ(netdev_->counters().connects, 2u);
}

TEST_F(RedirectedNetdev, IsThereWhenBothAreAndGoneWhenOneIs) {
    make();
    from_.emplace(redirector("in"));
    settle();
    EXPECT_FALSE(netdev_->is_connected());
    EXPECT_THAT(receiver_.log, IsEmpty());
    to_.emplace(redirector("out"));
    settle();
    EXPECT_TRUE(netdev_->is_connected());
    EXPECT_THAT(receiver_.log, ElementsAre("up"));
    to_->leave();
    settle();
    EXPECT_THAT(receiver_.log, ElementsAre("up", "down"));
    EXPECT_THAT(receiver_.reason, HasSubstr(path("out")));
    from_->leave();
    settle();
    EXPECT_THAT(receiver_.log, ElementsAre("up", "down"));
}

TEST_F(RedirectedNetdev, AnEndThatComesBackServesAgain) {
    connect();
    to_->leave();
    settle();
    from_->send(plain("one"));
    settle();
    EXPECT_EQ(netdev_->send(frame("lost")), SendResult::kNotConnected);
    to_.emplace(redirector("out"));
    settle();
    EXPECT_THAT(receiver_.log, ElementsAre("down", "one", "up"));
    EXPECT_EQ(netdev_->send(frame("in")), SendResult::kQueued);
    settle();
    EXPECT_EQ(to_->received(), plain("in"));
    EXPECT_EQ(netdev_->counters().not_connected, 1u);
}

TEST_F(RedirectedNetdev, WithoutAWayInWhatIsSentHasBeenDelivered) {
    make("");
    EXPECT_TRUE(netdev_->is_mirrored());
    from_.emplace(redirector("in"));
    settle();
    EXPECT_TRUE(netdev_->is_connected());
    EXPECT_EQ(netdev_->send(frame("in")), SendResult::kQueued);
    settle();
    EXPECT_EQ(from_->received(), "");
    EXPECT_EQ(netdev_->unsent(), 0u);
    EXPECT_EQ(netdev_->counters().frames_out, 1u);
}

TEST_F(RedirectedNetdev, AnOversizedFrameEndsItsConnectionAndNoOther) {
    connect();
    from_->send(be32(kMaxFrameBytes + 1));
    settle();
    EXPECT_TRUE(from_->at_end());
    EXPECT_EQ(netdev_->counters().bad_lengths, 1u);
    EXPECT_EQ(netdev_->counters().disconnects, 1u);
    EXPECT_EQ(netdev_->send(frame("in")), SendResult::kQueued);
    settle();
    EXPECT_EQ(to_->received(), plain("in"));
    from_.emplace(redirector("in"));
    from_->send(plain("again"));
    settle();
    EXPECT_THAT(receiver_.log, ElementsAre("down", "up", "again"));
}

TEST_F(RedirectedNetdev, NobodyWaitsForAPauseToEnd) {
    connect();
    netdev_->pause_reading(true);
    const std::string frame = plain(std::string(60'000, 'x'));
    size_t sent = 0;
    for (int i = 0; i < 200; ++i) {
        sent += from_->send(frame) == frame.size();
        settle();
    }
    EXPECT_EQ(sent, 200u);
    EXPECT_THAT(receiver_.log, IsEmpty());
    netdev_->pause_reading(false);
    EXPECT_THAT(receiver_.log, IsEmpty()) << "whoever ends the pause is called back";
    settle();
    EXPECT_EQ(receiver_.log.size(), 200u);
}

TEST_F(RedirectedNetdev, WhatCameDuringAPauseKeepsItsPlace) {
    connect();
    netdev_->pause_reading(true);
    from_->send(plain("one") + plain("two") + plain("three"));
    settle();
    receiver_.on_frame = [this] { netdev_->pause_reading(receiver_.log.back() == "one"); };
    netdev_->pause_reading(false);
    settle();
    EXPECT_THAT(receiver_.log, ElementsAre("one"));
    from_->send(plain("four"));
    settle();
    netdev_->pause_reading(false);
    from_->send(plain("five"));
    settle();
    EXPECT_THAT(receiver_.log, ElementsAre("one", "two", "three", "four", "five"));
}

TEST_F(RedirectedNetdev, AFenceReadsDuringAPause) {
    connect();
    netdev_->pause_reading(true);
    from_->send(plain("one"));
    settle();
    from_->send(plain("two") + be32(4));
    EXPECT_FALSE(netdev_->drain()) << "the last frame is incomplete";
    EXPECT_THAT(receiver_.log, ElementsAre("one", "two"));
    from_->send("abcd");
    EXPECT_TRUE(netdev_->drain());
    from_->send(plain("later"));
    settle();
    EXPECT_THAT(receiver_.log, ElementsAre("one", "two", "abcd"));
}

TEST_F(RedirectedNetdev, APauseKeepsNoMoreThanItMay) {
    connect();
    netdev_->set_limits({.bytes = 10, .frames = 3});
    netdev_->pause_reading(true);
    from_->send(plain("12345") + plain("123456") + plain("12345") + plain("1"));
    settle();
    EXPECT_EQ(receiver_.refused, 2u);
    EXPECT_EQ(netdev_->counters().refused, 2u);
    netdev_->pause_reading(false);
    settle();
    EXPECT_THAT(receiver_.log, ElementsAre("12345", "12345"));
    netdev_->pause_reading(true);
    for (const char* text : {"a", "b", "c", "d"}) from_->send(plain(text));
    settle();
    EXPECT_EQ(receiver_.refused, 3u);
}

TEST_F(RedirectedNetdev, KnowsWhatQemuHasNotReadYet) {
    connect();
    netdev_->send(frame("in"));
    settle();
    EXPECT_GT(netdev_->unsent(), 0u);
    to_->received();
    EXPECT_EQ(netdev_->unsent(), 0u);
}

TEST_F(RedirectedNetdev, ItsReceiverMayEndIt) {
    connect();
    netdev_->pause_reading(true);
    from_->send(plain("one") + plain("two"));
    settle();
    receiver_.on_frame = [this] { netdev_.reset(); };
    netdev_->pause_reading(false);
    settle();
    EXPECT_THAT(receiver_.log, ElementsAre("one"));
}

TEST_F(RedirectedNetdev, APathThatCannotBeListenedAtIsNamed) {
    try {
        NetdevRedirected(loop_, pool_, "hn0", path("no/such"), "");
        FAIL();
    } catch (const std::runtime_error& error) {
        EXPECT_THAT(error.what(), AllOf(HasSubstr("netdev 'hn0'"), HasSubstr(path("no/such"))));
    }
}

}  // namespace
}  // namespace colo
