// SPDX-License-Identifier: GPL-2.0-or-later
// semantics.md, 7: a client's frames for a secondary VM that is slower than its primary. The VM's stream
// begins at 1001, the client's at 5001; the VM's clock shows 900 and more, the client's 70 and more.
#include "compare/flow_feed.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/support/mapper_rig.h"

namespace colo::test {
namespace {

constexpr uint32_t kVmNext = 1001;
constexpr uint32_t kClientNext = 5001;
using tcp_flag::kAck;
using tcp_flag::kFin;
using tcp_flag::kRst;
using tcp_flag::kSyn;

using Texts = std::vector<std::string>;

/// "5001:5101 ack 1001 win 500 ts 71/900", relative to nothing; flags in front.
std::string text_of(const Frame& frame) {
    const PacketView view = parse(frame.bytes(), frame.wire_size());
    if (!view.is_tcp()) return "other";
    EXPECT_TRUE(transport_checksum_ok(view));
    EXPECT_TRUE(ipv4_header_checksum_ok(view));
    std::string text;
    if (view.has(kSyn)) text += "S ";
    if (view.has(kFin)) text += "F ";
    if (view.has(kRst)) text += "R ";
    text += std::to_string(view.seq.raw()) + ":" + std::to_string(view.seq.raw() + view.payload_size);
    text += " ack " + std::to_string(view.ack.raw()) + " win " + std::to_string(view.window);
    const auto stamps = parse_tcp_options(view).timestamps;
    if (!stamps) return text;
    return text + " ts " + std::to_string(stamps->value) + "/" + std::to_string(stamps->echo);
}

class FeedRig : public FlowFeedSink {
  public:
    explicit FeedRig(Wrapping wrapping = Wrapping::kIpv4, uint32_t max_flows = 100)
        : wrapping_(wrapping), feed_(max_flows, FlowHash(1, 2), pool_, *this) {}

    void to_vm(Frame frame) override {
        log_.push_back(text_of(frame));
        last_ = bytes_of(frame);
    }

    FrameBuilder vm(uint16_t port = 40000) const { return wrapped(wrapping_, 80, port); }
    FrameBuilder client(uint16_t port = 40000) const { return vm(port).swap_ends(); }
    /// With timestamps.
    FrameBuilder vm(uint32_t seq, uint32_t ack, uint16_t window, uint32_t stamp = 900) const {
        return stamped(vm(), seq, ack, window, stamp, 70);
    }
    FrameBuilder client(uint32_t seq, uint32_t ack, uint16_t window = 500, uint32_t stamp = 70) const {
        return stamped(client(), seq, ack, window, stamp, 900);
    }

    void input(const FrameBuilder& builder) { input(builder.build()); }
    /// Somebody else's handle on the frame.
    Frame input(const ByteVector& bytes) {
        Frame frame = pool_.copy(bytes);
        Frame theirs = frame.share();
        const PacketView view = parse(frame.bytes(), frame.wire_size());
        feed_.input(std::move(frame), view);
        return theirs;
    }
    void output(const FrameBuilder& builder) { output(builder.build()); }
    void output(const ByteVector& bytes) { feed_.output(parse(Bytes(bytes), 0), now_); }

    /// The client connects; the VM takes `window` (already scaled, at most 65535).
    void open(uint16_t window = 1000) {
        using namespace tcp_option;
        input(client().seq(kClientNext - 1).flags(kSyn).options({window_scale(7), timestamps(70, 0)}));
        output(vm().seq(kVmNext - 1).ack(kClientNext).flags(kSyn | kAck).window(window).options(
            {window_scale(0), timestamps(900, 70)}));
        input(client(kClientNext, kVmNext));
        log();
    }
    Texts log() { return std::exchange(log_, {}); }
    void pass_time(Time time) { now_ += time; }

    FlowFeed& feed() { return feed_; }
    const FlowFeedCounters& counters() const { return feed_.counters(); }
    const ByteVector& last() const { return last_; }

  private:
    static FrameBuilder stamped(FrameBuilder frame, uint32_t seq, uint32_t ack, uint16_t window,
                                uint32_t value, uint32_t echo) {
        using namespace tcp_option;
        return frame.seq(seq).ack(ack).window(window).options({nop(), nop(), timestamps(value, echo)});
    }

