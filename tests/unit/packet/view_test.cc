// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/view.h"

#include <gtest/gtest.h>
// gtest first: rapidcheck/gtest.h needs it.
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/frame_builder.h"

namespace colo {
namespace {

using test::append;
using test::append16;
using test::ByteVector;
using test::FrameBuilder;
using test::pattern;
using test::put16;
using test::view_of;
using test::v4;
using test::v6;

std::string payload_text(const PacketView& view) {
    return {view.payload().begin(), view.payload().end()};
}

constexpr uint8_t kHopByHop = 0;
constexpr uint8_t kRouting = 43;
constexpr uint8_t kEsp = 50;
constexpr uint8_t kAuthentication = 51;
constexpr uint8_t kNoNextHeader = 59;
constexpr uint8_t kDestinationOptions = 60;
constexpr uint8_t kMobility = 135;

// Where the fields are that lie, in an untagged frame.
constexpr size_t kIp = 14;
constexpr size_t kL4v4 = kIp + 20;
constexpr size_t kL4v6 = kIp + 40;

// --- What a true frame says
// -------------------------------------------------------------------------

TEST(ViewTest, TcpFieldsAreRead) {
    const auto frame = v4().tcp(80, 40000)
                           .seq(0x01020304)
                           .ack(0xa0b0c0d0)
                           .flags(tcp_flag::kAck | tcp_flag::kPsh)
                           .window(0x1234)
                           .options({test::tcp_option::mss(1460)})
                           .payload("hello")
                           .build();
    const PacketView view = view_of(frame);
    EXPECT_EQ(view.level, Level::kTransport);
    EXPECT_EQ(view.problem, Problem::kNone);
    EXPECT_EQ(view.family, Family::kIpv4);
    EXPECT_TRUE(view.is_tcp());
    EXPECT_EQ(view.ether_type, ether_type::kIpv4);
    EXPECT_EQ(view.source_port, 80);
    EXPECT_EQ(view.destination_port, 40000);
    EXPECT_EQ(view.seq, Seq(0x01020304));
    EXPECT_EQ(view.ack, Seq(0xa0b0c0d0));
    EXPECT_EQ(view.window, 0x1234);
    EXPECT_TRUE(view.has(tcp_flag::kPsh));
    EXPECT_FALSE(view.has(tcp_flag::kSyn));
    EXPECT_EQ(view.tcp_header_size, 24);
    EXPECT_EQ(view.tcp_options().size(), 4u);
    EXPECT_EQ(view.l4_offset, kL4v4);
    EXPECT_EQ(view.l4_size, 29u);
    EXPECT_EQ(payload_text(view), "hello");
    EXPECT_EQ(view.padding, 0u);
    EXPECT_EQ(load_be32(view.source_address()), 0x0a000001u);
    EXPECT_EQ(load_be32(view.destination_address()), 0x0a000002u);
}

TEST(ViewTest, SynAndFinTakeSequenceSpace) {
    const FrameBuilder base = v4().tcp(1, 2).payload("abc");
    const auto length = [&](uint8_t flags) {
        const auto frame = FrameBuilder(base).flags(flags).build();
        return view_of(frame).tcp_length();
    };
    EXPECT_EQ(length(tcp_flag::kAck), 3u);
    EXPECT_EQ(length(tcp_flag::kSyn), 4u);
    EXPECT_EQ(length(tcp_flag::kFin | tcp_flag::kAck), 4u);
}

TEST(ViewTest, Ipv4OptionsAreSkipped) {
    const auto frame = v4().ip_options(ByteVector(40, 1)).udp(1, 2).payload("x").build();
    const PacketView view = view_of(frame);
    EXPECT_EQ(view.l4_offset, kIp + 60u);
    EXPECT_EQ(payload_text(view), "x");
}

TEST(ViewTest, Ipv6IsRead) {
    const auto frame = v6().udp(53, 5000).payload("answer").build();
    const PacketView view = view_of(frame);
    EXPECT_EQ(view.level, Level::kTransport);
    EXPECT_EQ(view.family, Family::kIpv6);
    EXPECT_EQ(view.protocol, ip_protocol::kUdp);
    EXPECT_EQ(view.source_address()[15], 1);
    EXPECT_EQ(view.destination_address()[15], 2);
    EXPECT_EQ(view.source_port, 53);
    EXPECT_EQ(payload_text(view), "answer");
}

TEST(ViewTest, IcmpPayloadBeginsBehindTheChecksum) {
    static const struct {
        FrameBuilder frame;
        uint8_t type;
        uint16_t identifier;
    } kCases[] = {
        {v4().echo(8, 0x1234, 7).payload("ping"), 8, 0x1234},
        {v4().echo(0, 0x1234, 7).payload("ping"), 0, 0x1234},
        {v6().echo(128, 0x1234, 7).payload("ping"), 128, 0x1234},
        {v6().echo(129, 0x1234, 7).payload("ping"), 129, 0x1234},
        {v4().icmp(3, 0, 0x12340007).payload("ping"), 3, 0},
        {v4().icmp(128, 0, 0x12340007).payload("ping"), 128, 0},  // an echo in ICMPv6 only
        {v6().icmp(8, 0, 0x12340007).payload("ping"), 8, 0},
    };
    for (const auto& [builder, type, identifier] : kCases) {
        const auto frame = builder.build();
        const PacketView view = view_of(frame);
        EXPECT_EQ(view.level, Level::kTransport);
        EXPECT_EQ(view.icmp_type(), type);
        EXPECT_EQ(view.icmp_code(), 0);
        EXPECT_EQ(view.destination_port, identifier);
        EXPECT_EQ(payload_text(view), std::string("\x12\x34\x00\x07ping", 8));
    }
}

TEST(ViewTest, OtherProtocolsAreOpaque) {
    static const FrameBuilder kFrames[] = {
        v4().protocol(132), v4().protocol(ip_protocol::kIcmpv6), v4().protocol(kAuthentication),
        v6().protocol(132), v6().protocol(ip_protocol::kIcmp),   v6().protocol(kEsp),
    };
    for (const FrameBuilder& builder : kFrames) {
        const auto frame = FrameBuilder(builder).payload("opaque").build();
        const PacketView view = view_of(frame);
        EXPECT_EQ(view.level, Level::kTransport);
        EXPECT_EQ(view.problem, Problem::kNone);
        EXPECT_EQ(view.source_port, 0);
        EXPECT_EQ(view.destination_port, 0);
        EXPECT_EQ(payload_text(view), "opaque");
    }
}

TEST(ViewTest, NonIpFramesEndAtEthernet) {
    const auto arp = FrameBuilder().arp(1, "10.0.0.1", "10.0.0.2").pad_to(60).build();
    EXPECT_EQ(view_of(arp).level, Level::kEthernet);
    EXPECT_EQ(view_of(arp).ether_type, ether_type::kArp);
    EXPECT_EQ(view_of(arp).payload_size, 46u);

    const auto length_field = FrameBuilder().ethernet(3).payload("\x42\x42\x03").build();
    EXPECT_EQ(view_of(length_field).level, Level::kEthernet);
    EXPECT_EQ(view_of(length_field).ether_type, 3);
    EXPECT_EQ(view_of(length_field).problem, Problem::kNone);
}

TEST(ViewTest, PaddingIsNoPayload) {
    const auto tcp = v4().tcp(1, 2).payload("x").pad_to(60).build();
    EXPECT_EQ(view_of(tcp).padding, 60u - 55);
    EXPECT_EQ(payload_text(view_of(tcp)), "x");
    const auto udp6 = v6().udp(1, 2).payload("x").pad_to(100).build();
    EXPECT_EQ(view_of(udp6).padding, 100u - 63);
    EXPECT_EQ(payload_text(view_of(udp6)), "x");
}

TEST(ViewTest, UdpTrailerIsNoPayload) {
    auto frame = v4().udp(1, 2).payload("datatrailer").build();
    put16(frame, kL4v4 + 4, 8 + 4);
    EXPECT_EQ(payload_text(view_of(frame)), "data");
    EXPECT_EQ(view_of(frame).l4_size, 8u + 11);
    EXPECT_EQ(view_of(frame).padding, 0u);
}

// --- Tags
// -------------------------------------------------------------------------------------------

TEST(ViewTest, TagsAreSkippedInAnyOrder) {
    static const struct {
        FrameBuilder tags;
        uint16_t outer;
        uint16_t inner;
    } kCases[] = {
        {FrameBuilder().vlan(5, 7), 5, kNoVlan},
        {FrameBuilder().vlan(4094, 0, ether_type::kQinQ), 4094, kNoVlan},
        {FrameBuilder().qinq(5, 6), 5, 6},
        {FrameBuilder().vlan(5).vlan(6), 5, 6},
        {FrameBuilder().vlan(5).vlan(6, 0, ether_type::kQinQ), 5, 6},
        {FrameBuilder().vlan(0, 5), kNoVlan, kNoVlan},  // priority tags name no VLAN
        {FrameBuilder().qinq(5, 0), 5, kNoVlan},
        {FrameBuilder().qinq(0, 6), 6, kNoVlan},
    };
    for (const auto& [tags, outer, inner] : kCases) {
        const auto frame =
            FrameBuilder(tags).ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).payload("x").build();
        const PacketView view = view_of(frame);
        EXPECT_EQ(view.vlan_outer, outer);
        EXPECT_EQ(view.vlan_inner, inner);
        EXPECT_EQ(view.ether_type, ether_type::kIpv4);
        EXPECT_EQ(view.level, Level::kTransport);
        EXPECT_EQ(payload_text(view), "x");
    }
}

TEST(ViewTest, ThirdTagIsOpaque) {
    const auto frame =
        FrameBuilder().qinq(5, 6).vlan(7).ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).build();
    const PacketView view = view_of(frame);
    EXPECT_EQ(view.level, Level::kEthernet);
    EXPECT_EQ(view.problem, Problem::kNone);
    EXPECT_EQ(view.ether_type, ether_type::kVlan);
    EXPECT_EQ(view.vlan_outer, 5);
    EXPECT_EQ(view.vlan_inner, 6);
    EXPECT_EQ(view.payload_offset, 14u + 8);
    EXPECT_EQ(view.payload_size, frame.size() - 22);
}

