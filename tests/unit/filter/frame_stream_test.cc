// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/frame_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>

#include "stream_rig.h"

namespace colo {
namespace {

using testing::ElementsAre;

/// A stream on one end of a pair of sockets; the test is at the other.
class Stream : public FrameLoopTest, public FrameStream::Owner {
  protected:
    Stream() { connect(); }

    void connect() {
        int ends[2];
        ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
        peer_ = FileDescriptor(ends[1]);
        const int size = 1;  // the least there is
        setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        stream_->open(FileDescriptor(ends[0]));
    }
    void attach(Framing in = Framing::kPlain, Framing out = Framing::kPlain) {
        stream_->set_framing(in, out);
        stream_->set_sink(&user_);
    }
    void write(const std::string& text) {
        ASSERT_EQ(::send(peer_.get(), text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }
    /// What the stream has written up to now.
    const std::string& received() {
        char buffer[65536];
        ssize_t size;
        while ((size = recv(peer_.get(), buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
            received_.append(buffer, static_cast<size_t>(size));
        }
        return received_;
    }
    SendResult send(const std::string& data) { return stream_->send(frame(data)); }
    void stream_ended(const std::string& reason) override {
        ended_ += reason + ";";
        if (on_ended_) on_ended_();
    }

    FileDescriptor peer_;
    EndpointCounters counters_;
    User user_;
    std::unique_ptr<FrameStream> stream_ =
        std::make_unique<FrameStream>(loop_, pool_, counters_, *this);
    std::string received_;
    std::string ended_;
    std::function<void()> on_ended_;
};

TEST_F(Stream, ReadsABatchWithOneCall) {
    attach();
    write(plain("one") + plain("two") + plain("three"));
    settle();
    EXPECT_THAT(user_.log, ElementsAre("one", "two", "three"));
    EXPECT_EQ(user_.batches, 1);
    EXPECT_EQ(counters_.reads, 1u);
    EXPECT_EQ(counters_.frames_in, 3u);
    EXPECT_EQ(counters_.bytes_in, 4u * 3 + 11);
}

TEST_F(Stream, FramesMayArriveByteByByte) {
    attach(Framing::kVnet);
    for (const char byte : vnet(std::string(12, 'v'), "abc") + vnet("", "d")) {
        write(std::string(1, byte));
        settle();
    }
    EXPECT_THAT(user_.log, ElementsAre(std::string(12, 'v') + "abc", "d"));
}

TEST_F(Stream, WritesATurnsFramesWithOneCall) {
    attach();
    user_.keep = true;
    write(plain("one") + plain("two") + plain("three"));
    settle();
    for (Frame& frame : user_.kept) EXPECT_EQ(stream_->send(std::move(frame)), SendResult::kQueued);
    EXPECT_EQ(counters_.writes, 0u);
    settle();
    EXPECT_EQ(received(), plain("one") + plain("two") + plain("three"));
    EXPECT_EQ(counters_.writes, 1u);
    EXPECT_EQ(counters_.frames_out, 3u);
    EXPECT_EQ(counters_.bytes_out, 4u * 3 + 11);
}

TEST_F(Stream, KeepsTheOrderWhileThePeerDoesNotRead) {
    attach();
    std::string expected;
    for (int i = 0; i < 5000; ++i) {
        const std::string data = std::to_string(i) + std::string(i % 100, 'x');
        ASSERT_EQ(send(data), SendResult::kQueued);
        expected += plain(data);
        if (i % 100 == 0) settle();
    }
    settle();
    EXPECT_LT(counters_.frames_out, 5000u);
    EXPECT_GT(stream_->unsent(), 0u);
    until([&] {
        loop_.iterate(false);
        return received().size() == expected.size();
    });
    settle();
    EXPECT_EQ(received_, expected);
    EXPECT_EQ(counters_.frames_out, 5000u);
    EXPECT_EQ(stream_->unsent(), 0u);
}

TEST_F(Stream, RefusesTheNewestAboveItsLimits) {
    attach();
    stream_->set_limits({.bytes = SIZE_MAX, .frames = 10});
    size_t queued = 0;
    size_t full = 0;
    std::string expected;
    for (int i = 0; i < 1000; ++i) {
        const std::string data = std::to_string(i) + std::string(1000, 'x');
        switch (send(data)) {
            case SendResult::kQueued: ++queued; expected += plain(data); break;
            case SendResult::kFull: ++full; break;
            default: FAIL();
        }
    }
    EXPECT_GT(full, 0u);
    EXPECT_GE(queued, 10u);
    EXPECT_EQ(counters_.refused, full);
    until([&] { return received().size() == expected.size(); });
    EXPECT_EQ(received_, expected);
}

TEST_F(Stream, ARefusedFrameStaysWithItsOwner) {
    attach();
    stream_->close();
    Frame mine = frame("abc");
    EXPECT_EQ(stream_->send(std::move(mine)), SendResult::kNotConnected);
    EXPECT_TRUE(mine);
    EXPECT_EQ(counters_.not_connected, 1u);
}

TEST_F(Stream, ABadLengthEndsTheConnectionAfterWhatCameBefore) {
    const std::tuple<Framing, std::string, const char*> cases[] = {
        {Framing::kPlain, be32(0), "it sent a frame of length zero;"},
        {Framing::kPlain, be32(69633), "it sent a frame longer than 69632 bytes;"},
        {Framing::kVnet, be32(5) + be32(10), "it sent a vnet header longer than its frame;"},
        {Framing::kVnet, be32(50) + be32(11),
         "it sent a vnet header of neither 0, 10, 12 nor 20 bytes;"},
    };
    for (const auto& [framing, bad, reason] : cases) {
        connect();
        attach(framing);
        const uint64_t bad_lengths = counters_.bad_lengths;
        write((framing == Framing::kVnet ? vnet("", "good") : plain("good")) + bad + plain("more"));
        settle();
        EXPECT_THAT(user_.log, ElementsAre("good"));
        EXPECT_EQ(ended_, reason);
        EXPECT_FALSE(stream_->is_open());
        EXPECT_EQ(counters_.bad_lengths, bad_lengths + 1);
        user_.log.clear();
        ended_.clear();
    }
}

TEST_F(Stream, TheNextConnectionBeginsAfresh) {
    attach();
    write(be32(100) + "part");
    settle();
    peer_ = {};
    settle();
    EXPECT_EQ(ended_, "the other end closed it;");
    EXPECT_EQ(counters_.cut_bytes, 8u);
    connect();
    write(plain("whole"));
    settle();
    EXPECT_THAT(user_.log, ElementsAre("whole"));
    EXPECT_EQ(counters_.connects, 2u);
    EXPECT_EQ(counters_.disconnects, 1u);
}

TEST_F(Stream, WhatIsQueuedAtTheEndIsLostAndCounted) {
    attach();
    for (int i = 0; i < 1000; ++i) send(std::string(1000, 'x'));
    settle();
    const uint64_t out = counters_.frames_out;
    ASSERT_LT(out, 1000u);
    peer_ = {};
    until([&] { return !ended_.empty(); });
    EXPECT_EQ(counters_.lost, 1000 - out);
    connect();
    send("new");
    settle();
    EXPECT_EQ(received(), plain("new"));
}

TEST_F(Stream, WhatThePeerSentBeforeItWentIsStillRead) {
    attach();
    stream_->pause_reading(true);
    write(plain("last words"));
    peer_ = {};
    send("too late");
    until([&] { return !ended_.empty(); });
    EXPECT_THAT(user_.log, ElementsAre("last words"));
    EXPECT_EQ(counters_.lost, 1u);
}

TEST_F(Stream, ReadsNothingBeforeItHasAFraming) {
    write(plain("early"));
    settle();
    EXPECT_EQ(counters_.reads, 0u);
    attach();
    settle();
    EXPECT_THAT(user_.log, ElementsAre("early"));
}

TEST_F(Stream, NoticesWithoutAFramingThatThePeerHasGone) {
    peer_ = {};
    settle();
    EXPECT_EQ(ended_, "the other end closed it;");
}

TEST_F(Stream, WithoutASinkFramesAreDiscardedAndCounted) {
    attach();
    stream_->set_sink(nullptr);
    write(plain("a") + plain("b") + be32(3) + "c");
    settle();
    EXPECT_EQ(counters_.discarded, 2u);
    stream_->set_sink(&user_);
    write("dd" + plain("e"));
    settle();
    EXPECT_THAT(user_.log, ElementsAre("cdd", "e"));
    EXPECT_EQ(counters_.frames_in, 2u);
}

TEST_F(Stream, WhilePausedTheSystemQueues) {
    attach();
    stream_->pause_reading(true);
    write(plain("a"));
    settle();
    EXPECT_THAT(user_.log, ElementsAre());
    stream_->pause_reading(false);
    settle();
    EXPECT_THAT(user_.log, ElementsAre("a"));
}

TEST_F(Stream, PausingFromWithinABatchEndsItsReading) {
    attach();
    user_.on_frame = [&] { stream_->pause_reading(true); };
    const std::string large = plain(std::string(60000, 'x'));
    write(large + large);
    settle();
    // What has been read is delivered.
    const size_t seen = user_.log.size();
    write(large);
    settle();
    EXPECT_EQ(user_.log.size(), seen);
    EXPECT_TRUE(stream_->drain());
    EXPECT_EQ(user_.log.size(), 3u);
}

TEST_F(Stream, DrainsToTheEndOfAFrame) {
    attach();
    stream_->pause_reading(true);
    EXPECT_TRUE(stream_->drain());
    write(plain("one") + be32(3) + "tw");
    EXPECT_FALSE(stream_->drain());
    EXPECT_THAT(user_.log, ElementsAre("one"));
    write("o");
    EXPECT_TRUE(stream_->drain());
    EXPECT_THAT(user_.log, ElementsAre("one", "two"));
    peer_ = {};
    EXPECT_TRUE(stream_->drain());
    EXPECT_FALSE(stream_->is_open());
    EXPECT_TRUE(stream_->drain());
}

TEST_F(Stream, CannotBeDrainedFromWithinABatch) {
    attach();
    bool drained = true;
    user_.on_frame = [&] { drained = stream_->drain(); };
    write(plain("one"));
    settle();
    EXPECT_FALSE(drained);
}

TEST_F(Stream, MayBeDestroyedInTheMiddleOfABatch) {
    attach();
    user_.on_frame = [&] { stream_.reset(); };
    send("answer");
    write(plain("one") + plain("two"));
    settle();
    EXPECT_THAT(user_.log, ElementsAre("one"));
    EXPECT_EQ(user_.batches, 0);
}

TEST_F(Stream, MayBeDestroyedWhileItIsDrained) {
    attach();
    user_.on_frame = [&] { stream_.reset(); };
    write(plain("one") + plain("two"));
    stream_->drain();
    EXPECT_THAT(user_.log, ElementsAre("one"));
}

TEST_F(Stream, MayBeClosedInTheMiddleOfABatch) {
    attach();
    user_.on_frame = [&] { stream_->close(); };
    write(plain("one") + plain("two"));
    settle();
    EXPECT_THAT(user_.log, ElementsAre("one"));
    EXPECT_EQ(ended_, "");
}

TEST_F(Stream, MayBeDestroyedWhenItEnds) {
    for (const bool by_writing : {false, true}) {
        stream_ = std::make_unique<FrameStream>(loop_, pool_, counters_, *this);
        ended_.clear();
        connect();
        attach();
        if (by_writing) stream_->pause_reading(true);
        on_ended_ = [&] { stream_.reset(); };
        peer_ = {};
        if (by_writing) send("x");
        until([&] { return !stream_; });
        settle();
        EXPECT_NE(ended_, "") << by_writing;
    }
}

TEST_F(Stream, MayBeDestroyedWithFramesQueued) {
    attach();
    send("a");
    stream_.reset();
    settle();
    EXPECT_EQ(received(), "");
}

TEST_F(Stream, TheSinkMayChangeWithinABatch) {
    attach();
    User second;
    user_.on_frame = [&] { stream_->set_sink(&second); };
    write(plain("one") + plain("two"));
    settle();
    EXPECT_THAT(user_.log, ElementsAre("one"));
    EXPECT_THAT(second.log, ElementsAre("two"));
}

TEST_F(Stream, AQuickPeerLeavesTurnsToOthers) {
    attach();
    bool other_ran = false;
    SourcePtr other;
    const std::string stream = plain(std::string(50000, 'x'));
    user_.on_frame = [&] {
        // The socket never runs empty.
        if (!other_ran) ::send(peer_.get(), stream.data(), stream.size(), MSG_DONTWAIT);
    };
    write(stream);
    write(stream);
    other = after(loop_.context(), 0, [&] { other_ran = true; });
    until([&] { return other_ran; });
}

}  // namespace
}  // namespace colo
