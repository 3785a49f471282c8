// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/link_pair.h"

namespace colo {
namespace {

using testing::HasSubstr;

class StreamTest : public testing::Test {
  protected:
    StreamTest() { pair_.run(); }

    void open(const char* service = "echo", const char* argument = "") {
        ours_ = pair_.a.session->open(service, argument);
        ASSERT_TRUE(ours_);
        ours_->set_user(&user_);
    }
    Stream& theirs() { return *pair_.b.streams.back(); }
    RecordingUser& their_user() { return *pair_.b.users.back(); }

    LinkPair pair_;
    RecordingUser user_;
    std::unique_ptr<Stream> ours_;
};

TEST_F(StreamTest, CarriesBytesWithoutWaitingForAnAnswer) {
    open("echo", "an argument");
    EXPECT_EQ(ours_->write(as_bytes("hello")), 5u);
    pair_.b.give(pair_.a.take());  // one way only
    EXPECT_EQ(theirs().service(), "echo");
    EXPECT_EQ(theirs().argument(), "an argument");
    EXPECT_EQ(their_user().got, "hello");
}

/// As of a descriptor that was readable for exactly one message.
TEST_F(StreamTest, SpaceThatIsNotUsedAfterAllTakesNothingAway) {
    open();
    std::string sent(kMaxDataBytes, 'x');
    ours_->write(as_bytes(sent));
    for (const char* more : {"", "more"}) {
        ASSERT_FALSE(ours_->space().empty());
        ours_->commit(0);
        EXPECT_EQ(ours_->queued(), more[0] ? 0 : sent.size());
        pair_.run();
        EXPECT_EQ(their_user().got, sent);
        ours_->write(as_bytes(more));
        sent += more;
    }
    pair_.run();
    EXPECT_EQ(their_user().got, sent);
}

TEST_F(StreamTest, EndsWellWhenBothHaveFinishedAndTakenAll) {
    open();
    ours_->write(as_bytes("question"));
    ours_->finish();
    pair_.run();
    EXPECT_TRUE(their_user().ended);
    EXPECT_FALSE(theirs().is_over());
    theirs().write(as_bytes("answer"));  // the other direction goes on
    theirs().finish();
    pair_.run();
    EXPECT_EQ(user_.got, "answer");
    for (RecordingUser* user : {&user_, &their_user()}) {
        EXPECT_EQ(user->overs, 1);
        EXPECT_TRUE(user->last.ok());
    }
    EXPECT_EQ(pair_.a.session->streams() + pair_.b.session->streams(), 0u);
}

TEST_F(StreamTest, WaitsForTheReaderWhoHasNotReadYet) {
    open();
    pair_.run();
    their_user().reads = false;
    ours_->write(as_bytes("later"));
    ours_->finish();
    theirs().finish();
    pair_.run();
    EXPECT_EQ(user_.overs, 0);
    EXPECT_FALSE(theirs().at_end());
    their_user().read_all(theirs());
    pair_.run();
    EXPECT_EQ(their_user().got, "later");
    EXPECT_EQ(user_.overs, 1);
    EXPECT_EQ(their_user().overs, 1);
}

TEST_F(StreamTest, SendsNoMoreThanThereIsCreditFor) {
    open();
    const std::string much(4 << 20, 'x');
    pair_.run();
    their_user().reads = false;
    size_t sent = 0;
    for (size_t part; (part = ours_->write(as_bytes(much).subspan(sent))) > 0; sent += part) pair_.run();
    EXPECT_EQ(sent, StreamLimits().window);
    EXPECT_TRUE(ours_->space().empty());
    user_.writable = 0;
    their_user().read_all(theirs());
    pair_.run();
    EXPECT_EQ(user_.writable, 1);
    EXPECT_FALSE(ours_->space().empty());
    ours_->commit(0);
}

TEST_F(StreamTest, HoldsLittleThatIsNotOnTheWire) {
    open();
    const std::string much(4 << 20, 'x');
    EXPECT_EQ(ours_->write(as_bytes(much)), Stream::kMaxQueuedBytes);
    EXPECT_EQ(ours_->queued(), Stream::kMaxQueuedBytes);
}

TEST_F(StreamTest, AStreamNobodyReadsDoesNotStallTheOthers) {
    open();
    pair_.run();
    their_user().reads = false;
    const std::string much(64 << 10, 'x');
    while (ours_->write(as_bytes(much)) > 0) pair_.run();
    RecordingUser other_user;
    const auto other = pair_.a.session->open("discard");
    other->set_user(&other_user);
    other->write(as_bytes("through"));
    pair_.run();
    EXPECT_EQ(their_user().got, "through");
}

TEST_F(StreamTest, AnAbortEndsItAtOnceAndTellsWhy) {
    open();
    pair_.run();
    ours_->write(as_bytes("lost with it"));
    ours_->abort({LinkCode::kCancelled, "enough after 12 bytes"});
    EXPECT_TRUE(ours_->is_over());
    pair_.run();
    EXPECT_EQ(their_user().got, "");
    EXPECT_EQ(their_user().last.code, LinkCode::kCancelled);
    EXPECT_EQ(their_user().last.text, "a: enough after 12 bytes");
    EXPECT_EQ(user_.overs, 0);  // who aborts knows
    EXPECT_EQ(ours_->write(as_bytes("more")), 0u);
}

TEST_F(StreamTest, AnAbortOvertakesWhatIsQueued) {
    open();
    pair_.run();
    their_user().reads = false;
    const std::string much(64 << 10, 'x');
    while (ours_->write(as_bytes(much)) > 0) pair_.run();
    ours_->abort({LinkCode::kCancelled, "now"});
    pair_.b.give(pair_.a.take());
    EXPECT_EQ(their_user().overs, 1);
    EXPECT_TRUE(theirs().peek().empty());
}

TEST_F(StreamTest, DestroyingItAborts) {
    open();
    pair_.run();
    ours_.reset();
    pair_.run();
    EXPECT_EQ(their_user().last.text, "a: echo: given up");
}

TEST_F(StreamTest, WhatComesAfterAnAbortIsIgnored) {
    open();
    pair_.run();
    theirs().write(as_bytes("under way"));
    const std::string under_way = pair_.b.take();
    ours_->abort({LinkCode::kCancelled, "now"});
    pair_.a.give(under_way);
    pair_.run();
    EXPECT_EQ(user_.got, "");
    EXPECT_TRUE(pair_.a.session->is_up());
    EXPECT_EQ(pair_.a.session->stream_counters().late, 1u);
}

TEST_F(StreamTest, IsLostWithTheLink) {
    open();
    pair_.run();
    pair_.b.session->lost({LinkCode::kLinkLost, "connection reset"});
    pair_.b.session->settle();
    EXPECT_EQ(their_user().last.code, LinkCode::kLinkLost);
    EXPECT_EQ(their_user().last.text, "connection reset");
    pair_.a.session.reset();
    EXPECT_TRUE(ours_->is_over());
}

TEST_F(StreamTest, AServiceThatIsNotThereIsSaidToBeNone) {
    pair_.b.refuses = true;
    open("no-such");
    pair_.run();
    EXPECT_EQ(user_.last.code, LinkCode::kNoService);
    EXPECT_EQ(user_.last.text, "b: there is no service 'no-such'");
}

TEST_F(StreamTest, NoMoreAreOpenedThanThePeerAllows) {
    std::vector<std::unique_ptr<Stream>> streams;
    while (auto stream = pair_.a.session->open("discard")) streams.push_back(std::move(stream));
    EXPECT_EQ(streams.size(), StreamLimits().max_streams);
    pair_.run();
    EXPECT_EQ(pair_.b.streams.size(), streams.size());
    streams.clear();
    EXPECT_TRUE(pair_.a.session->open("discard"));
}

TEST_F(StreamTest, TheUserMayDestroyItInEachCallback) {
    class Destroyer : public Stream::User {
      public:
        void stream_readable(Stream&) override { stream.reset(); }
        void stream_writable(Stream&) override { stream.reset(); }
        void stream_over(Stream&, const LinkStatus&) override { stream.reset(); }
        std::unique_ptr<Stream> stream;
    };
    for (int what = 0; what < 3; ++what) {
        Destroyer user;
        user.stream = pair_.a.session->open("echo");
        user.stream->set_user(&user);
        pair_.run();
        if (what == 0) theirs().write(as_bytes("read this"));
        if (what == 1) {
            const std::string much(1 << 20, 'x');
            while (user.stream->write(as_bytes(much)) > 0) {
            }
        }
        if (what == 2) theirs().abort({LinkCode::kFailed, "broken"});
        pair_.run();
        EXPECT_FALSE(user.stream) << what;
        EXPECT_TRUE(pair_.a.session->is_up()) << what;
    }
}

}  // namespace
}  // namespace colo