TEST(ViewTest, ReservedVlanIsOpaque) {
    const auto outer = FrameBuilder().vlan(0xfff).ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).build();
    EXPECT_EQ(view_of(outer).level, Level::kEthernet);
    EXPECT_EQ(view_of(outer).problem, Problem::kNone);
    EXPECT_EQ(view_of(outer).ether_type, ether_type::kVlan);
    EXPECT_EQ(view_of(outer).vlan_outer, kNoVlan);
    EXPECT_EQ(view_of(outer).payload_offset, 14u);
    const auto inner = FrameBuilder().qinq(5, 0xfff).ipv4("10.0.0.1", "10.0.0.2").build();
    EXPECT_EQ(view_of(inner).level, Level::kEthernet);
    EXPECT_EQ(view_of(inner).vlan_outer, 5);
    EXPECT_EQ(view_of(inner).vlan_inner, kNoVlan);
}

// --- IPv6 extension headers
// -------------------------------------------------------------------------

TEST(ViewTest, ExtensionHeadersAreWalked) {
    static const FrameBuilder kFrames[] = {
        v6().extension(kHopByHop),
        v6().extension(kHopByHop).extension(kRouting).extension(kDestinationOptions),
        v6().extension(kDestinationOptions, ByteVector(100)),
        v6().extension(kAuthentication, ByteVector(22)),
        v6().extension(kMobility).extension(kAuthentication, ByteVector(14)),
        v6().atomic_fragment(),
        v6().extension(kHopByHop).atomic_fragment().inner_extension(kDestinationOptions),
    };
    for (const FrameBuilder& builder : kFrames) {
        const FrameBuilder whole = FrameBuilder(builder).tcp(80, 81).payload("data");
        const auto frame = whole.build();
        const PacketView view = view_of(frame);
        EXPECT_TRUE(view.is_tcp());
        EXPECT_FALSE(view.is_fragment);
        EXPECT_EQ(view.problem, Problem::kNone);
        EXPECT_EQ(view.l4_offset, whole.l4_offset());
        EXPECT_EQ(payload_text(view), "data");
    }
}

