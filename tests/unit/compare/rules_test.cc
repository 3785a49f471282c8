// SPDX-License-Identifier: GPL-2.0-or-later
// semantics.md, 2: default rules and passthrough rules.
#include "compare/rules.h"

#include <gtest/gtest.h>

#include "compare/flow.h"
#include "tests/support/compare_rig.h"

namespace colo::test {
namespace {

FrameBuilder icmpv6(uint8_t type) {
    return FrameBuilder().ipv6("fe80::1", "ff02::1").icmp(type, 0, 0).payload(ByteVector(16));
}

// --- Default rules

TEST(DefaultRules, HousekeepingPassesAndIsCounted) {
    struct Case {
        const char* name;
        FrameBuilder frame;
        DefaultPass rule;
    };
    const Case cases[] = {
        {"arp", FrameBuilder().arp(1, kGuest, kPeer), DefaultPass::kArp},
        {"arp in a vlan", FrameBuilder().arp(2, kGuest, kPeer).vlan(3), DefaultPass::kArp},
        {"lldp", FrameBuilder().ethernet(ether_type::kLldp).payload("x"), DefaultPass::kLldp},
        {"router solicitation", icmpv6(133), DefaultPass::kNeighbourDiscovery},
        {"neighbour solicitation", icmpv6(135), DefaultPass::kNeighbourDiscovery},
        {"neighbour advertisement", icmpv6(136), DefaultPass::kNeighbourDiscovery},
        {"redirect", icmpv6(137), DefaultPass::kNeighbourDiscovery},
        {"mld query", icmpv6(130), DefaultPass::kMld},
        {"mld done", icmpv6(132), DefaultPass::kMld},
        {"mldv2 report", icmpv6(143), DefaultPass::kMld},
        {"igmp", FrameBuilder().ipv4(kGuest, "224.0.0.22").protocol(2).payload("12345678"),
         DefaultPass::kIgmp},
    };
    for (const Case& c : cases) {
        CompareRig rig;
        rig.primary(c.frame, c.name);
        EXPECT_EQ(rig.released(), Names{c.name});
        EXPECT_EQ(rig.comparator().passed_by(c.rule), 1u) << c.name;
        EXPECT_EQ(rig.counters().passed, 1u);
        rig.secondary(c.frame);
        EXPECT_EQ(rig.counters().secondary_passed, 1u);
        EXPECT_EQ(rig.requests(), Names{});
        EXPECT_TRUE(rig.comparator().holds_nothing());
    }
}

TEST(DefaultRules, ArpMayBeComparedInstead) {
    ComparatorConfig config = small_config();
    config.arp = ArpPolicy::kCompare;
    CompareRig rig(config);
    rig.primary(FrameBuilder().arp(1, kGuest, kPeer), "who has");
    EXPECT_EQ(rig.released(), Names{});
    rig.secondary(FrameBuilder().arp(1, kGuest, kPeer));
    EXPECT_EQ(rig.released(), Names{"who has"});
    rig.comparator().config().arp = ArpPolicy::kPass;
    rig.primary(FrameBuilder().arp(1, kGuest, kPeer), "again");
    EXPECT_EQ(rig.released(), Names{"again"});
}

TEST(DefaultRules, AllElseIsCompared) {
    const FrameBuilder frames[] = {
        icmpv6(128),  // echo
        icmpv6(138),
        icmpv6(144),
        FrameBuilder().ipv4(kGuest, "255.255.255.255").udp(68, 67).payload("dhcp"),
        FrameBuilder().ipv4(kGuest, kPeer).udp(123, 123).payload("ntp"),
        FrameBuilder().ipv4(kGuest, "224.0.0.251").udp(5353, 5353).payload("mdns"),
        FrameBuilder().ethernet(0x0842).payload("wake on lan"),
    };
    for (const FrameBuilder& frame : frames) {
        CompareRig rig;
        rig.primary(frame, "frame");
        EXPECT_EQ(rig.released(), Names{});
        rig.secondary(frame);
        EXPECT_EQ(rig.released(), Names{"frame"});
        EXPECT_EQ(rig.counters().passed, 0u);
    }
}

TEST(DefaultRules, HaveNames) {
    const char* const names[] = {"arp", "lldp", "nd", "mld", "igmp"};
    for (size_t i = 0; i < kDefaultPasses; ++i) {
        EXPECT_STREQ(to_string(static_cast<DefaultPass>(i)), names[i]);
    }
}

// --- Matching

TEST(PassRules, FieldsThatAreNotSetMatchAnything) {
    const FlowKey key = CompareRig::key_of(web);
    struct Case {
        const char* name;
        PassRule rule;
        bool matches;
    };
    const std::array<uint8_t, 16> stranger{1, 2, 3, 4};
    const Case cases[] = {
        {"all", {.id = "r"}, true},
        {"protocol", {.id = "r", .protocol = 6}, true},
        {"other protocol", {.id = "r", .protocol = 17}, false},
        {"guest", {.id = "r", .kind = key.kind, .guest = key.guest}, true},
        {"family", {.id = "r", .kind = KeyKind::kIpv6, .guest = key.guest}, false},
        {"other guest", {.id = "r", .guest = stranger}, false},
        {"peer", {.id = "r", .peer = key.peer}, true},
        {"peer is not the guest", {.id = "r", .peer = key.guest}, false},
        {"guest port", {.id = "r", .guest_port = 80}, true},
        {"direction", {.id = "r", .peer_port = 80}, false},
        {"peer port", {.id = "r", .peer_port = 40000}, true},
        {"everything",
         {.id = "r",
          .protocol = 6,
          .kind = key.kind,
          .guest = key.guest,
          .peer = key.peer,
          .guest_port = 80,
          .peer_port = 40000},
         true},
    };
    for (const Case& c : cases) EXPECT_EQ(c.rule.matches(key), c.matches) << c.name;
}

TEST(PassRules, PortsCoverOnlyWhatHasPorts) {
    FlowKey ping = CompareRig::key_of(web);
    ping.protocol = 1;
    ping.guest_port = 80;
    EXPECT_FALSE((PassRule{.id = "r", .guest_port = 80}).matches(ping));
    EXPECT_TRUE((PassRule{.id = "r"}).matches(ping));
    FlowKey ethernet;
    ethernet.kind = KeyKind::kEthernet;
    EXPECT_FALSE((PassRule{.id = "r"}).matches(ethernet));
}

TEST(PassRules, FirstOneCoversAndPlacesAreReused) {
    PassRules rules;
    const FlowKey key = CompareRig::key_of(web);
    EXPECT_EQ(rules.covering(key), kNoRule);
    EXPECT_TRUE(rules.add({.id = "a"}));
    EXPECT_TRUE(rules.add({.id = "b"}));
    EXPECT_FALSE(rules.add({.id = "b"}));
    EXPECT_EQ(rules.covering(key), 0);
    EXPECT_TRUE(rules.remove("a"));
    EXPECT_FALSE(rules.remove("a"));
    EXPECT_EQ(rules.covering(key), 1);
    EXPECT_TRUE(rules.add({.id = "c"}));
    EXPECT_EQ(rules.at(rules.covering(key)).id, "c");
    EXPECT_EQ(rules.all().size(), 2u);
}

TEST(PassRules, HaveABound) {
    PassRules rules;
    for (size_t i = 0; i < PassRules::kMaxRules; ++i) {
        EXPECT_TRUE(rules.add({.id = std::to_string(i), .protocol = 200}));
    }
    EXPECT_FALSE(rules.add({.id = "one more"}));
    EXPECT_TRUE(rules.remove("77"));
    EXPECT_TRUE(rules.add({.id = "one more", .protocol = 6}));
    EXPECT_EQ(rules.covering(CompareRig::key_of(web)), 77);
}

// --- Passthrough in the comparator

uint64_t frames_of(CompareRig& rig, uint8_t index = 0) {
    return rig.comparator().rules().all()[index]->frames;
}

TEST(Passthrough, FlowIsReleasedUncomparedAndCounted) {
    CompareRig rig;
    ASSERT_TRUE(rig.comparator().add_rule({.id = "web", .guest_port = 80}, rig.now()));
    const Names all = {"S. 0:0(0) ack 1",   ". 1:11(10) ack 1", ". 1:11(10) ack 1",
                       ". 31:41(10) ack 9", ". 1:1(0) ack 5",   "F. 41:41(0) ack 9",
                       ". 42:42(0) ack 9",  "R 42:42(0)"};
    for (const auto& segment : all) {
        rig.p(web, segment);
        EXPECT_EQ(rig.released(), Names{segment});
    }
    EXPECT_EQ(frames_of(rig), all.size());
    EXPECT_EQ(rig.counters().passed, all.size());
    EXPECT_EQ(rig.requests(), Names{});
    rig.s(web, "S. 0:0(0) ack 1 <mss 9>");
    EXPECT_EQ(rig.counters().secondary_passed, 1u);
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(Passthrough, DatagramsToo) {
    CompareRig rig;
    rig.comparator().add_rule({.id = "dns", .protocol = 17}, rig.now());
    rig.s(dns, "other");
    rig.p(dns, "answer");
    rig.p(dns, "other");
    EXPECT_EQ(rig.released(), (Names{"answer", "other"}));
    EXPECT_EQ(frames_of(rig), 2u);
    rig.pass_time(seconds(5));
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(Passthrough, OtherFlowsAreCompared) {
    CompareRig rig;
    rig.comparator().add_rule({.id = "web", .guest_port = 80}, rig.now());
    rig.p(dns, "answer");
    EXPECT_EQ(rig.released(), Names{});
}

TEST(Passthrough, NewRuleLetsOutWhatItCovers) {
    CompareRig rig;
    rig.open(web);
    rig.p(web, ". 1:11(10) ack 1");
    rig.s(web, ". 1:5(4) ack 1");
    rig.p(dns, "answer");
    rig.comparator().add_rule({.id = "web", .guest_port = 80}, rig.now());
    EXPECT_EQ(rig.released(), Names{". 1:11(10) ack 1"});
    EXPECT_EQ(frames_of(rig), 1u);
    EXPECT_FALSE(rig.comparator().add_rule({.id = "web"}, rig.now()));
}

TEST(Passthrough, RemovedRuleAsksAndItsFlowsAreHeldUntilTheFence) {
    CompareRig rig;
    rig.comparator().add_rule({.id = "web", .guest_port = 80}, rig.now());
    rig.p(web, "S. 0:0(0) ack 1");
    rig.p(web, ". 1:11(10) ack 1");
    rig.released();
    EXPECT_FALSE(rig.comparator().remove_rule("dns", rig.now()));
    EXPECT_TRUE(rig.comparator().remove_rule("web", rig.now()));
    EXPECT_EQ(rig.requests(), Names{"policy-change"});
    rig.both(web, ". 11:21(10) ack 1");
    rig.p(web, ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), Names{});
    rig.both(dns, "answer");  // of another flow
    EXPECT_EQ(rig.released(), Names{"answer"});
    rig.fence();
    EXPECT_EQ(rig.released(), (Names{". 11:21(10) ack 1", ". 1:11(10) ack 1"}));
    Tcp after = web;
    after.secondary_isn = after.primary_isn;
    rig.p(after, ". 21:31(10) ack 1");
    EXPECT_EQ(rig.released(), Names{});
    rig.s(after, ". 21:31(10) ack 1");
    EXPECT_EQ(rig.released(), Names{". 21:31(10) ack 1"});
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(Passthrough, NewIncarnationIsHeldUntilTheFenceToo) {
    CompareRig rig;
    rig.comparator().add_rule({.id = "web", .guest_port = 80}, rig.now());
    rig.p(web, "R 0:0(0)");
    rig.released();
    rig.comparator().remove_rule("web", rig.now());
    rig.both(web, "S. 0:0(0) ack 1");
    EXPECT_EQ(rig.released(), Names{});
    rig.fence();
    EXPECT_EQ(rig.released(), Names{"S. 0:0(0) ack 1"});
}

TEST(Passthrough, AnotherRuleMayCoverTheFlowStill) {
    CompareRig rig;
    rig.comparator().add_rule({.id = "a", .guest_port = 80}, rig.now());
    rig.comparator().add_rule({.id = "b", .protocol = 6}, rig.now());
    rig.p(web, "S. 0:0(0) ack 1");
    rig.comparator().remove_rule("a", rig.now());
    rig.p(web, ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), (Names{"S. 0:0(0) ack 1", ". 1:11(10) ack 1"}));
    EXPECT_EQ(frames_of(rig, 1), 1u);
}

TEST(Passthrough, RuleGivenBackBeforeTheFenceLetsOutAgain) {
    CompareRig rig;
    rig.comparator().add_rule({.id = "web", .guest_port = 80}, rig.now());
    rig.p(web, "S. 0:0(0) ack 1");
    rig.comparator().remove_rule("web", rig.now());
    rig.p(web, ". 1:11(10) ack 1");
    rig.comparator().add_rule({.id = "web", .guest_port = 80}, rig.now());
    rig.p(web, ". 11:21(10) ack 1");
    EXPECT_EQ(rig.released(), (Names{"S. 0:0(0) ack 1", ". 1:11(10) ack 1", ". 11:21(10) ack 1"}));
}

}  // namespace
}  // namespace colo::test
