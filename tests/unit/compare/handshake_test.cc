// SPDX-License-Identifier: GPL-2.0-or-later
// semantics.md, 1 and 3: what two SYNs must have in common, and the offset they give.
#include <gtest/gtest.h>

#include "tests/support/compare_rig.h"

namespace colo::test {
namespace {

const std::string kUsual = "S. 0:0(0) ack 1 <mss 1460,sackOK,TS val 5 ecr 9,nop,wscale 7>";

TEST(SynOptionsOfBoth, EachThatMattersMustBeEqual) {
    const char* const others[] = {
        "S. 0:0(0) ack 1 <mss 1400,sackOK,TS val 5 ecr 9,nop,wscale 7>",
        "S. 0:0(0) ack 1 <sackOK,TS val 5 ecr 9,nop,wscale 7>",
        "S. 0:0(0) ack 1 <mss 1460,sackOK,TS val 5 ecr 9,nop,wscale 8>",
        "S. 0:0(0) ack 1 <mss 1460,sackOK,TS val 5 ecr 9>",
        "S. 0:0(0) ack 1 <mss 1460,TS val 5 ecr 9,nop,wscale 7>",
        "S. 0:0(0) ack 1 <mss 1460,sackOK,nop,wscale 7>",
        "S. 0:0(0) ack 1 <mss 1460,sackOK,TS val 5 ecr 9,nop,wscale 7,TFO>",
        "SE. 0:0(0) ack 1 <mss 1460,sackOK,TS val 5 ecr 9,nop,wscale 7>",
    };
    for (const std::string other : others) {
        for (const bool swapped : {false, true}) {
            for (const bool primary_first : {false, true}) {
                CompareRig rig;
                if (primary_first) rig.p(web, swapped ? other : kUsual);
                rig.s(web, swapped ? kUsual : other);
                if (!primary_first) rig.p(web, swapped ? other : kUsual);
                EXPECT_EQ(rig.requests(), Names{"divergence tcp:80@0"}) << other;
                EXPECT_EQ(rig.released(), Names{});
                rig.fence();
                EXPECT_EQ(rig.released().size(), 1u);
            }
        }
    }
}

TEST(SynOptionsOfBoth, OfAConnectionOfTheGuestToo) {
    CompareRig rig;
    rig.p(web, "S 0:0(0) <mss 1460>");
    rig.s(web, "S 0:0(0) <mss 1460,sackOK>");
    EXPECT_EQ(rig.requests(), Names{"divergence tcp:80@0"});
}

TEST(SynOptionsOfBoth, TimestampValuesOrderAndPaddingDoNotMatter) {
    CompareRig rig;
    rig.p(web, kUsual);
    rig.s(web, "S. 0:0(0) ack 1 <wscale 7,nop,nop,TS val 77 ecr 1,sackOK,mss 1460>");
    EXPECT_EQ(rig.released(), Names{kUsual});
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(SynOptionsOfBoth, RetransmissionWithOtherOptionsNeedsATwin) {
    // Linux leaves ECN out of a SYN it sends again.
    CompareRig rig;
    const char* const first = "SEW 0:0(0) <mss 1460>";
    const char* const again = "S 0:0(0) <mss 1460>";
    rig.both(web, first);
    EXPECT_EQ(rig.released(), Names{first});
    rig.p(web, again);
    EXPECT_EQ(rig.released(), Names{});
    rig.s(web, again);
    EXPECT_EQ(rig.released(), Names{again});
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(UnprotectedFlow, IsReleasedByCheckpointsOnly) {
    for (const char* kind : {"kind 19", "kind 29", "kind 30"}) {
        CompareRig rig;
        Tcp tcp;
        const std::string syn_ack = std::string("S. 0:0(0) ack 1 <mss 1460,") + kind + ">";
        rig.both(tcp, syn_ack);
        EXPECT_EQ(rig.released(), Names{}) << kind;
        EXPECT_TRUE(rig.flow().unprotected);
        EXPECT_EQ(rig.counters().unprotected_flows, 1u);
        rig.fence();
        EXPECT_EQ(rig.released(), Names{syn_ack});
        tcp.secondary_isn = tcp.primary_isn;
        rig.both(tcp, ". 1:11(10) ack 1");
        EXPECT_EQ(rig.released(), Names{});
        EXPECT_TRUE(rig.flow().unprotected);
        rig.pass_time(seconds(3));
        EXPECT_EQ(rig.requests(), Names{"timeout tcp:80@10"});
        rig.fence();
        EXPECT_EQ(rig.released(), Names{". 1:11(10) ack 1"});
        EXPECT_EQ(rig.counters().unprotected_flows, 1u);
    }
}

TEST(UnprotectedFlow, IsKnownByAnySegment) {
    CompareRig rig;
    rig.open(web);
    rig.both(web, ". 1:11(10) ack 1 <kind 30>");
    EXPECT_EQ(rig.released(), Names{});
    EXPECT_TRUE(rig.flow().unprotected);
}

TEST(UnprotectedFlow, NextIncarnationIsProtectedAgain) {
    CompareRig rig;
    rig.both(web, "S. 0:0(0) ack 1 <kind 30>");
    rig.fence();
    rig.released();
    const Tcp next{.primary_isn = 2'000'000, .secondary_isn = 3'000'000, .client_isn = 99};
    rig.both(next, "S. 0:0(0) ack 1");
    EXPECT_EQ(rig.released(), Names{"S. 0:0(0) ack 1"});
    EXPECT_FALSE(rig.flow().unprotected);
}

// --- Offsets

TEST(Delta, IsAnnouncedBeforeAnythingThatDependsOnIt) {
    CompareRig rig;
    rig.p(web, "S. 0:0(0) ack 1 <TS val 100 ecr 1>");
    EXPECT_TRUE(rig.sink().deltas.empty());
    EXPECT_EQ(rig.comparator().delta_of(CompareRig::key_of(web)), std::nullopt);
    rig.s(web, "S. 0:0(0) ack 1 <TS val 7 ecr 1>");
    ASSERT_EQ(rig.sink().deltas.size(), 1u);
    EXPECT_EQ(rig.sink().deltas[0].seq, static_cast<SeqDelta>(web.secondary_isn - web.primary_isn));
    EXPECT_EQ(rig.sink().deltas[0].timestamp, 7u - 100u);
    EXPECT_EQ(rig.sink().released_before_delta, 0u);
    EXPECT_EQ(rig.released().size(), 1u);
    EXPECT_EQ(rig.comparator().delta_of(CompareRig::key_of(web)), rig.sink().deltas[0].seq);
}

TEST(Delta, IsTheSameWhoeverComesFirst) {
    CompareRig rig;
    rig.s(web, "S. 0:0(0) ack 1 <TS val 7 ecr 1>");
    rig.p(web, "S. 0:0(0) ack 1 <TS val 100 ecr 1>");
    ASSERT_EQ(rig.sink().deltas.size(), 1u);
    EXPECT_EQ(rig.sink().deltas[0],
              (Offset{static_cast<SeqDelta>(web.secondary_isn - web.primary_isn), 7u - 100u}));
    EXPECT_EQ(rig.sink().released_before_delta, 0u);
}

TEST(Delta, ZeroIsAValue) {
    CompareRig rig;
    rig.open({.primary_isn = 9, .secondary_isn = 9});
    ASSERT_EQ(rig.sink().deltas.size(), 1u);
    EXPECT_EQ(rig.sink().deltas[0].seq, 0);
    EXPECT_EQ(rig.comparator().delta_of(CompareRig::key_of(web)), 0);
}

TEST(Delta, OfAConnectionOfTheGuestIsKnownBeforeItsSynGoes) {
    CompareRig rig;
    rig.p(web, "S 0:0(0) <TS val 100 ecr 0>");
    EXPECT_EQ(rig.released(), Names{});
    rig.s(web, "S 0:0(0) <TS val 100 ecr 0>");
    ASSERT_EQ(rig.sink().deltas.size(), 1u);
    EXPECT_EQ(rig.sink().released_before_delta, 0u);
}

TEST(SynData, StartsBehindTheSyn) {
    CompareRig rig;
    rig.p(web, "S. 0:5(5) ack 1 <TFO>", Tcp::stream(1, 5));
    rig.s(web, "S. 0:0(0) ack 1 <TFO>");
    EXPECT_EQ(rig.released(), Names{});
    rig.s(web, ". 1:6(5) ack 1");
    EXPECT_EQ(rig.released(), Names{"S. 0:5(5) ack 1 <TFO>"});
    EXPECT_EQ(rig.flow().verified, 5u);
    rig.both(web, ". 6:11(5) ack 1");
    EXPECT_EQ(rig.released(), Names{". 6:11(5) ack 1"});
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(SynData, OfTheSecondaryVouches) {
    CompareRig rig;
    rig.s(web, "S. 0:5(5) ack 1 <TFO>", Tcp::stream(1, 5));
    rig.p(web, "S. 0:0(0) ack 1 <TFO>");
    rig.p(web, ". 1:6(5) ack 1");
    EXPECT_EQ(rig.released(), (Names{"S. 0:0(0) ack 1 <TFO>", ". 1:6(5) ack 1"}));
}

// --- SYN cookies (RFC 4987 3.6): each SYN-ACK has a number of its own

const Tcp cookie1{.primary_isn = 1000, .secondary_isn = 500'000};
const Tcp cookie2{.primary_isn = 9'000'000, .secondary_isn = 700'000};

TEST(SynCookies, LaterSynAckIsAnnouncedAnewBeforeItGoes) {
    CompareRig rig;
    rig.both(cookie1, "S. 0:0(0) ack 1");
    rig.p(cookie2, "S. 0:0(0) ack 1");
    EXPECT_EQ(rig.released(), (Names{"S. 0:0(0) ack 1", "S. 0:0(0) ack 1"}));
    ASSERT_EQ(rig.sink().deltas.size(), 2u);
    EXPECT_EQ(rig.sink().deltas[1].seq, 500'000 - 9'000'000);
    EXPECT_EQ(rig.sink().announced_origins[1], Seq(9'000'001));
    EXPECT_EQ(rig.sink().released_before_delta, 1u);
    rig.s(cookie2, "S. 0:0(0) ack 1");
    ASSERT_EQ(rig.sink().deltas.size(), 3u);
    EXPECT_EQ(rig.sink().deltas[2].seq, 700'000 - 9'000'000);
    EXPECT_EQ(rig.comparator().table().size(), 1u);
    EXPECT_EQ(rig.counters().flows, 1u);
}

TEST(SynCookies, ClientMayAnswerEitherOne) {
    for (const Tcp& answered : {cookie1, cookie2}) {
        CompareRig rig;
        rig.both(cookie1, "S. 0:0(0) ack 1");
        rig.both(cookie2, "S. 0:0(0) ack 1");
        rig.released();
        rig.client(answered, ". 1:1(0) ack 1");
        rig.both(answered, ". 1:11(10) ack 1");
        EXPECT_EQ(rig.released(), Names{". 1:11(10) ack 1"});
        EXPECT_EQ(rig.requests(), Names{});
    }
}

TEST(SynCookies, NumberOfTheSecondaryAloneMayChange) {
    CompareRig rig;
    const Tcp other{.primary_isn = 1000, .secondary_isn = 700'000};
    rig.both(cookie1, "S. 0:0(0) ack 1");
    rig.released();
    rig.s(other, "S. 0:0(0) ack 1");
    EXPECT_EQ(rig.sink().deltas.size(), 2u);
    rig.both(other, ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), Names{". 1:11(10) ack 1"});
}

// --- Numbers that a rewriter has mapped

ComparatorConfig mapped() {
    ComparatorConfig config = small_config();
    config.secondary_numbers = SecondaryNumbers::kMapped;
    return config;
}

TEST(MappedNumbers, OnlyTheSynAckMayHaveTheSecondarysOwn) {
    CompareRig rig(mapped());
    const Tcp own{.secondary_isn = 777};
    const Tcp same{.secondary_isn = web.primary_isn};
    rig.p(own, "S. 0:0(0) ack 1");
    rig.s(own, "S. 0:0(0) ack 1");
    EXPECT_EQ(rig.released(), Names{"S. 0:0(0) ack 1"});
    rig.both(same, ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), Names{". 1:11(10) ack 1"});
    EXPECT_TRUE(rig.sink().deltas.empty());
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(MappedNumbers, SegmentsOfTheOldIncarnationDoNotVouchForTheNew) {
    CompareRig rig(mapped());
    const Tcp old{.secondary_isn = web.primary_isn};
    const Tcp next{.primary_isn = 9'000'000, .secondary_isn = 9'000'000, .client_isn = 4'000};
    rig.open(old);
    rig.p(next, "S. 0:0(0) ack 1");
    rig.s(old, ". 1:11(10) ack 900");  // late, of the connection before; acks more than `next` will
    rig.s(next, "S. 0:0(0) ack 1");
    EXPECT_EQ(rig.released(), Names{"S. 0:0(0) ack 1"});
    rig.p(next, ". 1:1(0) ack 50");
    EXPECT_EQ(rig.released(), Names{});
    rig.s(next, ". 1:1(0) ack 50");
    EXPECT_EQ(rig.released(), Names{". 1:1(0) ack 50"});
}

}  // namespace
}  // namespace colo::test