TEST(ViewTest, EightExtensionHeadersAreWalkedAndNineAreNot) {
    FrameBuilder builder = v6().udp(1, 2).payload("x");
    for (int i = 0; i < 8; ++i) builder.extension(kDestinationOptions);
    const auto eight = builder.build();
    EXPECT_EQ(view_of(eight).level, Level::kTransport);
    const auto nine = builder.extension(kDestinationOptions).build();
    EXPECT_EQ(view_of(nine).level, Level::kIp);
    EXPECT_EQ(view_of(nine).problem, Problem::kExtensionChainBad);
    EXPECT_EQ(view_of(nine).payload_offset, kL4v6);
    EXPECT_EQ(view_of(nine).payload_size, 9u * 8 + 8 + 1);
}

TEST(ViewTest, EspAndNoNextHeaderEndTheChain) {
    for (const uint8_t last : {kEsp, kNoNextHeader}) {
        const auto frame =
            v6().extension(kDestinationOptions).protocol(last).payload("opaque").build();
        const PacketView view = view_of(frame);
        EXPECT_EQ(view.level, Level::kTransport);
        EXPECT_EQ(view.protocol, last);
        EXPECT_EQ(payload_text(view), "opaque");
    }
    EXPECT_EQ(view_of(v6().protocol(kNoNextHeader).build()).problem, Problem::kNone);
}