    FramePool pool_;
    Wrapping wrapping_;
    Time now_ = seconds(1000);
    Texts log_;
    ByteVector last_;
    FlowFeed feed_;
};

class FeedStamps : public testing::TestWithParam<Wrapping> {};

// --- Windows

TEST(FeedWindow, WhatFitsPassesAsItIs) {
    FeedRig rig;
    rig.open(200);
    const ByteVector frame = rig.client(kClientNext, kVmNext).payload(pattern(200)).build();
    rig.input(frame);
    EXPECT_EQ(rig.last(), frame);
    EXPECT_EQ(rig.counters().held, 0u);
}

TEST(FeedWindow, WhatDoesNotWaitsForItInOrder) {
    FeedRig rig;
    rig.open(100);
    for (uint32_t i = 0; i < 4; ++i) {
        rig.input(rig.client(kClientNext + 100 * i, kVmNext, 500, 71 + i).payload(pattern(100)));
    }
    EXPECT_EQ(rig.log(), Texts{"5001:5101 ack 1001 win 500 ts 71/900"});
    EXPECT_EQ(rig.counters().held, 3u);
    rig.output(rig.vm(kVmNext, kClientNext + 100, 0));
    EXPECT_EQ(rig.log(), Texts{});
    rig.output(rig.vm(kVmNext, kClientNext + 100, 250));
    EXPECT_EQ(rig.log(), (Texts{"5101:5201 ack 1001 win 500 ts 72/900",
                                "5201:5301 ack 1001 win 500 ts 73/900"}));
    rig.output(rig.vm(kVmNext, kClientNext + 300, 250));
    EXPECT_EQ(rig.log(), Texts{"5301:5401 ack 1001 win 500 ts 74/900"});
    EXPECT_EQ(rig.feed().held_bytes(), 0u);
}

TEST(FeedWindow, IsScaledAsBothSidesHaveAgreed) {
    using namespace tcp_option;
    struct Case {
        const char* name;
        bool active;
        ByteVector vm, client;
        bool waits;  ///< a segment of 1 byte at 150, window 100 as it stands in the header
    };
    const ByteVector none;
    const std::vector<Case> cases = {
        {"server, both", false, window_scale(1), window_scale(5), false},
        {"server, client does not", false, none, none, true},
        {"client, both", true, window_scale(1), window_scale(5), false},
        {"client, server does not", true, window_scale(1), none, true},
        {"client does not", true, none, none, true},
        {"more than 14", false, window_scale(200), window_scale(1), false},
    };
    for (const Case& one : cases) {
        SCOPED_TRACE(one.name);
        FeedRig rig;
        const auto vm = rig.vm().seq(kVmNext - 1).options({one.vm});
        const auto client = rig.client().seq(kClientNext - 1).options({one.client});
        if (one.active) {
            rig.output(FrameBuilder(vm).flags(kSyn));
            rig.input(FrameBuilder(client).ack(kVmNext).flags(kSyn | kAck));
        } else {
            rig.input(FrameBuilder(client).flags(kSyn));
            rig.output(FrameBuilder(vm).ack(kClientNext).flags(kSyn | kAck));
        }
        rig.output(rig.vm().seq(kVmNext).ack(kClientNext).window(100));
        rig.input(rig.client().seq(kClientNext + 149).ack(kVmNext).payload("x"));
        EXPECT_EQ(rig.counters().held, one.waits ? 1u : 0u);
    }
}

TEST(FeedWindow, OfASynIsNotScaled) {
    FeedRig rig;
    rig.output(rig.vm().seq(kVmNext - 1).ack(kClientNext).flags(kSyn | kAck).window(100).options(
        {tcp_option::window_scale(7)}));
    rig.input(rig.client().seq(kClientNext + 100).ack(kVmNext).payload("x"));
    EXPECT_EQ(rig.counters().held, 1u);
}

TEST(FeedWindow, OfUnknownScaleCountsWhenClosedOnly) {
    FeedRig rig;
    rig.output(rig.vm(kVmNext, kClientNext, 100));
    rig.input(rig.client(kClientNext + 100, kVmNext).payload("x"));
    EXPECT_EQ(rig.counters().held, 0u);
    rig.output(rig.vm(kVmNext, kClientNext + 101, 0));
    rig.input(rig.client(kClientNext + 101, kVmNext).payload("y"));
    EXPECT_EQ(rig.counters().held, 1u);
    rig.log();
    rig.output(rig.vm(kVmNext, kClientNext + 101, 1));
    EXPECT_EQ(rig.log().size(), 1u);
}

TEST(FeedWindow, SegmentThatIsLongerThanAnyWindowPassesWhenItBegins) {
    FeedRig rig;
    rig.open(100);
    rig.input(rig.client(kClientNext, kVmNext).payload(pattern(300)));
    EXPECT_EQ(rig.counters().held, 0u);
    rig.output(rig.vm(kVmNext, kClientNext + 100, 0));
    rig.input(rig.client(kClientNext + 300, kVmNext).payload(pattern(300)));
    EXPECT_EQ(rig.counters().held, 1u);
}

TEST(FeedWindow, EndsOfTheConnectionKeepTheirPlace) {
    FeedRig rig;
    rig.open(100);
    rig.input(rig.client(kClientNext + 50, kVmNext).payload(pattern(100)));
    rig.input(rig.client(kClientNext + 150, kVmNext).flags(kFin | kAck));
    rig.input(rig.client(kClientNext + 151, kVmNext).flags(kRst | kAck));
    EXPECT_EQ(rig.log(), Texts{});
    rig.output(rig.vm(kVmNext, kClientNext + 50, 1000));
    EXPECT_EQ(rig.log(), (Texts{"5051:5151 ack 1001 win 500 ts 70/900",
                                "F 5151:5151 ack 1001 win 500 ts 70/900",
                                "R 5152:5152 ack 1001 win 500 ts 70/900"}));
}

TEST(FeedWindow, WhatWasLostOnTheWayGoesBeforeWhatWaits) {
    struct Case {
        const char* name;
        uint32_t seq, size;
        bool goes;
    };
    // The VM takes up to 5101; what waits begins at 5051.
    const Case cases[] = {{"up to it", 5001, 50, true},
                          {"into it", 5041, 60, true},
                          {"its own beginning", 5051, 50, true},
                          {"beyond the window, too", 5041, 61, false},
                          {"not from its beginning", 5052, 40, false}};
    for (const Case& c : cases) {
        SCOPED_TRACE(c.name);
        FeedRig rig;
        rig.open(100);
        rig.input(rig.client(5051, kVmNext).payload(pattern(100)));
        rig.input(rig.client(c.seq, kVmNext).payload(pattern(c.size)));
        EXPECT_EQ(rig.log().size(), c.goes ? 1u : 0u);
        EXPECT_EQ(rig.counters().held, c.goes ? 1u : 2u);
    }
}

TEST(FeedWindow, WhatWaitsDoesSoByItsNumbers) {
    FeedRig rig;
    rig.open(100);
    for (const uint32_t seq : {5301, 5101, 5201, 5101, 5401}) {
        rig.input(rig.client(seq, kVmNext).payload(pattern(100)));
    }
    rig.output(rig.vm(kVmNext, kClientNext, 300));
    EXPECT_EQ(rig.log(), (Texts{"5101:5201 ack 1001 win 500 ts 70/900",
                                "5101:5201 ack 1001 win 500 ts 70/900",
                                "5201:5301 ack 1001 win 500 ts 70/900"}));
    rig.output(rig.vm(kVmNext, kClientNext, 1000));
    EXPECT_EQ(rig.log(), (Texts{"5301:5401 ack 1001 win 500 ts 70/900",
                                "5401:5501 ack 1001 win 500 ts 70/900"}));
}

TEST(FeedWindow, WhatEndsTheConnectionIsNotOvertaken) {
    FeedRig rig;
    rig.open(100);
    rig.input(rig.client(5301, kVmNext).payload(pattern(100)));
    rig.input(rig.client().seq(5151).ack(kVmNext).flags(kRst | kAck));
    rig.input(rig.client(5201, kVmNext).payload(pattern(100)));
    rig.output(rig.vm(kVmNext, kClientNext, 1000));
    EXPECT_EQ(rig.log(), (Texts{"5301:5401 ack 1001 win 500 ts 70/900", "R 5151:5151 ack 1001 win 65535",
                                "5201:5301 ack 1001 win 500 ts 70/900"}));
}

TEST_P(FeedStamps, OfWhatHasWaitedAreNotOlderThanWhatTheVmHasGot) {
    FeedRig rig(GetParam());
    rig.open(100);
    rig.input(rig.client(5051, kVmNext, 500, 71).payload(pattern(100)));
    rig.input(rig.client(5151, kVmNext, 500, 95).payload(pattern(100)));
    rig.input(rig.client(5001, kVmNext, 500, 90).payload(pattern(50)));
    rig.output(rig.vm(kVmNext, 5051, 1000));
    EXPECT_EQ(rig.log(), (Texts{"5001:5051 ack 1001 win 500 ts 90/900",
                                "5051:5151 ack 1001 win 500 ts 90/900",
                                "5151:5251 ack 1001 win 500 ts 95/900"}));
}

INSTANTIATE_TEST_SUITE_P(All, FeedStamps,
                         testing::Values(Wrapping::kIpv4, Wrapping::kIpv6, Wrapping::kVlan));

TEST(FeedWindow, OthersFramesAreNotChanged) {
    FeedRig rig;
    rig.open(0);
    const ByteVector bytes = rig.client(5002, kVmNext, 500, 71).payload(pattern(100)).build();
    const Frame theirs = rig.input(bytes);
    rig.output(rig.vm(kVmNext, 5001, 1));
    rig.input(rig.client(5001, kVmNext, 500, 90).payload("x"));
    rig.output(rig.vm(kVmNext, 5002, 1000));
    EXPECT_EQ(rig.log().back(), "5002:5102 ack 1001 win 500 ts 90/900");
    EXPECT_EQ(bytes_of(theirs), bytes);
}

TEST(FeedWindow, AcksOvertakeWithNumbersTheVmKnows) {
    FeedRig rig;
    rig.open(100);
    rig.input(rig.client(kClientNext, kVmNext, 500, 71).payload(pattern(100)));
    rig.output(rig.vm(kVmNext, kClientNext + 100, 0, 950).payload(pattern(10)));
    rig.log();
    rig.input(rig.client(kClientNext + 100, kVmNext, 500, 72).payload(pattern(100)));
    EXPECT_EQ(rig.log(), Texts{}) << "no news";
    rig.input(rig.client(kClientNext + 200, kVmNext + 10, 400, 73));
    rig.input(rig.client(kClientNext + 200, kVmNext + 10, 400, 73));
    rig.input(rig.client(kClientNext + 200, kVmNext + 10, 300, 74).payload("x"));
    EXPECT_EQ(rig.log(), (Texts{"5101:5101 ack 1011 win 400 ts 71/950",
                                "5101:5101 ack 1011 win 300 ts 71/950"}));
    EXPECT_EQ(rig.counters().replaced, 2u);
    rig.output(rig.vm(kVmNext + 10, kClientNext + 100, 1000));
    EXPECT_EQ(rig.log(), (Texts{"5101:5201 ack 1001 win 500 ts 72/900",
                                "5201:5202 ack 1011 win 300 ts 74/900"}));
}

TEST(FeedWindow, OtherFlowsAndOtherFramesDoNotWait) {
    FeedRig rig;
    rig.open(0);
    rig.input(rig.client(kClientNext, kVmNext).payload("x"));
    rig.input(rig.client(50000).seq(9).ack(9).payload("y"));
    rig.input(FrameBuilder().arp(1, "10.0.0.9", "10.0.0.1"));
    rig.input(FrameBuilder().ipv4("10.0.0.9", "10.0.0.1").udp(40000, 80));
    EXPECT_EQ(rig.log(), (Texts{"9:10 ack 9 win 65535", "other", "other"}));
}

TEST(FeedWindow, StrangersSegmentsFarFromTheConnectionDoNotWait) {
    FeedRig rig;
    rig.open(0);
    rig.input(rig.client(kClientNext + 0x20000000, kVmNext).payload("x"));
    rig.input(rig.client(kClientNext, kVmNext + 0x20000000).payload("y"));
    EXPECT_EQ(rig.counters().held, 0u);
    EXPECT_EQ(rig.log().size(), 2u);
}

// --- Answers

struct Question {
    const char* name;
    uint32_t seq;
    uint32_t size;
    uint8_t flags;
    uint16_t client_window;
    bool is_answered;
};

// The client has acked 1101; the VM has sent up to 1201.
const Question kQuestions[] = {
    {"what the client has", kVmNext, 100, kAck, 500, true},
    {"the last byte of it", kVmNext + 99, 1, kAck, 500, true},
    {"partly new", kVmNext + 50, 100, kAck, 500, false},
    {"new to the client", kVmNext + 100, 100, kAck, 500, false},
    {"a mere ack", kVmNext + 200, 0, kAck, 500, false},
    {"a mere ack after all was acked", kVmNext + 100, 0, kAck, 500, false},
    {"a keep-alive", kVmNext + 99, 0, kAck, 500, true},
    {"a window probe without data", kVmNext + 99, 0, kAck, 0, true},
    {"a window probe with data", kVmNext + 100, 1, kAck, 0, true},
    {"a SYN-ACK again", kVmNext - 1, 0, kSyn | kAck, 500, true},
    {"a FIN that is new", kVmNext + 200, 0, kFin | kAck, 500, false},
    {"an RST", kVmNext, 0, kRst, 500, false},
};

TEST(FeedAnswers, WhatTheClientHasAckedAndProbes) {
    for (const Question& question : kQuestions) {
        SCOPED_TRACE(question.name);
        FeedRig rig;
        rig.open();
        rig.output(rig.vm(kVmNext, kClientNext, 1000, 950).payload(pattern(200)));
        rig.input(rig.client(kClientNext, kVmNext + 100, question.client_window, 77).payload(pattern(30)));
        rig.log();
        rig.output(rig.vm(question.seq, kClientNext, 1000, 980)
                       .flags(question.flags)
                       .payload(pattern(question.size)));
        const std::string answer = "5031:5031 ack 1101 win " +
                                   std::to_string(question.client_window) + " ts 77/980";
        EXPECT_EQ(rig.log(), question.is_answered ? Texts{answer} : Texts{});
    }
}

class FeedAnswer : public testing::TestWithParam<Wrapping> {};
INSTANTIATE_TEST_SUITE_P(Each, FeedAnswer,
                         testing::Values(Wrapping::kIpv4, Wrapping::kIpv6, Wrapping::kVlan,
                                         Wrapping::kQinq, Wrapping::kVlanIpv6));

TEST_P(FeedAnswer, IsTheClientsOwnFrame) {
    FeedRig rig(GetParam());
    rig.open();
    rig.output(rig.vm(kVmNext, kClientNext, 1000, 950).payload(pattern(200)));
    const auto ack = rig.client(kClientNext, kVmNext + 200, 400, 77).dont_fragment().pad_to(60);
    rig.input(ack);
    rig.output(rig.vm(kVmNext, kClientNext, 1000, 900).payload(pattern(200)));
    EXPECT_EQ(rig.counters().answers, 1u);
    EXPECT_EQ(rig.last(), ack.build());
}

TEST(FeedAnswers, LeaveTimestampsOutWhereThereAreNone) {
    FeedRig rig;
    rig.output(rig.vm().seq(kVmNext).ack(kClientNext).payload(pattern(100)));
    rig.input(rig.client().seq(kClientNext).ack(kVmNext + 100));
    rig.log();
    rig.output(rig.vm().seq(kVmNext).ack(kClientNext).payload(pattern(100)));
    EXPECT_EQ(rig.log(), Texts{"5001:5001 ack 1101 win 65535"});
}

TEST(FeedAnswers, AreAtMostOneEach100Milliseconds) {
    FeedRig rig;
    rig.open();
    const auto data = rig.vm(kVmNext, kClientNext, 1000).payload("abc");
    rig.output(data);
    rig.input(rig.client(kClientNext, kVmNext + 3));
    for (int i = 0; i < 10; ++i) {
        rig.output(data);
        rig.pass_time(milliseconds(25));
    }
    EXPECT_EQ(rig.counters().answers, 3u);
}

TEST(FeedAnswers, OldAcksTakeNothingBack) {
    FeedRig rig;
    rig.open();
    rig.output(rig.vm(kVmNext, kClientNext, 1000).payload(pattern(100)));
    rig.input(rig.client(kClientNext, kVmNext + 100));
    rig.input(rig.client(kClientNext, kVmNext + 50, 9));
    rig.log();
    rig.output(rig.vm(kVmNext + 90, kClientNext, 1000).payload(pattern(10)));
    EXPECT_EQ(rig.log(), Texts{"5001:5001 ack 1101 win 500 ts 70/900"});
}

TEST(FeedAnswers, ComeOnlyForAClientThatHasSaidSomething) {
    FeedRig rig;
    rig.input(rig.client(kClientNext, kVmNext + 100));
    rig.log();
    rig.output(rig.vm(kVmNext, kClientNext, 1000).payload(pattern(100)));
    rig.output(rig.vm(kVmNext, kClientNext, 1000).payload(pattern(100)));
    EXPECT_EQ(rig.log(), Texts{});
}

// --- Incarnations, fences, failover

TEST(FeedFlows, NextConnectionOfThePortsBeginsAnew) {
    FeedRig rig;
    rig.open(0);
    rig.input(rig.client(kClientNext, kVmNext).payload("x"));
    rig.log();
    rig.output(rig.vm(90'000, 80'001, 1000).flags(kSyn | kAck));
    EXPECT_EQ(rig.log(), Texts{"5001:5002 ack 1001 win 500 ts 70/900"}) << "handed over";
    rig.output(rig.vm(90'001, 80'001, 1000).payload(pattern(10)));
    rig.output(rig.vm(90'001, 80'001, 1000).payload(pattern(10)));
    EXPECT_EQ(rig.log(), Texts{});
}

TEST(FeedFlows, EndWithAnRstOfTheVmOrBothFins) {
    FeedRig rig;
    rig.open();
    rig.output(rig.vm(kVmNext, kClientNext, 1000).flags(kRst | kAck));
    EXPECT_EQ(rig.feed().flows(), 0u);
    rig.open();
    rig.output(rig.vm(kVmNext, kClientNext, 1000).flags(kFin | kAck));
    rig.input(rig.client(kClientNext, kVmNext + 1).flags(kFin | kAck));
    EXPECT_EQ(rig.feed().flows(), 1u) << "the client's FIN is not acked";
    rig.output(rig.vm(kVmNext + 1, kClientNext + 1, 1000));
    EXPECT_EQ(rig.feed().flows(), 0u);
    rig.open();
    rig.input(rig.client(kClientNext, kVmNext).flags(kFin | kAck));
    rig.output(rig.vm(kVmNext, kClientNext + 1, 1000).flags(kFin | kAck));
    EXPECT_EQ(rig.feed().flows(), 1u) << "the VM's FIN is not acked";
    rig.input(rig.client(kClientNext + 1, kVmNext + 1));
    EXPECT_EQ(rig.feed().flows(), 0u);
}

TEST(FeedFence, WhatWaitsIsHandedOverBefore) {
    FeedRig rig;
    rig.open(0);
    rig.input(rig.client(kClientNext, kVmNext).payload("x"));
    rig.input(rig.client(kClientNext + 1, kVmNext).payload("y"));
    rig.log();
    rig.feed().flush();
    EXPECT_EQ(rig.log(), (Texts{"5001:5002 ack 1001 win 500 ts 70/900",
                                "5002:5003 ack 1001 win 500 ts 70/900"}));
    EXPECT_EQ(rig.feed().held_bytes(), 0u);
}

TEST(FeedFence, WhatStillWaitsTheCopyHasHadAlready) {
    FeedRig rig;
    rig.open(0);
    rig.input(rig.client(kClientNext, kVmNext).payload("x"));
    rig.feed().fence();
    EXPECT_EQ(rig.feed().held_bytes(), 0u);
    rig.feed().flush();
    EXPECT_EQ(rig.log(), Texts{});
}

TEST(FeedFence, NumbersOfTheVmThatIsNoMoreAreForgotten) {
    FeedRig rig;
    rig.open(0);
    rig.output(rig.vm(kVmNext, kClientNext, 0).payload(pattern(100)));
    rig.input(rig.client(kClientNext, kVmNext + 100));
    rig.feed().fence();
    rig.log();
    rig.input(rig.client(kClientNext, 3'000'000'000).payload("x"));
    rig.output(rig.vm(kVmNext, kClientNext, 0));
    EXPECT_EQ(rig.log(), Texts{"5001:5002 ack 3000000000 win 500 ts 70/900"});
}

TEST(FeedFence, ScaleIsTheConnectionsAndStays) {
    FeedRig rig;
    rig.open(1000);
    rig.feed().fence();
    rig.output(rig.vm(kVmNext, kClientNext, 100));
    rig.input(rig.client(kClientNext + 100, kVmNext).payload("x"));
    EXPECT_EQ(rig.counters().held, 1u);
}

TEST(FeedFailover, HandsOverAndEnds) {
    FeedRig rig;
    rig.open(0);
    rig.input(rig.client(kClientNext, kVmNext).payload("x"));
    rig.log();
    rig.feed().failover();
    EXPECT_EQ(rig.log(), Texts{"5001:5002 ack 1001 win 500 ts 70/900"});
    rig.output(rig.vm(kVmNext, kClientNext, 0));
    rig.input(rig.client(kClientNext, kVmNext).payload("x"));
    EXPECT_EQ(rig.log().size(), 1u);
    EXPECT_EQ(rig.feed().flows(), 0u);
}

// --- Bounds

TEST(FeedBounds, FlowMayNotHoldMoreThan256KiB) {
    FeedRig rig;
    rig.open(0);
    for (uint32_t i = 0; i < 300; ++i) {
        rig.input(rig.client(kClientNext + 1000 * i, kVmNext).payload(pattern(1000)));
    }
    EXPECT_LE(rig.feed().held_bytes(), FlowFeed::kMaxHeldBytes);
    EXPECT_GT(rig.feed().held_bytes(), FlowFeed::kMaxHeldBytes - 1100);
    EXPECT_EQ(rig.counters().held + rig.counters().dropped, 300u);
    rig.log();
    rig.output(rig.vm(kVmNext, kClientNext, 65535));
    EXPECT_EQ(rig.log().front(), "5001:6001 ack 1001 win 500 ts 70/900");
}

TEST(FeedBounds, AllTogetherNotMoreThan16MiB) {
    FeedRig rig(Wrapping::kIpv4, 1000);
    const ByteVector data = pattern(60'000);
    for (uint16_t port = 1; port <= 100; ++port) {
        rig.output(rig.vm(port).seq(kVmNext).ack(kClientNext).window(0));
        for (int i = 0; i < 4; ++i) rig.input(rig.client(port).seq(kClientNext).ack(kVmNext).payload(data));
    }
    EXPECT_LE(rig.feed().held_bytes(), FlowFeed::kMaxAllBytes);
    EXPECT_GT(rig.counters().dropped, 0u);
    rig.feed().flush();
    EXPECT_EQ(rig.log().size(), rig.counters().held);
}

TEST(FeedBounds, LeastUsedFlowGoesAndItsFramesAreHandedOver) {
    FeedRig rig(Wrapping::kIpv4, 2);
    for (const uint16_t port : {1, 2}) {
        rig.output(rig.vm(port).seq(kVmNext).ack(kClientNext).window(0));
        rig.input(rig.client(port).seq(kClientNext).ack(kVmNext).payload("x"));
    }
    rig.output(rig.vm(3).seq(kVmNext).ack(kClientNext).window(0));
    EXPECT_EQ(rig.log(), Texts{"5001:5002 ack 1001 win 65535"});
    EXPECT_EQ(rig.feed().flows(), 2u);
    EXPECT_EQ(rig.counters().evicted, 1u);
    rig.input(rig.client(2).seq(kClientNext).ack(kVmNext).payload("x"));
    rig.output(rig.vm(4).seq(kVmNext).ack(kClientNext).window(0));
    rig.output(rig.vm(2).seq(kVmNext).ack(kClientNext).window(100));
    EXPECT_EQ(rig.log().size(), 2u) << "the one that was used is still there";
}

}  // namespace
}  // namespace colo::test
