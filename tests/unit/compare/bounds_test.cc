// SPDX-License-Identifier: GPL-2.0-or-later
// semantics.md, 4 and 8: full tables and queues.
#include <gtest/gtest.h>

#include "tests/support/compare_rig.h"

namespace colo::test {
namespace {

/// Another incarnation of `web`.
const Tcp later_one{.primary_isn = 40'000'000, .secondary_isn = 900'000, .client_isn = 1'000'000};

ComparatorConfig flows(uint32_t most) {
    ComparatorConfig config;
    config.max_connections = most;
    return config;
}
ComparatorConfig queues(uint32_t frames, uint64_t bytes, WhenFull when) {
    ComparatorConfig config = small_config();
    config.max_queue_frames = frames;
    config.max_queue_bytes = bytes;
    config.when_full = when;
    return config;
}

// --- The table

TEST(TableFull, OutputOfUntrackedFlowsIsHeldAndACheckpointAskedForOnce) {
    CompareRig rig(flows(1));
    const Tcp a{.guest_port = 81, .name = "a "};
    const Tcp b{.guest_port = 82, .name = "b "};
    const Tcp c{.guest_port = 83, .name = "c "};
    rig.open(a);
    rig.both(b, "S. 0:0(0) ack 1");
    rig.both(c, "S. 0:0(0) ack 1");
    EXPECT_EQ(rig.released(), Names{});
    EXPECT_EQ(rig.requests(), Names{"table-full tcp:82"});
    EXPECT_EQ(rig.comparator().untracked_held(), 2u);
    EXPECT_EQ(rig.counters().untracked, 2u);
    EXPECT_EQ(rig.counters().untracked_secondary, 2u);
    rig.both(a, ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), Names{"a . 1:11(10) ack 1"});
    rig.fence();
    EXPECT_EQ(rig.released(), (Names{"b S. 0:0(0) ack 1", "c S. 0:0(0) ack 1"}));
    EXPECT_EQ(rig.comparator().untracked_held(), 0u);
}

TEST(TableFull, TableMayGrowWhileFramesFlow) {
    CompareRig rig(flows(1));
    const Tcp a{.guest_port = 81, .name = "a "};
    const Tcp b{.guest_port = 82, .name = "b "};
    rig.open(a);
    rig.p(a, ". 1:11(10) ack 1");
    rig.comparator().set_max_connections(100);
    rig.open(b);
    rig.s(a, ". 1:11(10) ack 1");
    rig.both(b, ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), (Names{"a . 1:11(10) ack 1", "b . 1:11(10) ack 1"}));
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(TableFull, UntrackedOutputIsNeverOvertaken) {
    CompareRig rig(flows(1));
    const Tcp a{.guest_port = 81, .name = "a "};
    rig.open(a);
    rig.p(dns, "1");
    rig.both(a, "R. 1:1(0) ack 1");
    rig.released();
    EXPECT_EQ(rig.flow().phase, Phase::kClosing);  // there would be room now
    rig.s(dns, "2");
    rig.p(dns, "2");
    EXPECT_EQ(rig.released(), Names{});
    rig.fence();
    EXPECT_EQ(rig.released(), (Names{"1", "2"}));
    rig.p(dns, "3");
    rig.s(dns, "3");
    EXPECT_EQ(rig.released(), Names{"3"});
}

TEST(TableFull, AgeOfUntrackedOutputCountsForTimeouts) {
    CompareRig rig(flows(0));
    rig.p(dns, "1");
    rig.requests();
    rig.pass_time(seconds(3));
    EXPECT_EQ(rig.requests(), Names{"timeout"});
}

TEST(TableFull, ClosingFlowsGoFirstThenHalfOpenThenDatagrams) {
    CompareRig rig(flows(4));
    const Tcp live{.guest_port = 81};
    const Tcp half{.guest_port = 82};
    const Tcp closing{.guest_port = 83};
    rig.both(dns, "datagram");
    rig.both(half, "S. 0:0(0) ack 1");
    rig.open_more(live);
    rig.open_more(closing);
    rig.both(closing, "R. 1:1(0) ack 1");
    rig.released();
    const FlowTableCounters& gone = rig.comparator().table().counters();
    rig.open_more({.guest_port = 91});
    EXPECT_EQ(gone.evicted_closing, 1u);
    rig.open_more({.guest_port = 92});
    EXPECT_EQ(gone.evicted_half_open, 1u);
    rig.open_more({.guest_port = 93});
    EXPECT_EQ(gone.evicted_datagram, 1u);
    rig.p(Tcp{.guest_port = 94}, "S. 0:0(0) ack 1");
    EXPECT_EQ(rig.requests(), Names{"table-full tcp:94"});
    EXPECT_EQ(rig.comparator().table().count(Phase::kEstablished), 4u);
}

TEST(TableFull, FlowThatHoldsOutputStays) {
    CompareRig rig(flows(2));
    rig.p(web, "S. 0:0(0) ack 1");
    rig.p(dns, "held");
    rig.p(Tcp{.guest_port = 91}, "S. 0:0(0) ack 1");
    EXPECT_EQ(rig.requests(), Names{"table-full tcp:91"});
    rig.s(web, "S. 0:0(0) ack 1");
    EXPECT_EQ(rig.released().size(), 1u);
}

TEST(TableFull, FenceMakesRoomAmongIdleFlowsWithoutAnOffset) {
    CompareRig rig(flows(2));
    rig.open_more({.guest_port = 81});
    rig.open_more({.guest_port = 82});
    const Tcp late{.guest_port = 83};
    // A flow that was used since the last look stays for one more.
    for (int i = 0; i < 3; ++i) {
        rig.p(late, "S. 0:0(0) ack 1");
        rig.fence();
    }
    EXPECT_GE(rig.comparator().table().counters().evicted_live, 1u);
    EXPECT_GT(rig.requests().size(), 0u);
    rig.released();
    Tcp copied = late;
    copied.secondary_isn = copied.primary_isn;
    rig.both(copied, ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), Names{". 1:11(10) ack 1"});
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(TableFull, FlowWithAnOffsetIsNotEvicted) {
    CompareRig rig(flows(1));
    rig.open_more({.guest_port = 81});
    for (int i = 0; i < 5; ++i) {
        rig.p(dns, "x");
        rig.fence(Fence::kReplay);  // keeps the offsets
    }
    EXPECT_EQ(rig.comparator().table().counters().evicted_live, 0u);
    EXPECT_NE(rig.comparator().delta_of(CompareRig::key_of(Tcp{.guest_port = 81})), 0);
}

TEST(TableFull, HousekeepingPassesWithoutAPlace) {
    CompareRig rig(flows(0));
    rig.primary(FrameBuilder().arp(1, kGuest, kPeer), "arp");
    rig.primary(FrameBuilder().ipv6("fe80::1", "ff02::1").icmp(135, 0, 0), "nd");
    EXPECT_EQ(rig.released(), (Names{"arp", "nd"}));
    EXPECT_EQ(rig.requests(), Names{});
}

// --- Queues

TEST(QueueFull, KeptOutputIsAllThereAndACheckpointAskedForOnce) {
    CompareRig rig(queues(3, 1 << 20, WhenFull::kKeep));
    for (int i = 0; i < 10; ++i) {
        rig.p(dns, std::to_string(i));
        EXPECT_EQ(rig.comparator().is_congested(), i >= 3);
        EXPECT_EQ(rig.requests(), i == 3 ? Names{"queue-full udp:53"} : Names{});
    }
    rig.fence();
    EXPECT_EQ(rig.released().size(), 10u);
    EXPECT_FALSE(rig.comparator().is_congested());
    EXPECT_EQ(rig.counters().dropped_queue_full, 0u);
}

TEST(QueueFull, CapCountsAllFlowsBytes) {
    CompareRig rig(queues(1000, 500, WhenFull::kKeep));
    uint16_t port = 1000;
    while (rig.comparator().queued().bytes() <= 500) rig.p(Udp{.guest_port = ++port}, "datagram");
    EXPECT_EQ(rig.requests(), Names{"queue-full udp:" + std::to_string(port)});
    EXPECT_TRUE(rig.comparator().is_congested());
}

TEST(QueueFull, NewestFrameIsDroppedBehindAChardev) {
    CompareRig rig(queues(3, 1 << 20, WhenFull::kDrop));
    for (int i = 0; i < 10; ++i) rig.p(dns, std::to_string(i));
    EXPECT_EQ(rig.requests(), Names{"queue-full udp:53"});
    EXPECT_EQ(rig.counters().dropped_queue_full, 7u);
    rig.p(Udp{.guest_port = 54}, "another flow");
    rig.fence();
    EXPECT_EQ(rig.released(), (Names{"0", "1", "2", "another flow"}));
}

TEST(QueueFull, BytesBehindAChardevAreBoundedForUntrackedFlowsToo) {
    ComparatorConfig config = queues(1000, 1000, WhenFull::kDrop);
    config.max_connections = 0;
    CompareRig rig(config);
    for (int i = 0; i < 1000; ++i) rig.p(dns, "datagram");
    EXPECT_LE(rig.comparator().queued().bytes(), 1100u);
    EXPECT_GT(rig.counters().dropped_queue_full, 900u);
}

TEST(QueueFull, LateTwinsThatAreRememberedTakeNoRoomOfWhatIsHeld) {
    CompareRig rig(queues(1000, 200, WhenFull::kKeep));
    const Udp other{.guest_port = 54};
    for (int i = 0; i < 5; ++i) rig.p(dns, "a question of its own " + std::to_string(i));
    EXPECT_EQ(rig.requests(), Names{"queue-full udp:53"});
    rig.fence(Fence::kReplay);
    rig.released();
    for (int i = 0; i < 3; ++i) rig.both(other, "the same");
    EXPECT_EQ(rig.released(), (Names{"the same", "the same", "the same"}));
    EXPECT_EQ(rig.requests(), Names{});
    EXPECT_EQ(rig.comparator().queued().bytes(), 0u);
    rig.s(dns, "a question of its own 0");
    EXPECT_EQ(rig.counters().secondary_absorbed, 1u);
}

TEST(QueueFull, WhatPassesIsNotDropped) {
    CompareRig rig(queues(1000, 300, WhenFull::kDrop));
    rig.comparator().add_rule({.id = "web", .guest_port = 80}, rig.now());
    while (rig.comparator().queued().bytes() <= 300) rig.p(dns, "held");
    rig.released();
    rig.p(web, "S. 0:0(0) ack 1");
    EXPECT_EQ(rig.released(), Names{"S. 0:0(0) ack 1"});
}

TEST(QueueFull, DatagramsOfTheSecondaryAboveTheCapAreDroppedAndCounted) {
    CompareRig rig(queues(3, 1 << 20, WhenFull::kKeep));
    for (int i = 0; i < 10; ++i) rig.s(dns, std::to_string(i));
    EXPECT_EQ(rig.counters().secondary_over_cap, 7u);
    EXPECT_EQ(rig.comparator().queued().secondary_frames, 3u);
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(QueueFull, SegmentsOfTheSecondaryAboveTheCapComeAgain) {
    CompareRig rig(queues(3, 1 << 20, WhenFull::kKeep));
    rig.open(web);
    const Names all = {". 1:11(10) ack 1", ". 11:21(10) ack 1", ". 21:31(10) ack 1",
                       ". 31:41(10) ack 1", ". 41:51(10) ack 1"};
    for (const auto& segment : all) rig.s(web, segment);
    EXPECT_EQ(rig.counters().secondary_over_cap, 2u);
    for (const auto& segment : all) rig.p(web, segment);
    EXPECT_EQ(rig.released(), (Names{all[0], all[1], all[2]}));
    rig.s(web, all[3]);
    rig.s(web, all[4]);
    EXPECT_EQ(rig.released(), (Names{all[3], all[4]}));
    EXPECT_EQ(rig.requests(), Names{});
    EXPECT_EQ(rig.comparator().queued().secondary_bytes, 0u);
}

TEST(QueueFull, SegmentsOfAnIncarnationToComeAreBoundedToo) {
    CompareRig rig(queues(3, 1 << 20, WhenFull::kKeep));
    for (int i = 0; i < 10; ++i) rig.s(web, ". 1:11(10) ack 1");
    EXPECT_EQ(rig.comparator().queued().secondary_frames, 3u);
    EXPECT_EQ(rig.counters().secondary_over_cap, 7u);
}

/// What follows the SYN is not of the incarnation the primary is in: its acks least of all.
TEST(QueueFull, LatestSynIsKeptAboveTheCap) {
    for (const Fence fence : {Fence::kReplay, Fence::kLive}) {
        CompareRig rig(queues(2, 1 << 20, WhenFull::kKeep));
        rig.open(web);
        rig.s(web, ". 1:2(1) ack 1");
        rig.s(web, ". 2:3(1) ack 1");
        rig.s(later_one, "S. 0:0(0) ack 1");
        rig.s(later_one, ". 1:1(0) ack 1");
        EXPECT_EQ(rig.counters().secondary_over_cap, 2u);
        EXPECT_EQ(rig.comparator().queued().secondary_frames, 3u);
        rig.p(web, ". 1:1(0) ack 200");
        EXPECT_EQ(rig.released(), Names{});
        rig.fence(fence);
        EXPECT_EQ(rig.released(), Names{". 1:1(0) ack 200"});
        rig.p(later_one, "S. 0:0(0) ack 1");
        if (fence == Fence::kReplay) {
            EXPECT_EQ(rig.released(), Names{"S. 0:0(0) ack 1"});
        } else {  // the secondary became a copy that never sent it
            EXPECT_EQ(rig.released(), Names{});
            rig.fence(fence);
            EXPECT_EQ(rig.released(), Names{"S. 0:0(0) ack 1"});
        }
        EXPECT_EQ(rig.comparator().queued().secondary_frames, 0u);
    }
}

/// The queue may already hold an earlier incarnation's SYN that the primary has not sent either.
TEST(QueueFull, SynKeptAboveTheCapEndsAnIncarnationThatIsQueuedToo) {
    CompareRig rig(queues(2, 1 << 20, WhenFull::kKeep));
    for (int i = 0; i < 4; ++i) rig.s(web, "S. 0:0(0) ack 1");
    for (int i = 0; i < 4; ++i) rig.s(later_one, "S. 0:0(0) ack 1");
    EXPECT_EQ(rig.comparator().queued().secondary_frames, 3u);
    rig.p(web, "S. 0:0(0) ack 1");
    rig.s(later_one, ". 1:1(0) ack 1");
    rig.p(web, ". 1:1(0) ack 200");
    EXPECT_EQ(rig.released(), Names{"S. 0:0(0) ack 1"});
}

TEST(QueueFull, DivergedFlowTakesNoMoreThanTheCapOfTheSecondary) {
    CompareRig rig(queues(8, 1 << 20, WhenFull::kKeep));
    rig.open(web);
    rig.p(web, ". 1:11(10) ack 1");
    rig.s(web, ". 1:11(10) ack 1", ByteVector(10));
    for (uint32_t i = 1; i < 100; ++i) {
        const std::string from = std::to_string(i * 10 + 1);
        rig.s(web, ". " + from + ":" + std::to_string(i * 10 + 11) + "(10) ack 1");
    }
    EXPECT_LE(rig.comparator().queued().secondary_frames, 8u);
    EXPECT_GT(rig.counters().secondary_over_cap, 80u);
}

TEST(QueueFull, GapsOfThePrimaryAboveTheReassemblysCapAskAndWait) {
    ComparatorConfig config = small_config();
    config.reassembly.segments_per_stream = 4;
    CompareRig rig(config);
    rig.open(web);
    for (uint32_t i = 1; i < 10; ++i) {
        const std::string from = std::to_string(i * 20);
        rig.p(web, ". " + from + ":" + std::to_string(i * 20 + 10) + "(10) ack 1");
    }
    EXPECT_EQ(rig.requests(), Names{"queue-full tcp:80"});
    EXPECT_EQ(rig.released(), Names{});
    rig.fence();
    EXPECT_EQ(rig.released().size(), 9u);
    EXPECT_TRUE(rig.comparator().holds_nothing());
}

TEST(QueueFull, GapsOfTheSecondaryCountAmongAllBytes) {
    CompareRig rig(queues(100'000, 5000, WhenFull::kKeep));
    for (uint16_t port = 1; port <= 100; ++port) {
        const Tcp tcp{.peer_port = port};
        rig.open_more(tcp);
        rig.s(tcp, ". 101:201(100) ack 1");
    }
    EXPECT_GE(rig.counters().secondary_over_cap, 40u);
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(TableFull, EvictedFlowGivesItsReassemblyBack) {
    CompareRig rig(flows(1));
    rig.open_more(web);
    rig.both(web, "R. 1:1(0) ack 1");
    rig.s(web, ". 101:201(100) ack 1");
    EXPECT_EQ(rig.flow().phase, Phase::kClosing);
    rig.p(dns, "1");
    rig.fence();
    EXPECT_EQ(rig.comparator().reassembly().open, 0u);
    rig.p(dns, "2");
    rig.s(dns, "2");
    EXPECT_EQ(rig.comparator().table().counters().evicted_closing, 1u);
}

TEST(Queued, SizesComeBackToZero) {
    CompareRig rig;
    rig.open(web);
    rig.p(dns, "1");
    rig.s(web, ". 11:21(10) ack 1");
    rig.s(web, ". 1:11(10) ack 1");
    EXPECT_EQ(rig.comparator().queued().primary_frames, 1u);
    EXPECT_EQ(rig.comparator().queued().secondary_bytes, 20u);
    rig.s(dns, "1");
    rig.p(web, ". 1:21(20) ack 1");
    EXPECT_EQ(rig.released().size(), 2u);
    EXPECT_EQ(rig.comparator().queued().primary_frames, 0u);
    EXPECT_EQ(rig.comparator().queued().secondary_frames, 0u);
    EXPECT_EQ(rig.comparator().queued().bytes(), 0u);
}

}  // namespace
}  // namespace colo::test
