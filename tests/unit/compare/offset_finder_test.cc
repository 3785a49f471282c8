// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/offset_finder.h"

#include <gtest/gtest.h>

#include "compare/offsets.h"
#include "tests/support/compare_rig.h"

namespace colo::test {
namespace {

constexpr uint32_t kP = 1000;
constexpr uint32_t kS = 500'000;

class Finder : public testing::Test {
  protected:
    void output(colo::Side side, const std::string& text, const Tcp& tcp = web) {
        const uint32_t isn = side == colo::Side::kPrimary ? kP : kS;
        const ByteVector frame = CompareRig::frame_of(tcp, isn, text);
        const PacketView view = parse(frame, 0);
        finder_.output(side, view);
    }
    void p(const std::string& text) { output(colo::Side::kPrimary, text); }
    void s(const std::string& text) { output(colo::Side::kSecondary, text); }
    /// The client's segment as each guest was given it.
    void client(colo::Side side, const std::string& text) {
        Tcp tcp = web;
        tcp.primary_isn = side == colo::Side::kPrimary ? kP : kS;
        const ByteVector frame = CompareRig::client_frame_of(tcp, text);
        const PacketView view = parse(frame, 0);
        finder_.input(side, view);
    }
    std::optional<InitialOffset> found() { return finder_.initial_offset(CompareRig::key_of(web)); }
    void expect(uint32_t origin, SeqDelta delta) {
        ASSERT_TRUE(found());
        EXPECT_EQ(found()->origin, Seq(origin));
        EXPECT_EQ(found()->delta, delta);
    }

