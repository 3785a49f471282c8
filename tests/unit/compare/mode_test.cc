// SPDX-License-Identifier: GPL-2.0-or-later
// semantics.md, 4 and 6: idle, lock-step and simple mode.
#include <gtest/gtest.h>

#include "tests/support/compare_rig.h"

namespace colo::test {
namespace {

TEST(IdleMode, OutputPassesAndIsCounted) {
    CompareRig rig;
    rig.mode(Mode::kIdle);
    const Names all = {"S. 0:0(0) ack 1",   ". 1:11(10) ack 1", ". 1:11(10) ack 1",
                       ". 31:41(10) ack 8", ". 41:41(0) ack 7", "F. 41:41(0) ack 8",
                       "R 42:42(0)"};
    for (const auto& segment : all) {
        rig.p(web, segment);
        EXPECT_EQ(rig.released(), Names{segment});
    }
    rig.p(dns, "answer");
    EXPECT_EQ(rig.released(), Names{"answer"});
    EXPECT_EQ(rig.counters().passed, all.size() + 1);
    EXPECT_TRUE(rig.comparator().holds_nothing());
    EXPECT_EQ(rig.comparator().next_deadline() < kNever, true);  // a closing flow
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(IdleMode, TracksSoThatComparingCanBegin) {
    CompareRig rig;
    rig.mode(Mode::kIdle);
    rig.p(web, "S. 0:0(0) ack 1");
    rig.p(web, ". 1:11(10) ack 500");
    rig.released();
    EXPECT_EQ(rig.flow().verified, 10u);
    rig.mode(Mode::kLockstep);
    rig.fence();  // READY: the SVM is a copy
    rig.p(web, ". 1:11(10) ack 500");
    rig.p(web, ". 11:11(0) ack 500");
    EXPECT_EQ(rig.released(), (Names{". 1:11(10) ack 500", ". 11:11(0) ack 500"}));
    rig.p(web, ". 11:21(10) ack 501");
    EXPECT_EQ(rig.released(), Names{});
    rig.s(copied(web), ". 11:21(10) ack 501");
    EXPECT_EQ(rig.released(), Names{". 11:21(10) ack 501"});
}

TEST(IdleMode, SecondarySaysNothing) {
    CompareRig rig;
    rig.mode(Mode::kIdle);
    rig.s(web, "S. 0:0(0) ack 1");
    rig.s(dns, "answer");
    EXPECT_EQ(rig.counters().secondary_surplus, 2u);
    EXPECT_EQ(rig.comparator().table().size(), 0u);
}

TEST(IdleMode, FollowsIncarnations) {
    CompareRig rig;
    rig.mode(Mode::kIdle);
    const Tcp next{.primary_isn = 9'000'000, .client_isn = 5};
    rig.p(web, "S. 0:0(0) ack 1");
    rig.p(web, ". 1:11(10) ack 1");
    rig.p(next, "S. 0:0(0) ack 1");
    rig.p(next, ". 1:6(5) ack 1");
    EXPECT_EQ(rig.released().size(), 4u);
    EXPECT_EQ(rig.flow().verified, 5u);
    EXPECT_EQ(rig.counters().flows, 2u);
}

TEST(SimpleMode, HoldsAllOutputAndReleasesItAtFences) {
    CompareRig rig;
    rig.open(web);
    rig.mode(Mode::kSimple);
    rig.both(web, ". 1:11(10) ack 1");
    rig.both(dns, "answer");
    rig.p(web, ". 1:11(10) ack 1");
    rig.primary(FrameBuilder().arp(1, kGuest, kPeer), "arp");
    EXPECT_EQ(rig.released(), Names{"arp"});
    EXPECT_EQ(rig.counters().secondary_surplus, 2u);
    rig.fence();
    EXPECT_EQ(rig.released(), (Names{". 1:11(10) ack 1", "answer", ". 1:11(10) ack 1"}));
    rig.p(web, "F. 11:11(0) ack 1");
    EXPECT_EQ(rig.released(), Names{});
    rig.fence();
    EXPECT_EQ(rig.released(), Names{"F. 11:11(0) ack 1"});
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(SimpleMode, PassthroughStillPasses) {
    CompareRig rig;
    rig.comparator().add_rule({.id = "dns", .protocol = 17}, rig.now());
    rig.mode(Mode::kSimple);
    rig.p(dns, "answer");
    EXPECT_EQ(rig.released(), Names{"answer"});
}

TEST(SimpleMode, ReturnToLockstepComparesAgain) {
    CompareRig rig;
    rig.open(web);
    rig.mode(Mode::kSimple);
    rig.p(web, ". 1:11(10) ack 77");
    rig.p(web, "P. 11:21(10) ack 77");
    rig.fence();
    rig.mode(Mode::kLockstep);
    EXPECT_EQ(rig.released(), (Names{". 1:11(10) ack 77", "P. 11:21(10) ack 77"}));
    EXPECT_EQ(rig.flow().verified, 20u);
    rig.p(web, ". 21:31(10) ack 77");
    EXPECT_EQ(rig.released(), Names{});
    rig.s(copied(web), ". 21:31(10) ack 77");
    EXPECT_EQ(rig.released(), Names{". 21:31(10) ack 77"});
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(SimpleMode, TracksWholeConnections) {
    CompareRig rig;
    rig.mode(Mode::kSimple);
    const Tcp next{.primary_isn = 9'000'000, .client_isn = 5};
    for (const char* text : {"S. 0:0(0) ack 1", ". 1:11(10) ack 1", "R. 11:11(0) ack 1"}) {
        rig.p(web, text);
    }
    rig.p(next, "S. 0:0(0) ack 1");
    rig.p(next, ". 1:6(5) ack 1");
    rig.fence();
    rig.mode(Mode::kLockstep);
    EXPECT_EQ(rig.released().size(), 5u);
    EXPECT_EQ(rig.flow().verified, 5u);
    EXPECT_EQ(rig.counters().flows, 2u);
    rig.both(copied(next), ". 6:11(5) ack 1");
    EXPECT_EQ(rig.released(), Names{". 6:11(5) ack 1"});
}

TEST(SimpleMode, BoundsHold) {
    ComparatorConfig config = small_config();
    config.max_queue_frames = 3;
    CompareRig rig(config);
    rig.mode(Mode::kSimple);
    for (int i = 0; i < 5; ++i) rig.p(dns, std::to_string(i));
    EXPECT_EQ(rig.requests(), Names{"queue-full udp:53"});
}

TEST(Flows, AreListedInPages) {
    CompareRig rig;
    for (uint16_t port = 1; port <= 5; ++port) rig.p(Udp{.guest_port = port}, "x");
    rig.s(Udp{.guest_port = 3}, "x");
    uint32_t cursor = 0;
    Names ports;
    while (const auto status = rig.comparator().next_flow(cursor)) {
        ports.push_back(guest_name(status->key) + " " + std::to_string(status->held_frames));
        EXPECT_EQ(status->held_since, status->held_frames ? rig.now() : kNever);
        EXPECT_EQ(status->phase, Phase::kDatagram);
    }
    EXPECT_EQ(ports, (Names{"10.0.0.1:1 1", "10.0.0.1:2 1", "10.0.0.1:3 0", "10.0.0.1:4 1",
                            "10.0.0.1:5 1"}));
}

TEST(Destruction, IsSafeWithEverythingHeld) {
    ComparatorConfig config = small_config();
    config.max_connections = 4;
    CompareRig rig(config);
    rig.open(web);
    rig.p(web, ". 11:21(10) ack 1");
    rig.s(web, ". 31:41(10) ack 1");
    rig.s(web, ". 1:11(10) ack 1");
    rig.s(Tcp{.guest_port = 81}, "S. 0:0(0) ack 1");
    rig.p(Tcp{.guest_port = 82}, "R 0:0(0)");
    rig.p(Tcp{.guest_port = 82}, "S. 0:0(0) ack 1");
    rig.p(dns, "p");
    rig.s(dns, "s");
    rig.fence(Fence::kReplay);
    rig.p(dns, "p");
    rig.s(dns, "s");
    rig.p(Tcp{.guest_port = 99}, "S. 0:0(0) ack 1");
    rig.primary(
        FrameBuilder().ipv4(kGuest, kPeer).udp(1, 2).payload("0123456789").fragment(0, 8, true),
        "fragment");
}

}  // namespace
}  // namespace colo::test