// --- Fragments
// --------------------------------------------------------------------------------------

TEST(ViewTest, FragmentsSayWhereTheyBelong) {
    for (const FrameBuilder& ip : {v4(), v6()}) {
        const FrameBuilder builder = FrameBuilder(ip).ip_id(0x4321).udp(1, 2).payload(pattern(40));
        const auto data = builder.fragmentable();
        for (const auto& [offset, size, more] :
             {std::tuple<uint32_t, uint32_t, bool>{0, 16, true}, {16, 16, true}, {32, 16, false}}) {
            const auto frame = builder.fragment(offset, size, more);
            const PacketView view = view_of(frame);
            EXPECT_EQ(view.level, Level::kIp);
            EXPECT_EQ(view.problem, Problem::kNone);
            EXPECT_TRUE(view.is_fragment);
            EXPECT_EQ(view.more_fragments, more);
            EXPECT_EQ(view.fragment_offset, offset);
            EXPECT_EQ(view.fragment_id, 0x4321u);
            EXPECT_EQ(view.protocol, ip_protocol::kUdp);
            EXPECT_TRUE(std::equal(view.payload().begin(), view.payload().end(),
                                   data.begin() + offset, data.begin() + offset + size));
        }
    }
}

TEST(ViewTest, Ipv6FragmentHeaderCanBeTakenOut) {
    const auto plain = v6().udp(1, 2).payload(pattern(40)).fragment(0, 16, true);
    EXPECT_EQ(view_of(plain).fragment_header_at, kL4v6);
    EXPECT_EQ(view_of(plain).fragment_next_header_at, kIp + 6);
    const auto behind =
        v6().extension(kHopByHop).udp(1, 2).payload(pattern(40)).fragment(0, 16, true);
    EXPECT_EQ(view_of(behind).fragment_header_at, kL4v6 + 8);
    EXPECT_EQ(view_of(behind).fragment_next_header_at, kL4v6);
}

TEST(ViewTest, FragmentBeyondTheLongestPacketIsBad) {
    for (const FrameBuilder& ip : {v4(), v6()}) {
        const FrameBuilder builder = FrameBuilder(ip).udp(1, 2);
        const auto longest = builder.fragment(65528, 7, false);
        EXPECT_EQ(view_of(longest).problem, Problem::kNone);
        const auto bomb = builder.fragment(65528, 8, false);
        EXPECT_EQ(view_of(bomb).problem, Problem::kIpLengthBad);
        EXPECT_EQ(view_of(bomb).level, Level::kIp);
        EXPECT_TRUE(view_of(bomb).is_fragment);
    }
}

// --- Lies
// -------------------------------------------------------------------------------------------

struct Lie {
    const char* name;
    ByteVector frame;
    Problem problem;
    Level level;
    size_t payload_from;
};

ByteVector patched(ByteVector frame, size_t at, uint8_t value) {
    frame.at(at) = value;
    return frame;
}

ByteVector patched16(ByteVector frame, size_t at, uint32_t value) {
    put16(frame, at, value);
    return frame;
}

ByteVector first_bytes(ByteVector frame, size_t size) {
    frame.resize(size);
    return frame;
}

