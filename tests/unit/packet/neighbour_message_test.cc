// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/neighbour_message.h"

#include <gtest/gtest.h>

#include <functional>

#include "packet/checksum.h"
#include "tests/support/neighbour_frames.h"

namespace colo::test {
namespace {

const std::string kGuest = "52:54:00:12:34:56";

struct Sent {
    const char* name;
    ByteVector frame;
    std::string text;
};

std::vector<Sent> messages() {
    return {
        {"ARP request", FrameBuilder().macs(FrameBuilder::kGuestMac, {}).arp(1, "10.0.0.1", "10.0.0.9").build(),
         "who has 10.0.0.9 tell 10.0.0.1 at " + kGuest},
        {"ARP reply", FrameBuilder().macs(FrameBuilder::kGuestMac, {}).arp(2, "10.0.0.1", "10.0.0.9").build(),
         "10.0.0.1 at " + kGuest},
        {"ARP announcement", FrameBuilder().macs(FrameBuilder::kGuestMac, {}).arp(1, "10.0.0.1", "10.0.0.1").build(),
         "10.0.0.1 at " + kGuest},
        {"ARP probe", FrameBuilder().macs(FrameBuilder::kGuestMac, {}).arp(1, "0.0.0.0", "10.0.0.9").build(),
         "who has 10.0.0.9 tell 0.0.0.0 at " + kGuest},
        {"padded, tagged twice",
         FrameBuilder().macs(FrameBuilder::kGuestMac, {}).qinq(7, 8).arp(1, "10.0.0.1", "10.0.0.9").pad_to(68).build(),
         "who has 10.0.0.9 vlan 7 vlan 8 tell 10.0.0.1 vlan 7 vlan 8 at " + kGuest},
        {"priority is no part of a link",
         FrameBuilder().macs(FrameBuilder::kGuestMac, {}).vlan(7, 5).arp(2, "10.0.0.1", "10.0.0.9").build(),
         "10.0.0.1 vlan 7 at " + kGuest},
        {"solicitation", solicitation("2001:db8::1", "2001:db8::9").build(),
         "who has 2001:db8::9 tell 2001:db8::1 at 02:00:00:00:00:07"},
        {"probe for duplicates", solicitation("::", "2001:db8::9").build(),
         "who has 2001:db8::9 tell :: at 02:00:00:00:00:07"},
        {"advertisement", discovery(136, "2001:db8::9", "ff02::1", "2001:db8::9").build(),
         "2001:db8::9 at 02:00:00:00:00:07"},
        {"advertisement without option is from the sender",
         discovery(136, "fe80::1", "ff02::1", "2001:db8::9").payload(ipv6_bytes("2001:db8::9")).build(),
         "2001:db8::9 at " + mac_text(parse(FrameBuilder().ipv4("1.1.1.1", "1.1.1.2").build(), 60).source_mac())},
    };
}

TEST(NeighbourMessageTest, TellsWhoAsksAndWhoTells) {
    for (const Sent& c : messages()) EXPECT_EQ(message_text(c.frame), c.text) << c.name;
}

ByteVector patched(ByteVector frame, const std::function<void(ByteVector&)>& patch) {
    patch(frame);
    return frame;
}

TEST(NeighbourMessageTest, WhatLiesIsNone) {
    const ByteVector arp = FrameBuilder().macs(FrameBuilder::kGuestMac, {}).arp(1, "10.0.0.1", "10.0.0.9").build();
    const ByteVector question = solicitation("2001:db8::1", "2001:db8::9").build();
    const size_t option = 14 + 40 + 24;
    const Sent cases[] = {
        {"ARP cut short", ByteVector(arp.begin(), arp.begin() + 14 + 27), {}},
        {"another hardware type", patched(arp, [](auto& f) { f[15] = 6; }), {}},
        {"another address size", patched(arp, [](auto& f) { f[19] = 16; }), {}},
        {"RARP's operation", patched(arp, [](auto& f) { f[21] = 3; }), {}},
        {"multicast sender", patched(arp, [](auto& f) { f[22] |= 1; }), {}},
        {"multicast target", FrameBuilder().arp(1, "10.0.0.1", "224.0.0.9").build(), {}},
        {"target nobody", FrameBuilder().arp(1, "10.0.0.1", "0.0.0.0").build(), {}},
        {"forwarded", solicitation("2001:db8::1", "2001:db8::9").ttl(254).build(), {}},
        {"code", patched(question, [](auto& f) { f[14 + 40 + 1] = 1; }), {}},
        {"router solicitation", discovery(133, "2001:db8::1", "ff02::2", "2001:db8::9").build(), {}},
        {"target cut short", solicitation("2001:db8::1", "::").payload(ByteVector(15)).build(), {}},
        {"multicast advertisement", discovery(136, "fe80::1", "ff02::1", "ff02::9").build(), {}},
        {"loopback", discovery(136, "fe80::1", "ff02::1", "::1").build(), {}},
        {"UDP", FrameBuilder().ipv6("2001:db8::1", "2001:db8::9").udp(1, 2).build(), {}},
    };
    for (const Sent& c : cases) EXPECT_EQ(message_text(c.frame), "none") << c.name;
    for (const uint8_t size : {0, 2}) {
        const ByteVector lying = patched(question, [&](auto& f) { f[option + 1] = size; });
        EXPECT_EQ(message_text(lying), "who has 2001:db8::9 tell 2001:db8::1 at 52:54:00:12:34:56")
            << "an option of size " << int{size} << " is not read";
    }
}

TEST(NeighbourMessageTest, AnswersGoToWhoAsked) {
    FramePool pool;
    for (const bool tagged : {false, true}) {
        FrameBuilder arp = FrameBuilder().macs(FrameBuilder::kGuestMac, FrameBuilder::kPeerMac);
        FrameBuilder v6 = solicitation("2001:db8::1", "2001:db8::9");
        if (tagged) arp.vlan(7, 3), v6.vlan(7, 3);
        const std::string vlan = tagged ? " vlan 7" : "";
        const std::pair<ByteVector, std::string> cases[] = {
            {arp.arp(1, "10.0.0.1", "10.0.0.9").build(), "10.0.0.9" + vlan + " at 02:00:00:00:00:07"},
            {v6.build(), "2001:db8::9" + vlan + " at 02:00:00:00:00:07"}};
        for (const auto& [frame, text] : cases) {
            const auto question = parse_neighbour_message(parse(frame, 200));
            const Frame answer = make_answer(pool, *question, kSomeMac);
            const PacketView view = parse(answer.bytes(), answer.size());
            EXPECT_EQ(message_text(answer.bytes()), text);
            EXPECT_EQ(view.problem, Problem::kNone);
            EXPECT_EQ(mac_text(view.destination_mac()), mac_text(question->mac.data()));
            EXPECT_EQ(mac_text(view.source_mac()), mac_text(kSomeMac.data()));
            EXPECT_TRUE(transport_checksum_ok(view));
            EXPECT_GE(answer.size(), 60u);
        }
    }
}

TEST(NeighbourMessageTest, AnnouncementsGoToEverybody) {
    FramePool pool;
    const struct {
        ByteVector learnt_from;
        std::string text, destination;
    } cases[] = {
        {FrameBuilder().ipv4("10.0.0.1", "10.0.0.9").tcp(1, 2).build(), "10.0.0.1 at 02:00:00:00:00:07",
         "ff:ff:ff:ff:ff:ff"},
        {FrameBuilder().vlan(9).ipv6("2001:db8::1", "2001:db8::9").udp(1, 2).build(),
         "2001:db8::1 vlan 9 at 02:00:00:00:00:07", "33:33:00:00:00:01"},
    };
    for (const auto& c : cases) {
        const auto source = source_of(parse(c.learnt_from, 200));
        ASSERT_TRUE(source);
        const Frame frame = make_announcement(pool, *source, kSomeMac);
        const PacketView view = parse(frame.bytes(), frame.size());
        EXPECT_EQ(message_text(frame.bytes()), c.text);
        EXPECT_EQ(mac_text(view.destination_mac()), c.destination);
        EXPECT_TRUE(transport_checksum_ok(view));
    }
}

TEST(NeighbourMessageTest, StationWithoutAddressIsAnnouncedByRarp) {
    FramePool pool;
    const ByteVector frame = FrameBuilder().vlan(9).ethernet(0x88b5).payload("?").build();
    const auto station = station_of(parse(frame, 200));
    ASSERT_TRUE(station);
    EXPECT_EQ(to_text(*station), "station " + kGuest + " vlan 9");
    const Frame rarp = make_announcement(pool, *station, station->station);
    const PacketView view = parse(rarp.bytes(), rarp.size());
    EXPECT_EQ(view.ether_type, 0x8035);
    EXPECT_EQ(view.vlan_outer, 9);
    EXPECT_EQ(mac_text(view.source_mac()), kGuest);
    EXPECT_EQ(load_be16(&view.payload()[6]), 3) << "a request to reverse";
}

TEST(NeighbourMessageTest, NobodyIsNoSource) {
    for (const char* source : {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"}) {
        const ByteVector frame = FrameBuilder().ipv4(source, "10.0.0.9").udp(1, 2).build();
        EXPECT_FALSE(source_of(parse(frame, 200))) << source;
    }
    for (const char* source : {"::", "::1", "ff02::1"}) {
        const ByteVector frame = FrameBuilder().ipv6(source, "2001:db8::9").udp(1, 2).build();
        EXPECT_FALSE(source_of(parse(frame, 200))) << source;
    }
}

}  // namespace
}  // namespace colo::test
