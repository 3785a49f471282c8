// SPDX-License-Identifier: GPL-2.0-or-later
// semantics.md, 1: payload that comes again, and keep-alives.
#include <gtest/gtest.h>

#include "tests/support/compare_rig.h"

namespace colo::test {
namespace {

TEST(Retransmission, BelowVerifiedIsReleasedAndCounted) {
    CompareRig rig;
    rig.open(web);
    rig.both(web, ". 1:11(10) ack 1");
    rig.released();
    rig.p(web, ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), Names{". 1:11(10) ack 1"});
    EXPECT_EQ(rig.counters().retransmissions_not_kept, 1u);
    rig.p(web, ". 3:7(4) ack 1");
    EXPECT_EQ(rig.released(), Names{". 3:7(4) ack 1"});
    EXPECT_EQ(rig.counters().retransmissions_not_kept, 2u);
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(Retransmission, WaitsLikeAnyOtherFrame) {
    CompareRig rig;
    rig.open(web);
    rig.p(web, ". 1:11(10) ack 1");
    rig.p(web, ". 1:11(10) ack 1");
    rig.p(web, ". 5:21(16) ack 1");
    EXPECT_EQ(rig.released(), Names{});
    rig.s(web, ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), (Names{". 1:11(10) ack 1", ". 1:11(10) ack 1"}));
    rig.s(web, ". 11:21(10) ack 1");
    EXPECT_EQ(rig.released(), Names{". 5:21(16) ack 1"});
    EXPECT_EQ(rig.counters().retransmissions_not_kept, 0u);
}

TEST(Retransmission, OfTheSecondaryCountsForNothing) {
    CompareRig rig;
    rig.open(web);
    rig.both(web, ". 1:11(10) ack 1");
    rig.s(web, ". 1:11(10) ack 1", flipped(1, 10, 4));
    rig.both(web, ". 11:21(10) ack 1");
    EXPECT_EQ(rig.released(), (Names{". 1:11(10) ack 1", ". 11:21(10) ack 1"}));
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(Retransmission, WithOtherBytesThanAHeldOneIsADivergence) {
    struct Case {
        const char* segment;
        uint32_t begin;
        uint32_t size;
        uint32_t flip;
    };
    const Case cases[] = {
        {". 1:11(10) ack 1", 1, 10, 4},
        {". 5:6(1) ack 1", 5, 1, 0},
        {". 3:31(28) ack 1", 3, 28, 2},  // half old, half new
    };
    for (const Case& c : cases) {
        CompareRig rig;
        rig.open(web);
        rig.p(web, ". 1:11(10) ack 1");
        rig.p(web, c.segment, flipped(c.begin, c.size, c.flip));
        EXPECT_EQ(rig.requests(), Names{"divergence tcp:80@4"}) << c.segment;
        rig.s(web, ". 1:31(30) ack 1");
        rig.pass_time(seconds(10));
        const Names released = rig.released();
        EXPECT_LE(released.size(), 1u) << "both of two different segments left";
        EXPECT_EQ(rig.counters().conflicting_segments, 1u);
        rig.fence();
        EXPECT_TRUE(rig.comparator().holds_nothing());
    }
}

TEST(Retransmission, WithOtherBytesThanKeptOnesIsADivergence) {
    // The gap puts the flow in libslirp's hands: what was delivered is kept.
    CompareRig rig;
    rig.open(web);
    rig.p(web, ". 11:21(10) ack 1");
    rig.p(web, ". 31:41(10) ack 1");
    rig.p(web, ". 1:11(10) ack 1");
    rig.p(web, ". 11:21(10) ack 1", flipped(11, 10, 3));
    EXPECT_EQ(rig.requests(), Names{"divergence tcp:80@13"});
    rig.s(web, ". 1:41(40) ack 1");
    EXPECT_EQ(rig.counters().conflicting_segments, 1u);
}

TEST(Retransmission, DifferentSegmentsAheadOfAGapDoNotBothLeave) {
    // 1000 waits behind the gap twice, with different bytes; libslirp chooses.
    for (const bool second_differs : {true, false}) {
        CompareRig rig;
        rig.open(web);
        const ByteVector odd = flipped(11, 10, 3);
        const ByteVector even = Tcp::stream(11, 10);
        rig.p(web, ". 11:21(10) ack 1", second_differs ? even : odd);
        rig.p(web, "P. 11:21(10) ack 1", second_differs ? odd : even);
        rig.p(web, ". 1:11(10) ack 1");
        rig.s(web, ". 1:21(20) ack 1");
        EXPECT_EQ(rig.requests(), Names{"divergence tcp:80@13"});
        EXPECT_LE(rig.released().size(), 1u);
        rig.fence();
        EXPECT_EQ(rig.flow().verified, 20u);
    }
}

TEST(Retransmission, ReorderedPrimaryIsReleasedInItsOwnOrder) {
    CompareRig rig;
    rig.open(web);
    rig.p(web, ". 11:21(10) ack 1");
    rig.p(web, ". 1:11(10) ack 1");
    rig.s(web, ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), Names{});
    rig.s(web, ". 11:21(10) ack 1");
    EXPECT_EQ(rig.released(), (Names{". 11:21(10) ack 1", ". 1:11(10) ack 1"}));
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(Retransmission, GapOfThePrimaryHoldsWhatIsBehind) {
    // A capture that lost a frame: its bytes are not known to have been sent.
    CompareRig rig;
    rig.open(web);
    rig.s(web, ". 1:31(30) ack 1");
    rig.p(web, ". 11:21(10) ack 1");
    EXPECT_EQ(rig.released(), Names{});
    rig.p(web, ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), (Names{". 11:21(10) ack 1", ". 1:11(10) ack 1"}));
}

// --- Keep-alives (RFC 1122 4.2.3.6)

/// It may be new and overtaken; nobody has compared it.
TEST(Retransmission, BelowWhereAFlowWasTakenUpWaitsForAFence) {
    for (const Fence fence : {Fence::kReplay, Fence::kLive}) {
        CompareRig rig;
        Tcp alike = web;
        alike.secondary_isn = alike.primary_isn;
        rig.both(alike, ". 100:110(10) ack 1");
        EXPECT_EQ(rig.released(), Names{". 100:110(10) ack 1"});
        rig.p(alike, ". 90:110(20) ack 1", flipped(90, 20, 0));
        rig.s(alike, ". 90:110(20) ack 1");
        EXPECT_EQ(rig.released(), Names{});
        rig.fence(fence);
        EXPECT_EQ(rig.released(), Names{". 90:110(20) ack 1"});
        rig.p(alike, ". 95:110(15) ack 1");
        EXPECT_EQ(rig.released(), Names{". 95:110(15) ack 1"}) << "the fence has settled it";
    }
}

TEST(KeepAlive, GarbageByteIsNotCompared) {
    CompareRig rig;
    rig.open(web);
    rig.both(web, ". 1:11(10) ack 1");
    rig.released();
    rig.p(web, ". 10:11(1) ack 1", ByteVector{0});
    EXPECT_EQ(rig.released(), Names{". 10:11(1) ack 1"});
    EXPECT_EQ(rig.counters().keep_alives, 1u);
    rig.s(web, ". 10:11(1) ack 1", ByteVector{9});
    rig.both(web, ". 11:21(10) ack 1");
    EXPECT_EQ(rig.released(), Names{". 11:21(10) ack 1"});
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(KeepAlive, WithoutAByteIsAnAck) {
    CompareRig rig;
    rig.open(web);
    rig.both(web, ". 1:11(10) ack 1");
    rig.released();
    rig.p(web, ". 10:10(0) ack 1");
    EXPECT_EQ(rig.released(), Names{". 10:10(0) ack 1"});
}

TEST(KeepAlive, OfAConnectionThatSaidNothing) {
    CompareRig rig;
    rig.open(web);
    rig.p(web, ". 0:1(1) ack 1", ByteVector{0});
    EXPECT_EQ(rig.released(), Names{". 0:1(1) ack 1"});
    EXPECT_EQ(rig.counters().keep_alives, 1u);
    rig.s(web, ". 0:1(1) ack 1", ByteVector{1});
    rig.both(web, ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), Names{". 1:11(10) ack 1"});
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(KeepAlive, AckInItIsCompared) {
    CompareRig rig;
    rig.open(web);
    rig.both(web, ". 1:11(10) ack 1");
    rig.released();
    rig.p(web, ". 10:11(1) ack 50", ByteVector{0});
    EXPECT_EQ(rig.released(), Names{});
    rig.s(web, ". 11:11(0) ack 50");
    EXPECT_EQ(rig.released(), Names{". 10:11(1) ack 50"});
}

TEST(KeepAlive, ByteOfUnansweredPayloadIsARetransmission) {
    CompareRig rig;
    rig.open(web);
    rig.p(web, ". 1:11(10) ack 1");
    rig.p(web, ". 10:11(1) ack 1", flipped(10, 1, 0));
    EXPECT_EQ(rig.requests(), Names{"divergence tcp:80@9"});
}

// --- Frames cut by a snaplen

TEST(CutFrame, IsHeldForTheMissingPartAndCounted) {
    CompareRig rig;
    rig.open(web);
    const ByteVector whole = CompareRig::frame_of(web, web.primary_isn, ". 1:101(100) ack 1");
    const ByteVector cut(whole.begin(), whole.end() - 60);
    rig.primary(cut, "cut", static_cast<uint32_t>(whole.size()));
    rig.s(web, ". 1:101(100) ack 1");
    EXPECT_EQ(rig.released(), Names{});
    EXPECT_EQ(rig.counters().cut, 1u);
    EXPECT_EQ(rig.flow().verified, 40u);
    rig.pass_time(seconds(3));
    EXPECT_EQ(rig.requests(), Names{"timeout tcp:80@40"});
    rig.fence(Fence::kReplay);
    EXPECT_EQ(rig.released(), Names{"cut"});
    rig.both(web, ". 101:111(10) ack 1");
    EXPECT_EQ(rig.released(), Names{". 101:111(10) ack 1"});
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(CutFrame, WhatIsThereIsCompared) {
    CompareRig rig;
    rig.open(web);
    const ByteVector whole =
        CompareRig::frame_of(web, web.primary_isn, ". 1:101(100) ack 1", flipped(1, 100, 7));
    const ByteVector cut(whole.begin(), whole.end() - 60);
    rig.primary(cut, "cut", static_cast<uint32_t>(whole.size()));
    rig.s(web, ". 1:101(100) ack 1");
    EXPECT_EQ(rig.requests(), Names{"divergence tcp:80@7"});
}

TEST(CutFrame, OfTheSecondaryVouchesOnlyForWhatIsThere) {
    CompareRig rig;
    rig.open(web);
    rig.p(web, ". 1:41(40) ack 1");
    rig.p(web, ". 41:101(60) ack 1");
    const ByteVector whole = CompareRig::frame_of(web, web.secondary_isn, ". 1:101(100) ack 1");
    rig.secondary(ByteVector(whole.begin(), whole.end() - 59), static_cast<uint32_t>(whole.size()));
    EXPECT_EQ(rig.released(), Names{". 1:41(40) ack 1"});
    EXPECT_EQ(rig.flow().verified, 41u);
}

}  // namespace
}  // namespace colo::test