std::vector<Lie> lies() {
    const auto tcp = v4().tcp(1, 2).payload("data").build();
    const auto udp = v4().udp(1, 2).payload("data").build();
    const auto tcp6 = v6().tcp(1, 2).payload("data").build();
    const auto udp6 = v6().udp(1, 2).payload("data").build();
    const auto chain = v6().extension(kDestinationOptions).udp(1, 2).payload("data").build();
    const auto short4 = [](uint8_t protocol, size_t size) {
        return v4().protocol(protocol).payload(pattern(size)).build();
    };
    const auto short6 = [](uint8_t protocol, size_t size) {
        return v6().protocol(protocol).payload(pattern(size)).build();
    };
    constexpr Level kEth = Level::kEthernet;
    using enum Problem;
    return {
        {"empty frame", {}, kEthernetShort, Level::kNone, 0},
        {"13 bytes", first_bytes(tcp, 13), kEthernetShort, Level::kNone, 0},
        {"half a tag", first_bytes(FrameBuilder().vlan(5).ethernet(0x9000).build(), 17),
         kEthernetShort, kEth, 14},
        {"half an inner tag", first_bytes(FrameBuilder().qinq(5, 6).ethernet(0x9000).build(), 21),
         kEthernetShort, kEth, 18},
        {"no IPv4 header", first_bytes(tcp, 14), kIpHeaderBad, kEth, 14},
        {"short IPv4 header", first_bytes(tcp, 33), kIpHeaderBad, kEth, 14},
        {"IPv4 version 6", patched(tcp, kIp, 0x65), kIpHeaderBad, kEth, 14},
        {"IHL 4", patched(tcp, kIp, 0x44), kIpHeaderBad, kEth, 14},
        {"IHL 15 in a short frame", patched(first_bytes(tcp, 14 + 59), kIp, 0x4f), kIpHeaderBad,
         kEth, 14},
        {"IHL past the total length", patched(first_bytes(tcp, 80), kIp, 0x4c), kIpLengthBad, kEth,
         14},
        {"total length 0", patched16(tcp, kIp + 2, 0), kIpLengthBad, kEth, 14},
        {"total length 19", patched16(tcp, kIp + 2, 19), kIpLengthBad, kEth, 14},
        {"total length past the frame", patched16(tcp, kIp + 2, 45), kIpLengthBad, kEth, 14},
        {"total length 65535", patched16(tcp, kIp + 2, 65535), kIpLengthBad, kEth, 14},
        {"short IPv6 header", first_bytes(tcp6, 53), kIpHeaderBad, kEth, 14},
        {"IPv6 version 4", patched(tcp6, kIp, 0x40), kIpHeaderBad, kEth, 14},
        {"payload length past the frame", patched16(tcp6, kIp + 4, 25), kIpLengthBad, kEth, 14},
        {"jumbogram", patched16(v6().extension(kHopByHop).udp(1, 2).build(), kIp + 4, 0),
         kIpLengthBad, kEth, 14},
        {"extension header past the packet", patched(chain, kL4v6 + 1, 3), kExtensionChainBad,
         Level::kIp, kL4v6},
        {"half an extension header", short6(kDestinationOptions, 7), kExtensionChainBad, Level::kIp,
         kL4v6},
        {"no extension header", short6(kDestinationOptions, 0), kExtensionChainBad, Level::kIp,
         kL4v6},
        {"half a fragment header", short6(ip_protocol::kFragment, 7), kExtensionChainBad,
         Level::kIp, kL4v6},
        {"half an authentication header", short6(kAuthentication, 4), kExtensionChainBad,
         Level::kIp, kL4v6},
        {"19 bytes of TCP", short4(ip_protocol::kTcp, 19), kTcpHeaderBad, Level::kIp, kL4v4},
        {"no TCP in IPv6", short6(ip_protocol::kTcp, 0), kTcpHeaderBad, Level::kIp, kL4v6},
        {"data offset 4", patched(tcp, kL4v4 + 12, 0x40), kTcpHeaderBad, Level::kIp, kL4v4},
        {"data offset 0", patched(tcp6, kL4v6 + 12, 0), kTcpHeaderBad, Level::kIp, kL4v6},
        {"data offset past the segment", patched(tcp, kL4v4 + 12, 0x70), kTcpHeaderBad, Level::kIp,
         kL4v4},
        {"7 bytes of UDP", short4(ip_protocol::kUdp, 7), kUdpLengthBad, Level::kIp, kL4v4},
        {"UDP length 0", patched16(udp, kL4v4 + 4, 0), kUdpLengthBad, Level::kIp, kL4v4},
        {"UDP length 0 in IPv6", patched16(udp6, kL4v6 + 4, 0), kUdpLengthBad, Level::kIp, kL4v6},
        {"UDP length 7", patched16(udp, kL4v4 + 4, 7), kUdpLengthBad, Level::kIp, kL4v4},
        {"UDP length past the packet", patched16(udp, kL4v4 + 4, 13), kUdpLengthBad, Level::kIp,
         kL4v4},
        {"7 bytes of ICMP", short4(ip_protocol::kIcmp, 7), kIcmpShort, Level::kIp, kL4v4},
        {"7 bytes of ICMPv6", short6(ip_protocol::kIcmpv6, 7), kIcmpShort, Level::kIp, kL4v6},
    };
}

