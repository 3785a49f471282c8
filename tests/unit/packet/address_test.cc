// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/address.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/support/frame_builder.h"

namespace colo {
namespace {

using test::ByteVector;
using test::FrameBuilder;
using test::view_of;

GuestAddress guest(std::string_view text) {
    std::string error;
    const auto address = GuestAddress::from_text(text, error);
    EXPECT_TRUE(address) << error;
    return *address;
}

TEST(AddressTest, TextComesBackInItsCanonicalForm) {
    static constexpr struct {
        const char* text;
        const char* canonical;
    } kCases[] = {
        {"52:54:00:12:34:56", "52:54:00:12:34:56"},
        {"52-54-0-AB-34-5", "52:54:00:ab:34:05"},
        {"10.0.0.1", "10.0.0.1"},
        {"255.255.255.255", "255.255.255.255"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"::", "::"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // RFC 5952 4.2.2
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},           // RFC 5952 4.2.3
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},          // RFC 5952 5
    };
    for (const auto& [text, canonical] : kCases) EXPECT_EQ(guest(text).text(), canonical);
}

TEST(AddressTest, BadTextIsRefusedWithASentence) {
    static constexpr std::string_view kCases[] = {
        "",
        "guest",
        "10.0.0",
        "10.0.0.256",
        "10.0.0.1/24",
        " 10.0.0.1",
        "52:54:00:12:34",
        "52:54:00:12:34:56:78",
        "52:54:00:12:34:567",
        "52:54:00:12:34:",
        "52:54:00:12:34:g6",
        "52:54::12:34:56:",
        "+2:54:00:12:34:56",
        "525400123456",
        "2001:db8::1::2",
        "[2001:db8::1]",
        "fe80::1%eth0",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc",
        std::string_view("10.0.0.1\0x", 10),
    };
    for (const std::string_view text : kCases) {
        std::string error;
        EXPECT_FALSE(GuestAddress::from_text(text, error)) << text;
        EXPECT_NE(error.find("not an address"), std::string::npos) << text;
    }
}

TEST(AddressTest, MacIsTheEthernetSource) {
    const GuestAddress address = guest("52:54:00:12:34:56");
    const FrameBuilder sent = FrameBuilder().ipv4("10.0.0.1", "10.0.0.2").udp(1, 2);
    EXPECT_TRUE(address.is_from(view_of(sent.build())));
    EXPECT_FALSE(address.is_from(view_of(FrameBuilder(sent).swap_ends().build())));
    EXPECT_TRUE(address.is_from(view_of(FrameBuilder().ethernet(ether_type::kLldp).build())));
    EXPECT_FALSE(address.is_from(view_of(ByteVector(13))));
}

TEST(AddressTest, IpAddressIsThePacketsSource) {
    const FrameBuilder v4 = FrameBuilder().ipv4("10.0.0.1", "10.0.0.2").udp(1, 2);
    EXPECT_TRUE(guest("10.0.0.1").is_from(view_of(v4.build())));
    EXPECT_FALSE(guest("10.0.0.2").is_from(view_of(v4.build())));
    EXPECT_TRUE(guest("10.0.0.1").is_from(view_of(v4.fragment(8, 8, true))));

    const FrameBuilder v6 = FrameBuilder().qinq(5, 6).ipv6("2001:db8::1", "2001:db8::2").udp(1, 2);
    EXPECT_TRUE(guest("2001:db8::1").is_from(view_of(v6.build())));
    EXPECT_FALSE(guest("2001:db8::2").is_from(view_of(v6.build())));
}

TEST(AddressTest, FamiliesDoNotMatchEachOther) {
    // The first four bytes of both sources are equal.
    const auto v6 = FrameBuilder().ipv6("a00:1::", "2001:db8::2").udp(1, 2).build();
    EXPECT_FALSE(guest("10.0.0.1").is_from(view_of(v6)));
    const auto v4 = FrameBuilder().ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).build();
    EXPECT_FALSE(guest("a00:1::").is_from(view_of(v4)));
}

TEST(AddressTest, ArpIsFromItsSenderAddress) {
    const auto request = FrameBuilder().arp(1, "10.0.0.1", "10.0.0.2").build();
    EXPECT_TRUE(guest("10.0.0.1").is_from(view_of(request)));
    EXPECT_FALSE(guest("10.0.0.2").is_from(view_of(request)));
    EXPECT_TRUE(guest("52:54:00:12:34:56").is_from(view_of(request)));
}

TEST(AddressTest, CutOrForeignArpIsFromNobody) {
    const auto request = FrameBuilder().arp(1, "10.0.0.1", "10.0.0.2").build();
    const GuestAddress address = guest("10.0.0.1");
    for (size_t size = 14; size < 14 + 18; ++size) {
        const ByteVector cut(request.begin(), request.begin() + static_cast<ptrdiff_t>(size));
        EXPECT_FALSE(address.is_from(view_of(cut))) << size;
    }
    ByteVector foreign = request;
    foreign[15] = 6;  // hardware type IEEE 802
    EXPECT_FALSE(address.is_from(view_of(foreign)));
}

}  // namespace
}  // namespace colo
