// SPDX-License-Identifier: GPL-2.0-or-later
// semantics.md, 1: what of a TCP flow goes out, and when.
#include <gtest/gtest.h>

#include "tests/support/compare_rig.h"

namespace colo::test {
namespace {

TEST(TcpRelease, NothingGoesBeforeItsTwin) {
    CompareRig rig;
    rig.p(web, "S. 0:0(0) ack 1");
    EXPECT_EQ(rig.released(), Names{});
    rig.s(web, "S. 0:0(0) ack 1");
    EXPECT_EQ(rig.released(), Names{"S. 0:0(0) ack 1"});
    rig.p(web, "P. 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), Names{});
    rig.s(web, "P. 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), Names{"P. 1:11(10) ack 1"});
    rig.p(web, "F. 11:11(0) ack 1");
    EXPECT_EQ(rig.released(), Names{});
    rig.s(web, "F. 11:11(0) ack 1");
    EXPECT_EQ(rig.released(), Names{"F. 11:11(0) ack 1"});
    EXPECT_EQ(rig.requests(), Names{});
    EXPECT_TRUE(rig.comparator().holds_nothing());
}

TEST(TcpRelease, AllGoesAtOnceWhereTheSecondaryIsAhead) {
    CompareRig rig;
    rig.open(web);
    rig.s(web, "P. 1:11(10) ack 101");
    rig.s(web, "F. 11:11(0) ack 101");
    for (const char* segment :
         {". 1:1(0) ack 101", "P. 1:5(4) ack 1", "P. 5:11(6) ack 1", "F. 11:11(0) ack 1"}) {
        rig.p(web, segment);
        EXPECT_EQ(rig.released(), Names{segment});
    }
}

TEST(TcpRelease, ConnectionOfTheGuestIsCompared) {
    CompareRig rig;
    rig.both(web, "S 0:0(0) <mss 1460>");
    EXPECT_EQ(rig.released(), Names{"S 0:0(0) <mss 1460>"});
    rig.p(web, ". 1:1(0) ack 1");
    EXPECT_EQ(rig.released(), Names{});
    rig.s(web, ". 1:1(0) ack 1");
    EXPECT_EQ(rig.released(), Names{". 1:1(0) ack 1"});
}

TEST(TcpRelease, OrderWithinAFlowIsThePrimarys) {
    CompareRig rig;
    rig.open(web);
    rig.p(web, "P. 1:11(10) ack 1");
    rig.p(web, ". 11:11(0) ack 1");  // could go, were it not behind the payload
    rig.p(web, "P. 11:21(10) ack 1");
    rig.s(web, "P. 11:21(10) ack 1");
    EXPECT_EQ(rig.released(), Names{});
    rig.s(web, "P. 1:11(10) ack 1");
    EXPECT_EQ(rig.released(),
              (Names{"P. 1:11(10) ack 1", ". 11:11(0) ack 1", "P. 11:21(10) ack 1"}));
}

TEST(TcpRelease, BlockedFlowBlocksNoOther) {
    CompareRig rig;
    const Tcp a{.peer_port = 1001, .name = "a "};
    const Tcp b{.peer_port = 1002, .name = "b "};
    rig.open(a);
    rig.open(b);
    rig.p(a, "P. 1:11(10) ack 1");
    rig.p(b, "P. 1:11(10) ack 1");
    rig.s(b, "P. 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), Names{"b P. 1:11(10) ack 1"});
    rig.s(a, "P. 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), Names{"a P. 1:11(10) ack 1"});
}

TEST(TcpRelease, SegmentationDoesNotMatter) {
    struct Case {
        Names primary;
        Names secondary;
    };
    const Case cases[] = {
        {{"P. 1:31(30) ack 1"}, {". 1:11(10) ack 1", ". 11:21(10) ack 1", "P. 21:31(10) ack 1"}},
        {{". 1:11(10) ack 1", ". 11:21(10) ack 1", "P. 21:31(10) ack 1"}, {"P. 1:31(30) ack 1"}},
        {{". 1:8(7) ack 1", "P. 8:31(23) ack 1"}, {". 1:30(29) ack 1", "P. 30:31(1) ack 1"}},
        {{". 1:30(29) ack 1", "P. 30:31(1) ack 1"}, {". 1:8(7) ack 1", "P. 8:31(23) ack 1"}},
    };
    for (const Case& c : cases) {
        for (const bool primary_first : {true, false}) {
            CompareRig rig;
            rig.open(web);
            if (!primary_first) {
                for (const auto& segment : c.secondary) rig.s(web, segment);
            }
            for (const auto& segment : c.primary) rig.p(web, segment);
            if (primary_first) {
                EXPECT_EQ(rig.released(), Names{});
                for (const auto& segment : c.secondary) rig.s(web, segment);
            }
            EXPECT_EQ(rig.released(), c.primary);
            EXPECT_EQ(rig.requests(), Names{});
            EXPECT_EQ(rig.flow().verified, 30u);
        }
    }
}

TEST(TcpRelease, SegmentGoesOnlyWhenAllItsBytesAreVerified) {
    CompareRig rig;
    rig.open(web);
    rig.p(web, "P. 1:11(10) ack 1");
    rig.s(web, "P. 1:10(9) ack 1");
    EXPECT_EQ(rig.released(), Names{});
    EXPECT_EQ(rig.flow().verified, 9u);
    rig.s(web, "P. 10:11(1) ack 1");
    EXPECT_EQ(rig.released(), Names{"P. 1:11(10) ack 1"});
}

TEST(TcpRelease, StreamMayCrossTheWrapOnEitherSide) {
    const Tcp wraps[] = {{.primary_isn = 0xfffffff0},
                         {.secondary_isn = 0xfffffff0},
                         {.primary_isn = 0xffffffff},
                         {.secondary_isn = 0xffffffff},
                         {.primary_isn = 0xfffffffe, .secondary_isn = 0x7fffffff},
                         {.primary_isn = 0, .secondary_isn = 0x80000000}};
    for (const Tcp& tcp : wraps) {
        CompareRig rig;
        rig.open(tcp);
        rig.p(tcp, ". 1:41(40) ack 1");
        rig.s(tcp, ". 1:11(10) ack 1");
        rig.s(tcp, ". 21:41(20) ack 1");
        rig.s(tcp, ". 11:21(10) ack 1");
        EXPECT_EQ(rig.released(), Names{". 1:41(40) ack 1"});
        rig.both(tcp, "F. 41:41(0) ack 1");
        EXPECT_EQ(rig.released(), Names{"F. 41:41(0) ack 1"});
        EXPECT_EQ(rig.requests(), Names{});
    }
}

TEST(TcpRelease, WhatIsNeverComparedMayDiffer) {
    const auto plain =
        CompareRig::builder_of(web, web.primary_isn, ". 1:11(10) ack 1 <nop,nop,TS val 1 ecr 2>");
    const auto other =
        CompareRig::builder_of(web, web.secondary_isn, "P. 1:11(10) ack 1 <TS val 99 ecr 3>");
    const FrameBuilder twins[] = {
        FrameBuilder(other).window(1),      FrameBuilder(other).ip_id(77),
        FrameBuilder(other).ttl(3),         FrameBuilder(other).tos(4),
        FrameBuilder(other).pad_to(200),    FrameBuilder(other).wrong_checksum(),
        FrameBuilder(other).dont_fragment()};
    for (const FrameBuilder& twin : twins) {
        CompareRig rig;
        rig.open(web);
        rig.primary(plain, "plain");
        rig.secondary(twin);
        EXPECT_EQ(rig.released(), Names{"plain"});
        EXPECT_EQ(rig.requests(), Names{});
    }
}

TEST(TcpRelease, FlowsOfVlansAreApart) {
    CompareRig rig;
    const auto segment = CompareRig::builder_of(web, web.primary_isn, "S. 0:0(0) ack 1");
    rig.primary(FrameBuilder(segment).vlan(7), "vlan 7");
    rig.secondary(FrameBuilder(segment).vlan(8));
    EXPECT_EQ(rig.released(), Names{});
    rig.secondary(FrameBuilder(segment).vlan(7));
    EXPECT_EQ(rig.released(), Names{"vlan 7"});
}

TEST(TcpRelease, BadChecksumOfThePrimaryIsReleasedAsItIsAndCounted) {
    ComparatorConfig config = small_config();
    config.count_bad_checksums = true;
    CompareRig rig(config);
    rig.open(web);
    rig.primary(CompareRig::builder_of(web, web.primary_isn, "P. 1:11(10) ack 1").wrong_checksum(),
                "bad");
    rig.s(web, "P. 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), Names{"bad"});
    EXPECT_EQ(rig.counters().bad_checksum, 1u);
}

// --- Acks

TEST(TcpAck, WaitsForTheSecondarysHighest) {
    CompareRig rig;
    rig.open(web);
    rig.s(web, ". 1:1(0) ack 101");
    rig.p(web, ". 1:1(0) ack 50");
    rig.p(web, ". 1:1(0) ack 101");
    EXPECT_EQ(rig.released(), (Names{". 1:1(0) ack 50", ". 1:1(0) ack 101"}));
    rig.p(web, ". 1:1(0) ack 102");
    EXPECT_EQ(rig.released(), Names{});
    rig.s(web, ". 1:1(0) ack 60");  // an older ack takes nothing back
    EXPECT_EQ(rig.released(), Names{});
    rig.p(web, ". 1:1(0) ack 101");  // behind the one that waits
    EXPECT_EQ(rig.released(), Names{});
    rig.s(web, ". 1:1(0) ack 102");
    EXPECT_EQ(rig.released(), (Names{". 1:1(0) ack 102", ". 1:1(0) ack 101"}));
}

TEST(TcpAck, HoldsPayloadThatCarriesIt) {
    CompareRig rig;
    rig.open(web);
    rig.s(web, "P. 1:11(10) ack 1");
    rig.p(web, "P. 1:11(10) ack 101");
    EXPECT_EQ(rig.released(), Names{});
    rig.s(web, ". 11:11(0) ack 101");
    EXPECT_EQ(rig.released(), Names{"P. 1:11(10) ack 101"});
}

TEST(TcpAck, IsComparedAcrossTheWrap) {
    for (const uint32_t isn : {0xfffffff0u, 0xffffffffu, 0x7ffffff0u}) {
        const Tcp tcp{.client_isn = isn};
        CompareRig rig;
        rig.open(tcp);
        rig.p(tcp, ". 1:1(0) ack 30");
        rig.s(tcp, ". 1:1(0) ack 5");
        EXPECT_EQ(rig.released(), Names{}) << isn;
        rig.s(tcp, ". 1:1(0) ack 30");
        EXPECT_EQ(rig.released(), Names{". 1:1(0) ack 30"}) << isn;
        rig.p(tcp, ". 1:1(0) ack 5");
        EXPECT_EQ(rig.released(), Names{". 1:1(0) ack 5"}) << isn;
    }
}

TEST(TcpAck, CountsOnlyWithItsFlag) {
    CompareRig rig;
    rig.open(web);
    // Segments without ACK: the field behind it is no ack (RFC 9293 3.1).
    const auto without = [](uint32_t isn, uint32_t field) {
        return CompareRig::builder_of(web, isn, "P 1:11(10)").ack(field).flags(tcp_flag::kPsh);
    };
    rig.primary(without(web.primary_isn, web.client_isn + 5000), "no ack");
    rig.secondary(without(web.secondary_isn, web.client_isn + 900));
    EXPECT_EQ(rig.released(), Names{"no ack"});
    rig.p(web, ". 11:11(0) ack 900");
    EXPECT_EQ(rig.released(), Names{});
}

}  // namespace
}  // namespace colo::test