TEST(ViewTest, LyingFramesAreDescribedAsFarAsTheyCanBeTrusted) {
    for (const Lie& lie : lies()) {
        SCOPED_TRACE(lie.name);
        const PacketView view = view_of(lie.frame);
        EXPECT_EQ(view.problem, lie.problem) << to_string(view.problem);
        EXPECT_EQ(view.level, lie.level);
        // All behind the trusted level is there to be compared.
        EXPECT_EQ(view.payload_offset, lie.payload_from);
        EXPECT_EQ(view.payload_offset + view.payload_size, lie.frame.size());
        EXPECT_EQ(view.payload_captured, view.payload_size);
        EXPECT_EQ(view.source_port, 0);
    }
}

TEST(ViewTest, PaddingCannotHideAShortTransport) {
    // The bytes are in the frame, but not in the packet.
    const auto frame = v4().protocol(ip_protocol::kTcp).payload(pattern(8)).pad_to(60).build();
    EXPECT_EQ(view_of(frame).problem, Problem::kTcpHeaderBad);
    EXPECT_EQ(view_of(frame).payload_size, 8u);
}

TEST(ViewTest, EveryProblemHasAName) {
    for (int i = 0; i < static_cast<int>(Problem::kCount); ++i) {
        EXPECT_STRNE(to_string(static_cast<Problem>(i)), "?");
    }
}

// --- Cut captures
// -----------------------------------------------------------------------------------

TEST(ViewTest, CutPayloadIsNoProblem) {
    for (const FrameBuilder& ip : {v4(), v6()}) {
        for (const FrameBuilder& builder : {FrameBuilder(ip).tcp(1, 2), FrameBuilder(ip).udp(1, 2),
                                            FrameBuilder(ip).echo(8, 1, 1)}) {
            auto frame = FrameBuilder(builder).payload(pattern(1000)).build();
            const auto wire_size = static_cast<uint32_t>(frame.size());
            const uint32_t payload_size = view_of(frame).payload_size;
            frame.resize(frame.size() - 900);
            const PacketView view = view_of(frame, wire_size);
            EXPECT_EQ(view.problem, Problem::kNone);
            EXPECT_EQ(view.level, Level::kTransport);
            EXPECT_EQ(view.payload_size, payload_size);
            EXPECT_EQ(view.payload_captured, payload_size - 900);
        }
    }
}

TEST(ViewTest, CutHeaderIsCutAndNotBad) {
    const FrameBuilder kFrames[] = {
        v4().ip_options(ByteVector(8, 1)).tcp(1, 2).options({test::tcp_option::timestamps(1, 2)}),
        v6().extension(kHopByHop, ByteVector(20)).extension(kAuthentication).udp(1, 2),
        FrameBuilder().qinq(1, 2).ipv4("10.0.0.1", "10.0.0.2").echo(8, 1, 1),
        v6().atomic_fragment().echo(128, 1, 1),
    };
    for (const FrameBuilder& builder : kFrames) {
        const auto whole = builder.build();
        for (size_t size = 0; size < whole.size(); ++size) {
            const auto cut = first_bytes(whole, size);
            const PacketView view = view_of(cut, static_cast<uint32_t>(whole.size()));
            EXPECT_EQ(view.problem, Problem::kCut) << size << ' ' << to_string(view.problem);
            EXPECT_LT(view.level, Level::kTransport) << size;
            EXPECT_EQ(view.payload_offset + view.payload_size, whole.size()) << size;
            EXPECT_EQ(view.payload_offset + view.payload_captured, size);
        }
    }
}

TEST(ViewTest, PaddingOfACutFrameIsTheWires) {
    auto frame = v4().tcp(1, 2).payload("x").pad_to(60).build();
    frame.resize(56);
    EXPECT_EQ(view_of(frame, 60).padding, 5u);
    EXPECT_EQ(payload_text(view_of(frame, 60)), "x");
}