    OffsetFinder finder_{100, FlowHash(1, 2)};
};

TEST_F(Finder, KnowsNothingOfAFlowNobodySaw) {
    EXPECT_FALSE(found());
    s(". 1:11(10) ack 1");
    EXPECT_FALSE(found());
}

TEST_F(Finder, LeavesFlowsWithBothSynsAlone) {
    p("S. 0:0(0) ack 1");
    s("S. 0:0(0) ack 1");
    p(". 1:11(10) ack 1");
    s(". 1:11(10) ack 1");
    EXPECT_FALSE(found());
}

TEST_F(Finder, AcksOfTheFirstCommonClientSegmentTell) {
    p(". 101:111(10) ack 5");
    s(". 151:161(10) ack 5");  // the lowest numbers are no twins
    client(colo::Side::kPrimary, ". 5:6(1) ack 90");
    client(colo::Side::kPrimary, ". 6:7(1) ack 101");
    client(colo::Side::kSecondary, ". 6:7(1) ack 101");
    expect(kP + 101, static_cast<SeqDelta>(kS - kP));
}

TEST_F(Finder, OneSynIsNotEnough) {
    p("S. 0:0(0) ack 1");
    s(". 1:11(10) ack 1");
    client(colo::Side::kPrimary, ". 1:1(0) ack 1");
    client(colo::Side::kSecondary, ". 1:1(0) ack 1");
    expect(kP + 1, static_cast<SeqDelta>(kS - kP));
}

TEST_F(Finder, ElseTheLowestNumbersDo) {
    p(". 111:121(10) ack 5");
    p(". 101:111(10) ack 5");
    s(". 121:131(10) ack 5");
    s(". 101:111(10) ack 5");
    expect(kP + 101, static_cast<SeqDelta>(kS - kP));
}

TEST_F(Finder, PureAcksGiveWayToPayload) {
    p(". 50:50(0) ack 5");
    p(". 101:111(10) ack 5");
    s(". 101:111(10) ack 5");
    expect(kP + 101, static_cast<SeqDelta>(kS - kP));
}

TEST_F(Finder, FlowWithoutPayloadBeginsAtItsFirstSegment) {
    p(". 101:101(0) ack 5");
    s(". 101:101(0) ack 9");
    expect(kP + 101, static_cast<SeqDelta>(kS - kP));
}

TEST_F(Finder, FinCountsAsAPosition) {
    p(". 50:50(0) ack 5");
    p("F. 101:101(0) ack 5");
    s("F. 101:101(0) ack 5");
    expect(kP + 101, static_cast<SeqDelta>(kS - kP));
}

TEST_F(Finder, OnlyTheFirst64KiBOfASideCount) {
    for (uint32_t at = 100'001; at < 190'000; at += 10'000) {
        p(". " + std::to_string(at) + ":" + std::to_string(at + 10'000) + "(10000) ack 5");
    }
    p(". 1:11(10) ack 5");  // too late
    s(". 100001:100011(10) ack 5");
    expect(kP + 100'001, static_cast<SeqDelta>(kS - kP));
}

TEST_F(Finder, LaterIncarnationSaysNothing) {
    p(". 101:111(10) ack 5");
    p("S. 9000:9000(0) ack 1");
    p(". 50:60(10) ack 5");
    s(". 101:111(10) ack 5");
    expect(kP + 101, static_cast<SeqDelta>(kS - kP));
}

TEST_F(Finder, SecondaryNotSeenMeansNoOffset) {
    p(". 101:111(10) ack 5");
    expect(kP + 101, 0);
}

TEST_F(Finder, LowestIsSerial) {
    Tcp tcp = web;
    tcp.name = "";
    const auto at = [&](uint32_t isn, const std::string& text, colo::Side side) {
        const ByteVector frame = CompareRig::frame_of(tcp, isn, text);
        const PacketView view = parse(frame, 0);
        finder_.output(side, view);
    };
    at(0xfffffff0, ". 20:30(10) ack 1", colo::Side::kPrimary);  // behind the wrap
    at(0xfffffff0, ". 10:20(10) ack 1", colo::Side::kPrimary);
    at(7, ". 10:20(10) ack 1", colo::Side::kSecondary);
    expect(0xfffffffa, 7 - static_cast<SeqDelta>(0xfffffff0));
}

TEST_F(Finder, FlowsAreBoundedAndCounted) {
    for (uint16_t port = 1; port <= 103; ++port) {
        output(colo::Side::kPrimary, ". 1:11(10) ack 1", {.guest_port = port});
    }
    EXPECT_EQ(finder_.flows_left_out(), 3u);
    EXPECT_TRUE(finder_.initial_offset(CompareRig::key_of({.guest_port = 100})));
    EXPECT_FALSE(finder_.initial_offset(CompareRig::key_of({.guest_port = 101})));
}

TEST_F(Finder, OtherFramesAreNone) {
    const ByteVector frame = CompareRig::builder_of(Udp{}).payload("x").build();
    const PacketView view = parse(frame, 0);
    finder_.output(colo::Side::kPrimary, view);
    finder_.input(colo::Side::kPrimary, view);
    EXPECT_FALSE(finder_.initial_offset(key_of_output(view)));
}

// --- Offsets

TEST(FlowOffsetsTest, UnknownDeltaIsNotZero) {
    FlowOffsets offsets;
    EXPECT_EQ(offsets.total(false), Offset{});
    EXPECT_EQ(offsets.total(true), std::nullopt);
    offsets.delta = Offset{};
    EXPECT_EQ(offsets.total(true), Offset{});
}

TEST(FlowOffsetsTest, FenceEndsDeltaOnly) {
    FlowOffsets offsets{.base = Offset{5, 6}, .delta = Offset{100, 200}};
    EXPECT_EQ(offsets.total(true), (Offset{105, 206}));
    EXPECT_EQ(offsets.total(false), (Offset{5, 6}));
    offsets.fence();
    EXPECT_EQ(offsets.total(true), (Offset{5, 6}));
}

TEST(FlowOffsetsTest, FailoverFoldsDeltaIntoBase) {
    FlowOffsets offsets{.base = Offset{5, 6}, .delta = Offset{100, 200}};
    offsets.failover();
    EXPECT_EQ(offsets.base, (Offset{105, 206}));
    EXPECT_EQ(offsets.delta, Offset{});
    FlowOffsets first{.base = {}, .delta = Offset{-7, 0xffffffff}};
    first.failover();
    EXPECT_EQ(first.base, (Offset{-7, 0xffffffff}));
}

TEST(FlowOffsetsTest, SumsAndNegativesWrap) {
    const Offset big{INT32_MAX, 0xffffffff};
    EXPECT_EQ(big + (Offset{1, 1}), (Offset{INT32_MIN, 0}));
    EXPECT_EQ(shift_of_output(Offset{INT32_MIN, 1}).seq, INT32_MIN);
    EXPECT_EQ(shift_of_output(Offset{3, 4}).seq, -3);
    EXPECT_EQ(shift_of_output(Offset{3, 4}).tsval, 0u - 4);
    EXPECT_EQ(shift_of_input(Offset{3, 4}).ack, 3);
    EXPECT_EQ(shift_of_input(Offset{3, 4}).tsecr, 4u);
}

}  // namespace
}  // namespace colo::test
