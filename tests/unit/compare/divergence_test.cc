// SPDX-License-Identifier: GPL-2.0-or-later
// semantics.md, 2: what counts as a divergence and what as a timeout, and what follows.
#include <gtest/gtest.h>

#include "tests/support/compare_rig.h"

namespace colo::test {
namespace {

TEST(Divergence, IsAskedForAtOnceWithTheFirstDifferentByte) {
    for (const bool primary_first : {true, false}) {
        for (const uint32_t at : {0u, 5u, 29u}) {
            CompareRig rig;
            rig.open(web);
            if (primary_first) rig.p(web, ". 1:31(30) ack 1");
            rig.s(web, ". 1:31(30) ack 1", flipped(1, 30, at));
            if (!primary_first) rig.p(web, ". 1:31(30) ack 1");
            EXPECT_EQ(rig.requests(), Names{"divergence tcp:80@" + std::to_string(at)});
            EXPECT_EQ(rig.released(), Names{});
            EXPECT_EQ(rig.flow().verified, at);
            EXPECT_TRUE(rig.flow().diverged);
            EXPECT_EQ(rig.counters().divergences, 1u);
        }
    }
}

TEST(Divergence, WhatIsInFrontOfItStillGoes) {
    CompareRig rig;
    rig.open(web);
    rig.p(web, ". 1:11(10) ack 1");
    rig.p(web, ". 11:21(10) ack 1");
    rig.p(web, ". 21:31(10) ack 1");
    rig.s(web, ". 1:31(30) ack 1", flipped(1, 30, 15));
    EXPECT_EQ(rig.released(), Names{". 1:11(10) ack 1"});
    EXPECT_EQ(rig.requests(), Names{"divergence tcp:80@15"});
}

TEST(Divergence, IsAskedForOnceAFlow) {
    CompareRig rig;
    rig.open(web);
    rig.p(web, ". 1:11(10) ack 1");
    rig.s(web, ". 1:11(10) ack 1", flipped(1, 10, 2));
    rig.p(web, ". 11:21(10) ack 1");
    rig.s(web, ". 11:21(10) ack 1", flipped(11, 10, 2));
    rig.both(web, "F. 21:21(0) ack 1");
    EXPECT_EQ(rig.requests(), Names{"divergence tcp:80@2"});
    EXPECT_EQ(rig.released(), Names{});
}

TEST(Divergence, OfOneFlowLeavesTheOthersAlone) {
    CompareRig rig;
    const Tcp a{.guest_port = 81, .name = "a "};
    const Tcp b{.guest_port = 82, .name = "b "};
    rig.open(a);
    rig.open(b);
    rig.p(a, ". 1:11(10) ack 1");
    rig.s(a, ". 1:11(10) ack 1", flipped(1, 10, 2));
    rig.both(b, ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), Names{"b . 1:11(10) ack 1"});
    EXPECT_EQ(rig.requests(), Names{"divergence tcp:81@2"});
}

TEST(Divergence, ShowsBothSidesAroundIt) {
    CompareRig rig;
    rig.open(web);
    rig.p(web, ". 1:101(100) ack 1");
    rig.s(web, ". 1:101(100) ack 1", flipped(1, 100, 40));
    ASSERT_EQ(rig.sink().requests.size(), 1u);
    const auto& evidence = rig.sink().requests[0].evidence;
    ASSERT_TRUE(evidence);
    EXPECT_STREQ(evidence->what, "payload");
    EXPECT_EQ(evidence->begin, 40u - Evidence::kContext);
    ASSERT_EQ(evidence->primary.size(), evidence->secondary.size());
    EXPECT_EQ(evidence->primary, Tcp::stream(1 + 24, 64));
    EXPECT_EQ(evidence->primary[15], evidence->secondary[15]);
    EXPECT_NE(evidence->primary[16], evidence->secondary[16]);
}

TEST(Divergence, OffsetCountsFromTheFirstByteAcrossTheWrap) {
    const Tcp tcp{.primary_isn = 0xfffffff0, .secondary_isn = 3};
    CompareRig rig;
    rig.open(tcp);
    rig.both(tcp, ". 1:31(30) ack 1");
    rig.p(tcp, ". 31:41(10) ack 1");
    rig.s(tcp, ". 31:41(10) ack 1", flipped(31, 10, 6));
    EXPECT_EQ(rig.requests(), Names{"divergence tcp:80@36"});
}

TEST(Divergence, EndsWithTheFence) {
    for (const Fence fence : {Fence::kLive, Fence::kReplay}) {
        Tcp tcp;
        CompareRig rig;
        rig.open(tcp);
        rig.p(tcp, ". 1:11(10) ack 1");
        rig.s(tcp, ". 1:11(10) ack 1", flipped(1, 10, 2));
        rig.requests();
        rig.fence(fence);
        EXPECT_EQ(rig.released(), Names{". 1:11(10) ack 1"});
        EXPECT_FALSE(rig.flow().diverged);
        if (fence == Fence::kLive) tcp.secondary_isn = tcp.primary_isn;
        rig.both(tcp, ". 11:21(10) ack 1");
        EXPECT_EQ(rig.released(), Names{". 11:21(10) ack 1"});
        EXPECT_EQ(rig.requests(), Names{});
    }
}

TEST(Divergence, ReleasePolicyLetsTheFlowGoOn) {
    ComparatorConfig config = small_config();
    config.on_divergence = OnDivergence::kRelease;
    CompareRig rig(config);
    rig.open(web);
    rig.p(web, ". 1:11(10) ack 1");
    rig.s(web, ". 1:11(10) ack 1", flipped(1, 10, 2));
    EXPECT_EQ(rig.released(), Names{". 1:11(10) ack 1"});
    EXPECT_EQ(rig.requests(), Names{"divergence tcp:80@2"});
    EXPECT_EQ(rig.counters().released_uncompared, 1u);
    rig.both(web, ". 11:21(10) ack 1");
    EXPECT_EQ(rig.released(), Names{". 11:21(10) ack 1"});
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(Divergence, ReleasePolicyIsForDatagramsToo) {
    ComparatorConfig config = small_config();
    config.on_divergence = OnDivergence::kRelease;
    CompareRig rig(config);
        rig.p(dns, "one");
    rig.s(dns, "eins");
    rig.pass_time(milliseconds(20));
    EXPECT_EQ(rig.requests(), Names{"divergence udp:53@0"});
    EXPECT_EQ(rig.released(), Names{"one"});
    rig.p(dns, "two");
    rig.s(dns, "two");
    EXPECT_EQ(rig.released(), Names{"two"});
    rig.pass_time(seconds(10));
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(Divergence, ReleasePolicyIsForTimeoutsToo) {
    ComparatorConfig config = small_config();
    config.on_divergence = OnDivergence::kRelease;
    CompareRig rig(config);
    const Udp dns;
    rig.open(web);
    rig.p(web, ". 1:11(10) ack 1");
    rig.p(dns, "one");
    rig.pass_time(config.compare_timeout);
    EXPECT_EQ(rig.requests(), Names{"timeout tcp:80@0"});
    EXPECT_EQ(rig.released(), (Names{". 1:11(10) ack 1", "one"}));
    EXPECT_EQ(rig.counters().released_uncompared, 2u);
    rig.p(dns, "two");
    rig.pass_time(config.compare_timeout);
    EXPECT_EQ(rig.released(), Names{"two"}) << "no fence has answered the request";
}

TEST(Divergence, ReleasePolicyLetsUntrackedOutputGoAfterTheTimeout) {
    ComparatorConfig config = small_config();
    config.on_divergence = OnDivergence::kRelease;
    config.max_connections = 1;
    CompareRig rig(config);
    const Udp dns;
    rig.open(web);
    rig.p(dns, "one");
    EXPECT_EQ(rig.released(), Names{});
    rig.pass_time(config.compare_timeout);
    EXPECT_EQ(rig.released(), Names{"one"});
    EXPECT_EQ(rig.counters().released_uncompared, 1u);
}

TEST(Divergence, HoldPolicyHoldsForEver) {
    CompareRig rig;
    rig.open(web);
    rig.p(web, ". 1:11(10) ack 1");
    rig.s(web, ". 1:11(10) ack 1", flipped(1, 10, 2));
    for (int i = 0; i < 100; ++i) rig.pass_time(seconds(1));
    EXPECT_EQ(rig.released(), Names{});
}

// --- Timeouts

TEST(Timeout, ComesExactlyAtItsTime) {
    CompareRig rig;
    rig.open(web);
    rig.p(web, ". 1:11(10) ack 1");
    rig.s(web, ". 1:5(4) ack 1");
    EXPECT_EQ(rig.comparator().next_deadline(), rig.now() + seconds(3));
    rig.pass_time(seconds(3) - Time(1));
    EXPECT_EQ(rig.requests(), Names{});
    rig.pass_time(Time(1));
    EXPECT_EQ(rig.requests(), Names{"timeout tcp:80@4"});
    EXPECT_EQ(rig.released(), Names{});
    EXPECT_EQ(rig.counters().timeouts, 1u);
}

TEST(Timeout, IsAskedForOnceUntilTheFence) {
    CompareRig rig;
    const Tcp a{.guest_port = 81};
    const Tcp b{.guest_port = 82};
    rig.p(a, "S. 0:0(0) ack 1");
    rig.p(b, "S. 0:0(0) ack 1");
    for (int i = 0; i < 10; ++i) rig.pass_time(seconds(3));
    EXPECT_EQ(rig.requests(), Names{"timeout tcp:81@0"});
    EXPECT_EQ(rig.comparator().next_deadline(), kNever);
    rig.fence();
    rig.released();
    rig.p(b, ". 1:11(10) ack 1");
    rig.pass_time(seconds(3));
    EXPECT_EQ(rig.requests(), Names{"timeout tcp:82@0"});
}

TEST(Timeout, OutputOfTheSecondaryAloneNeverAsks) {
    CompareRig rig;
    rig.open(web);
    rig.s(web, ". 1:101(100) ack 55");
    rig.s(web, "F. 101:101(0) ack 55");
    rig.s(Tcp{.guest_port = 81}, "S. 0:0(0) ack 1");
    rig.s(Tcp{.guest_port = 82}, ". 1:11(10) ack 1");
    rig.s(Udp{}, "surplus");
    rig.pass_time(milliseconds(20));
    for (int i = 0; i < 20; ++i) rig.pass_time(seconds(1));
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(Timeout, SettingMayChangeWhileFramesWait) {
    CompareRig rig;
    rig.p(web, "S. 0:0(0) ack 1");
    rig.comparator().config().compare_timeout = milliseconds(250);
    EXPECT_EQ(rig.comparator().next_deadline(), rig.now() + milliseconds(250));
    rig.pass_time(milliseconds(250));
    EXPECT_EQ(rig.requests(), Names{"timeout tcp:80@0"});
}

TEST(Timeout, NothingHeldMeansNoDeadline) {
    CompareRig rig;
    EXPECT_EQ(rig.comparator().next_deadline(), kNever);
    rig.open(web);
    EXPECT_EQ(rig.comparator().next_deadline(), kNever);
    rig.s(web, ". 1:11(10) ack 1");
    EXPECT_EQ(rig.comparator().next_deadline(), kNever);
}

TEST(HoldTime, IsRecordedForEachFrame) {
    CompareRig rig;
    rig.open(web);
    rig.p(web, ". 1:11(10) ack 1");
    rig.jump(milliseconds(30));
    rig.s(web, ". 1:11(10) ack 1");
    const HoldTimes& times = rig.comparator().hold_times();
    EXPECT_EQ(times.count(), 2u);  // the SYN-ACK, at once
    EXPECT_EQ(times.max(), milliseconds(30));
    EXPECT_LT(times.quantile(0.4), microseconds(1));
}

}  // namespace
}  // namespace colo::test