// --- Bounds, whatever comes
// -------------------------------------------------------------------------

/// Touches all that the view offers; ASan sees what lies outside. The bytes are an exact
/// allocation.
void expect_in_bounds(const ByteVector& bytes, uint32_t wire_size) {
    const auto exact = std::make_unique<uint8_t[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), exact.get());
    const PacketView view = parse({exact.get(), bytes.size()}, wire_size);
    ASSERT_LE(view.payload_offset, view.captured);
    ASSERT_LE(view.payload_captured, view.captured - view.payload_offset);
    ASSERT_LE(view.payload_captured, view.payload_size);
    ASSERT_LE(view.payload_size, std::max<size_t>(wire_size, bytes.size()) - view.payload_offset);
    uint32_t sum = 0;
    for (const uint8_t byte : view.payload()) sum += byte;
    if (view.level >= Level::kEthernet) sum += view.source_mac()[5] + view.destination_mac()[0];
    if (view.level >= Level::kIp) {
        ASSERT_LE(view.l4_offset, view.captured);
        sum += view.source_address()[0] + view.destination_address()[view.address_size() - 1];
    }
    if (view.is_tcp()) {
        for (const uint8_t byte : view.tcp_options()) sum += byte;
    }
    EXPECT_NE(sum, ~0u);  // never; but the reads above must happen
    if (view.problem != Problem::kNone) {
        EXPECT_LT(view.level, Level::kTransport);
    }
}

std::vector<ByteVector> samples() {
    const auto offender = v4().tcp(1, 2).payload(pattern(32)).build();
    return {
        v4().ip_options(ByteVector(12, 1)).tcp(1, 2).payload(pattern(16)).build(),
        v4().tcp(1, 2).options({test::tcp_option::sack({{1, 2}, {3, 4}})}).pad_to(120).build(),
        FrameBuilder().qinq(5, 6).ipv6("::1", "::2").udp(1, 2).payload(pattern(20)).build(),
        v6().extension(kHopByHop).extension(kRouting, ByteVector(22)).tcp(1, 2).build(),
        v6().extension(kAuthentication, ByteVector(22)).atomic_fragment().echo(128, 1, 1).build(),
        v6().extension(kHopByHop).udp(1, 2).payload(pattern(64)).fragment(16, 32, true),
        v4().udp(1, 2).payload(pattern(64)).fragment(16, 32, true),
        v4().icmp_error(3, 1, 0, offender).build(),
        FrameBuilder().arp(2, "10.0.0.1", "10.0.0.2").build(),
    };
}

TEST(ViewBoundsTest, EveryPrefixStaysInBounds) {
    for (const ByteVector& sample : samples()) {
        for (size_t size = 0; size <= sample.size(); ++size) {
            const auto prefix = first_bytes(sample, size);
            expect_in_bounds(prefix, static_cast<uint32_t>(size));
            expect_in_bounds(prefix, static_cast<uint32_t>(sample.size()));
            expect_in_bounds(prefix, 0xffffffff);
        }
    }
}

TEST(ViewBoundsTest, EveryByteMayLie) {
    for (const ByteVector& sample : samples()) {
        for (size_t at = 12; at < sample.size(); ++at) {
            for (const uint8_t value : {0x00, 0x01, 0x0f, 0x2c, 0x33, 0x3c, 0x45, 0x7f, 0xff}) {
                expect_in_bounds(patched(sample, at, value), 0);
            }
        }
    }
}

RC_GTEST_PROP(ViewBoundsProperty, MutatedFramesStayInBounds, ()) {
    static const std::vector<ByteVector> kSamples = samples();
    ByteVector bytes = kSamples[*rc::gen::inRange<size_t>(0, kSamples.size())];
    const int flips = *rc::gen::inRange(0, 8);
    for (int i = 0; i < flips; ++i) {
        bytes[*rc::gen::inRange<size_t>(0, bytes.size())] = *rc::gen::arbitrary<uint8_t>();
    }
    bytes.resize(*rc::gen::inRange<size_t>(0, bytes.size() + 1));
    expect_in_bounds(bytes, *rc::gen::inRange<uint32_t>(0, 300));
}

}  // namespace
}  // namespace colo
