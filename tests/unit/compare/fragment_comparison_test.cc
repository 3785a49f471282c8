// SPDX-License-Identifier: GPL-2.0-or-later
// semantics.md, 2: a datagram is compared whole and its fragments are released together.
#include <gtest/gtest.h>

#include "tests/support/compare_rig.h"

namespace colo::test {
namespace {

FrameBuilder datagram(uint32_t id, uint32_t seed = 1) {
    return FrameBuilder().ipv4(kGuest, kPeer).udp(53, 40000).payload(pattern(100, seed)).ip_id(id);
}

void send(CompareRig& rig, const std::vector<ByteVector>& fragments, const std::string& name) {
    for (size_t i = 0; i < fragments.size(); ++i) {
        rig.primary(fragments[i], name + std::to_string(i));
    }
}

TEST(FragmentComparison, GoTogetherWhenTheWholeHasATwin) {
    for (const bool in_order : {true, false}) {
        CompareRig rig;
        auto fragments = datagram(7).fragments(32);
        ASSERT_EQ(fragments.size(), 4u);
        if (!in_order) std::reverse(fragments.begin(), fragments.end());
        send(rig, fragments, "f");
        EXPECT_EQ(rig.released(), Names{});
        EXPECT_FALSE(rig.comparator().holds_nothing());
        for (const auto& fragment : datagram(900).fragments(64)) rig.secondary(fragment);
        EXPECT_EQ(rig.released(), (Names{"f0", "f1", "f2", "f3"}));
        EXPECT_TRUE(rig.comparator().holds_nothing());
        EXPECT_EQ(rig.counters().fragments, 4u);
        EXPECT_EQ(rig.counters().fragments_reassembled, 2u);
        EXPECT_EQ(rig.counters().released, 4u);
    }
}

TEST(FragmentComparison, TwinMayComeWhole) {
    CompareRig rig;
    rig.secondary(datagram(0));
    send(rig, datagram(7).fragments(64), "f");
    EXPECT_EQ(rig.released(), (Names{"f0", "f1"}));
    rig.primary(datagram(1), "whole");
    for (const auto& fragment : datagram(8).fragments(64)) rig.secondary(fragment);
    EXPECT_EQ(rig.released(), Names{"whole"});
}

TEST(FragmentComparison, OfIpv6Too) {
    const auto six = FrameBuilder()
                         .ipv6("2001:db8::1", "2001:db8::2")
                         .udp(53, 40000)
                         .payload(pattern(100))
                         .ip_id(5);
    CompareRig rig;
    send(rig, six.fragments(40), "f");
    rig.secondary(six);
    EXPECT_EQ(rig.released(), (Names{"f0", "f1", "f2"}));
}

TEST(FragmentComparison, DifferenceIsOneInTheWhole) {
    CompareRig rig;
    send(rig, datagram(7, 1).fragments(64), "f");
    rig.secondary(datagram(7, 2));
    rig.pass_time(milliseconds(20));
    EXPECT_EQ(rig.requests(), Names{"divergence udp:53@0"});
    rig.fence();
    EXPECT_EQ(rig.released(), (Names{"f0", "f1"}));
}

TEST(FragmentComparison, TwoDatagramsMayInterleave) {
    CompareRig rig;
    const auto a = datagram(1, 1).fragments(64);
    const auto b = datagram(2, 2).fragments(64);
    rig.primary(a[0], "a0");
    rig.primary(b[0], "b0");
    rig.primary(b[1], "b1");
    rig.primary(a[1], "a1");
    rig.secondary(datagram(0, 2));
    EXPECT_EQ(rig.released(), (Names{"b0", "b1"}));
    rig.secondary(datagram(0, 1));
    EXPECT_EQ(rig.released(), (Names{"a0", "a1"}));
}

TEST(FragmentComparison, OfATcpSegmentAreReleasedTogether) {
    const Tcp web;
    CompareRig rig;
    rig.open(web);
    const auto segment = CompareRig::builder_of(web, web.primary_isn, ". 1:101(100) ack 1");
    send(rig, FrameBuilder(segment).fragments(64), "f");
    rig.s(web, ". 1:101(100) ack 1");
    EXPECT_EQ(rig.released(), (Names{"f0", "f1"}));
    EXPECT_EQ(rig.flow().verified, 100u);
}

TEST(FragmentComparison, IncompleteDatagramGoesAtTheFence) {
    CompareRig rig;
    const auto fragments = datagram(7).fragments(32);
    rig.primary(fragments[0], "f0");
    rig.primary(fragments[2], "f2");
    rig.fence();
    EXPECT_EQ(rig.released(), (Names{"f0", "f2"}));
    EXPECT_TRUE(rig.comparator().holds_nothing());
    EXPECT_EQ(rig.counters().released_by_fence, 2u);
}

TEST(FragmentComparison, SecondarysIncompleteDatagramEndsWithALiveFence) {
    for (const Fence fence : {Fence::kLive, Fence::kReplay}) {
        CompareRig rig;
        const auto fragments = datagram(7).fragments(64);
        rig.secondary(fragments[0]);
        rig.fence(fence);
        rig.secondary(fragments[1]);
        rig.primary(datagram(7), "whole");
        EXPECT_EQ(rig.released(), fence == Fence::kLive ? Names{} : Names{"whole"});
    }
}

TEST(FragmentComparison, IncompleteOneAsksAfterTheTimeout) {
    CompareRig rig;
    const auto fragments = datagram(7).fragments(32);
    rig.primary(fragments[0], "f0");
    rig.pass_time(seconds(1));
    rig.primary(fragments[1], "f1");
    EXPECT_EQ(rig.comparator().next_deadline(), rig.now() + seconds(2));
    rig.pass_time(seconds(2) - Time(1));
    EXPECT_EQ(rig.requests(), Names{});
    rig.pass_time(Time(1));
    ASSERT_EQ(rig.requests().size(), 1u);
    EXPECT_EQ(rig.sink().requests[0].reason, Reason::kTimeout);
    EXPECT_EQ(rig.released(), Names{});
    rig.fence();
    EXPECT_EQ(rig.released(), (Names{"f0", "f1"}));
}

TEST(FragmentComparison, OverlappingOnesWaitForACheckpoint) {
    CompareRig rig;
    rig.primary(datagram(7).fragment(0, 64, true), "f0");
    rig.primary(datagram(7).fragment(32, 76, false), "f1");
    rig.primary(datagram(7).fragment(64, 44, false), "f2");
    rig.secondary(datagram(7));
    EXPECT_EQ(rig.released(), Names{});
    EXPECT_FALSE(rig.comparator().holds_nothing());
    EXPECT_GT(rig.counters().fragments_discarded, 0u);
    rig.pass_time(seconds(3));
    ASSERT_EQ(rig.requests().size(), 1u);
    rig.fence();
    EXPECT_EQ(rig.released(), (Names{"f0", "f1", "f2"}));
}

TEST(FragmentComparison, AboveTheirCapTheOldestWaitForACheckpoint) {
    ComparatorConfig config = small_config();
    config.max_fragment_bytes = 4000;
    CompareRig rig(config);
    for (uint32_t id = 0; id < 40; ++id) {
        rig.primary(datagram(id).fragment(0, 64, true), "f" + std::to_string(id));
    }
    ASSERT_EQ(rig.requests().size(), 1u);
    EXPECT_EQ(rig.sink().requests[0].reason, Reason::kQueueFull);
    rig.fence();
    EXPECT_EQ(rig.released().size(), 40u);
}

TEST(FragmentComparison, AreReleasedWholeInIdleMode) {
    CompareRig rig;
    rig.mode(Mode::kIdle);
    send(rig, datagram(7).fragments(64), "f");
    EXPECT_EQ(rig.released(), (Names{"f0", "f1"}));
}

}  // namespace
}  // namespace colo::test
