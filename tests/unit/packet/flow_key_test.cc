// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/flow_key.h"

#include <gtest/gtest.h>
// gtest first: rapidcheck/gtest.h needs it.
#include <rapidcheck/gtest.h>

#include <cstring>
#include <set>

#include "tests/support/frame_builder.h"

namespace colo {
namespace {

using test::ByteVector;
using test::FrameBuilder;
using test::view_of;
using test::v4;
using test::v6;

FlowKey output(const FrameBuilder& frame) {
    const auto bytes = frame.build();
    return key_of_output(view_of(bytes));
}

FlowKey input(const FrameBuilder& frame) {
    const auto bytes = frame.build();
    return key_of_input(view_of(bytes));
}

TEST(FlowKeyTest, AnswersHaveTheFlowOfWhatTheyAnswer) {
    const FrameBuilder kFrames[] = {
        v4().tcp(80, 40000), v6().tcp(80, 40000),      v4().udp(53, 5000),
        v6().udp(53, 5000),  v4().vlan(5).tcp(80, 81), v6().qinq(5, 6).tcp(80, 81),
    };
    for (const FrameBuilder& frame : kFrames) {
        EXPECT_EQ(output(frame), input(FrameBuilder(frame).swap_ends()));
        EXPECT_EQ(output(frame).reversed(), output(FrameBuilder(frame).swap_ends()));
        EXPECT_EQ(output(frame).reversed().reversed(), output(frame));
    }
}

TEST(FlowKeyTest, EachFieldTellsFlowsApart) {
    const FrameBuilder kFrames[] = {
        v4().tcp(80, 40000),
        v4().tcp(81, 40000),
        v4().tcp(80, 40001),
        v4().udp(80, 40000),
        v4().vlan(5).tcp(80, 40000),
        v4().vlan(6).tcp(80, 40000),
        v4().qinq(5, 6).tcp(80, 40000),
        v4().qinq(6, 5).tcp(80, 40000),
        FrameBuilder().ipv4("10.0.0.3", "10.0.0.2").tcp(80, 40000),
        FrameBuilder().ipv4("10.0.0.1", "10.0.0.3").tcp(80, 40000),
        FrameBuilder().ipv4("10.0.0.2", "10.0.0.1").tcp(40000, 80),
        v6().tcp(80, 40000),
        // The same first bytes as the IPv4 flow's.
        FrameBuilder().ipv6("a00:1::", "a00:2::").tcp(80, 40000),
        v4().echo(8, 1, 1),
        v4().echo(8, 2, 1),
        v4().echo(0, 1, 1),
        v6().echo(128, 1, 1),
        v4().protocol(132),
        v4().protocol(47),
        FrameBuilder().ethernet(ether_type::kLldp),
        FrameBuilder().ethernet(ether_type::kArp),
        FrameBuilder().vlan(5).ethernet(ether_type::kArp),
    };
    const FlowHash hash(1, 2);
    std::set<uint64_t> hashes;
    for (size_t i = 0; i < std::size(kFrames); ++i) {
        for (size_t j = 0; j < i; ++j) {
            EXPECT_NE(output(kFrames[i]), output(kFrames[j])) << i << ' ' << j;
        }
        hashes.insert(hash(output(kFrames[i])));
    }
    EXPECT_EQ(hashes.size(), std::size(kFrames));
}

TEST(FlowKeyTest, IcmpCodeAndSequenceAreNoPartOfAFlow) {
    EXPECT_EQ(output(v4().icmp(3, 1, 0)), output(v4().icmp(3, 3, 77)));
    EXPECT_EQ(output(v4().echo(0, 9, 1)), output(v4().echo(0, 9, 2)));
}

TEST(FlowKeyTest, FragmentsAreKeyedByAddressesAndProtocol) {
    const auto fragment = v4().udp(53, 5000).payload("0123456789abcdef").fragment(0, 8, true);
    const FlowKey key = key_of_output(view_of(fragment));
    EXPECT_EQ(key.protocol, ip_protocol::kUdp);
    EXPECT_EQ(key.guest_port, 0);
    EXPECT_EQ(key.peer_port, 0);
    EXPECT_EQ(key.guest[0], 10);
}

TEST(FlowKeyTest, FrameWithoutUsableIpHeaderIsKeyedByMacs) {
    auto bytes = v4().tcp(80, 81).build();
    bytes[14] = 0x35;  // version 3
    const FlowKey key = key_of_output(view_of(bytes));
    EXPECT_EQ(key.kind, KeyKind::kEthernet);
    EXPECT_EQ(key.guest_port, ether_type::kIpv4);
    EXPECT_EQ(std::memcmp(key.guest.data(), FrameBuilder::kGuestMac.data(), 6), 0);
    EXPECT_FALSE(key.is_tcp());
    const FlowKey answered = key_of_input(view_of(bytes));
    EXPECT_EQ(std::memcmp(answered.peer.data(), FrameBuilder::kGuestMac.data(), 6), 0);
}

TEST(FlowKeyTest, RuntsShareOneKey) {
    const ByteVector runt(13, 7);
    EXPECT_EQ(key_of_output(view_of(runt)), key_of_output(view_of({})));
    EXPECT_EQ(key_of_output(view_of(runt)).kind, KeyKind::kEthernet);
}

TEST(FlowKeyTest, NamesAreForReports) {
    static const struct {
        FrameBuilder frame;
        const char* protocol;
        const char* guest;
        const char* peer;
    } kCases[] = {
        {v4().tcp(80, 40000), "tcp", "10.0.0.1:80", "10.0.0.2:40000"},
        {v6().udp(53, 5000), "udp", "[2001:db8::1]:53", "[2001:db8::2]:5000"},
        {v4().echo(8, 1, 1), "icmp", "10.0.0.1", "10.0.0.2"},
        {v6().echo(128, 1, 1), "icmpv6", "2001:db8::1", "2001:db8::2"},
        {v4().protocol(17), "udp", "10.0.0.1", "10.0.0.2"},  // too short for ports
        {v4().protocol(132), "ip-132", "10.0.0.1", "10.0.0.2"},
        {FrameBuilder().ethernet(ether_type::kArp), "eth-0806", "52:54:00:12:34:56",
         "52:55:0a:00:02:02"},
    };
    for (const auto& [frame, protocol, guest, peer] : kCases) {
        const FlowKey key = output(frame);
        EXPECT_EQ(protocol_name(key), protocol);
        EXPECT_EQ(guest_name(key), guest);
        EXPECT_EQ(peer_name(key), peer);
    }
}

TEST(FlowHashTest, DependsOnBothSecrets) {
    const FlowKey key = output(v4().tcp(80, 40000));
    EXPECT_EQ(FlowHash(1, 2)(key), FlowHash(1, 2)(key));
    EXPECT_NE(FlowHash(1, 2)(key), FlowHash(3, 2)(key));
    EXPECT_NE(FlowHash(1, 2)(key), FlowHash(1, 3)(key));
    EXPECT_NE(FlowHash::random()(key), FlowHash::random()(key));
}

RC_GTEST_PROP(FlowHashProperty, EachKeyByteThatCountsChangesTheHash, (uint64_t s0, uint64_t s1)) {
    const bool ipv6 = *rc::gen::arbitrary<bool>();
    const FlowKey key = output(ipv6 ? v6().tcp(80, 40000) : v4().tcp(80, 40000));
    const size_t at = *rc::gen::inRange<size_t>(0, 41);  // all but kind and reserved
    const bool unused = !ipv6 && at < 32 && at % 16 >= 4;
    RC_PRE(!unused);
    FlowKey other = key;
    const uint8_t flip = *rc::gen::inRange<uint8_t>(1, 255);
    reinterpret_cast<uint8_t*>(&other)[at] ^= flip;
    RC_ASSERT(FlowHash(s0, s1)(key) != FlowHash(s0, s1)(other));
}

}  // namespace
}  // namespace colo
