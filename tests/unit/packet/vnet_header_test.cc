// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/vnet_header.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "packet/frame.h"
#include "tests/support/frame_builder.h"

namespace colo {
namespace {

using test::ByteVector;
using test::FrameBuilder;
using test::pattern;
using test::v4;
using test::v6;

TEST(VnetHeaderTest, FieldsAreLittleEndianWhereTheStandardHasThem) {
    const ByteVector front{0x03, 0x81, 0x36, 0x12, 0xa8, 0x05, 0x22, 0x01, 0x10, 0x02};
    const auto header = parse_vnet_header(front);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->flags, vnet_flag::kNeedsChecksum | vnet_flag::kDataValid);
    EXPECT_TRUE(header->needs_checksum());
    EXPECT_EQ(header->gso_type, GsoType::kTcpv4);
    EXPECT_TRUE(header->ecn);
    EXPECT_EQ(header->header_length, 0x1236);
    EXPECT_EQ(header->gso_size, 0x05a8);
    EXPECT_EQ(header->checksum_start, 0x0122);
    EXPECT_EQ(header->checksum_offset, 0x0210);
    EXPECT_EQ(header->checksum_at(), 0x0332u);
}

TEST(VnetHeaderTest, OnlyTheSizesOfTheThreeHeadersAreOnes) {
    for (size_t size = 0; size <= 2 * kMaxFront; ++size) {
        const ByteVector front(size, 0xff);
        EXPECT_EQ(parse_vnet_header(front).has_value(), size == 10 || size == 12 || size == 20)
            << size;
    }
}

TEST(VnetHeaderTest, EcnWithoutATypeIsNoOrdinaryFrame) {
    EXPECT_FALSE(parse_vnet_header(ByteVector(10))->is_gso());
    ByteVector front(10);
    front[1] = 0x80;
    EXPECT_TRUE(parse_vnet_header(front)->is_gso());
    const auto frame = FrameBuilder().ipv4("10.0.0.1", "10.0.0.2").tcp(1, 2).build();
    EXPECT_EQ(check(*parse_vnet_header(front), parse(frame, 0)), VnetProblem::kGsoType);
}

// --- Headers against frames
// -------------------------------------------------------------------------

FrameBuilder tcp4() {
    return v4().tcp(80, 40000).payload(pattern(100));
}
FrameBuilder udp4() {
    return v4().udp(53, 40000).payload(pattern(100));
}
FrameBuilder tcp6() {
    return v6().tcp(80, 40000).payload(pattern(100));
}
FrameBuilder udp6() {
    return v6().udp(53, 40000).payload(pattern(100));
}

VnetHeader offloaded(GsoType type, uint16_t size = 50) {
    VnetHeader header;
    header.gso_type = type;
    header.gso_size = size;
    return header;
}

VnetHeader needs(uint16_t start, uint16_t offset, VnetHeader header = {}) {
    header.flags = vnet_flag::kNeedsChecksum;
    header.checksum_start = start;
    header.checksum_offset = offset;
    return header;
}

VnetProblem check(const VnetHeader& header, const ByteVector& frame) {
    return check(header, parse(frame, 0));
}

TEST(VnetCheckTest, TypeMustBeThePackets) {
    struct Sample {
        const char* name;
        ByteVector frame;
        std::set<GsoType> types;
    };
    const auto udp = std::set{GsoType::kUdpFragments, GsoType::kUdpDatagrams};
    const Sample samples[] = {
        {"tcp4", tcp4().build(), {GsoType::kTcpv4}},
        {"tcp6", tcp6().build(), {GsoType::kTcpv6}},
        {"tagged", tcp6().vlan(5).build(), {GsoType::kTcpv6}},
        {"udp4", udp4().build(), udp},
        {"udp6", udp6().extension(60).build(), udp},
        {"icmp", v4().echo(8, 1, 1).build(), {}},
        {"fragment", udp4().fragment(0, 64, true), {}},
        {"atomic fragment", udp6().atomic_fragment().build(), {GsoType::kUdpDatagrams}},
        {"tunnel", v4().protocol(47).payload(tcp4().build()).build(), {}},
        {"arp", FrameBuilder().arp(1, "10.0.0.1", "10.0.0.2").build(), {}},
        {"nothing", {}, {}},
    };
    for (const Sample& sample : samples) {
        for (int type = 1; type < 128; ++type) {
            const auto as = static_cast<GsoType>(type);
            const bool right = sample.types.contains(as);
            EXPECT_EQ(check(offloaded(as), sample.frame),
                      right ? VnetProblem::kNone : VnetProblem::kGsoType)
                << sample.name << " as " << type;
        }
    }
}

TEST(VnetCheckTest, SizeMustNotBeZero) {
    EXPECT_EQ(check(offloaded(GsoType::kTcpv4, 0), tcp4().build()), VnetProblem::kGsoSizeZero);
    EXPECT_EQ(check(offloaded(GsoType::kTcpv4, 1), tcp4().build()), VnetProblem::kNone);
}

TEST(VnetCheckTest, PacketMustBeWholeToBeCut) {
    const auto frame = tcp4().build();
    const PacketView cut = parse(Bytes(frame).first(frame.size() - 1), 154);
    EXPECT_EQ(check(offloaded(GsoType::kTcpv4), cut), VnetProblem::kPacketBad);
    auto surplus = udp4().build();  // behind the datagram, inside the packet
    test::put16(surplus, udp4().l4_offset() + 4, 107);
    EXPECT_EQ(check(offloaded(GsoType::kUdpDatagrams), surplus), VnetProblem::kPacketBad);
}

TEST(VnetCheckTest, ChecksumMustLieInsideThePacket) {
    struct Case {
        uint16_t start, offset;
        bool inside;
    };
    // 14 Ethernet, 20 IP, 20 TCP, 6 payload; 10 bytes of padding.
    const auto frame = v4().tcp(1, 2).payload("123456").pad_to(70).build();
    const Case cases[] = {
        {34, 16, true},      {14, 0, true},           {13, 0, false},      {0, 50, false},
        {58, 0, true},       {59, 0, false},          {60, 0, false},      {34, 24, true},
        {34, 25, false},     {0xffff, 0, false},      {34, 0xffff, false}, {0xffff, 0xffff, false},
        {34, 0xfffe, false}, {0xfff0, 0x000e, false},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(check(needs(c.start, c.offset), frame),
                  c.inside ? VnetProblem::kNone : VnetProblem::kChecksumOutside)
            << c.start << "+" << c.offset;
    }
}

TEST(VnetCheckTest, WithoutTheFlagTheChecksumFieldsMeanNothing) {
    VnetHeader header = needs(0xffff, 0xffff);
    header.flags = vnet_flag::kDataValid;
    EXPECT_EQ(check(header, tcp4().build()), VnetProblem::kNone);
}

TEST(VnetCheckTest, NoChecksumIsInsideAFrameWithoutEthernetHeader) {
    for (const size_t size : {0, 1, 13}) {
        EXPECT_EQ(check(needs(0, 0), pattern(size)), VnetProblem::kChecksumOutside) << size;
    }
}

TEST(VnetCheckTest, AnyProtocolMayHaveAPartialChecksum) {
    const auto icmp6 = v6().echo(128, 1, 1).build();
    EXPECT_EQ(check(needs(54, 2), icmp6), VnetProblem::kNone);
    const auto opaque = FrameBuilder().ethernet(0x1234).payload(pattern(50)).build();
    EXPECT_EQ(check(needs(20, 4), opaque), VnetProblem::kNone);
}

TEST(VnetCheckTest, PacketToBeCutHasItsOwnChecksumPartial) {
    const VnetHeader tso = offloaded(GsoType::kTcpv4);
    const VnetHeader uso = offloaded(GsoType::kUdpDatagrams);
    EXPECT_EQ(check(needs(34, 16, tso), tcp4().build()), VnetProblem::kNone);
    EXPECT_EQ(check(needs(34, 6, uso), udp4().build()), VnetProblem::kNone);
    for (const auto& elsewhere : {needs(34, 6, tso), needs(36, 14, tso), needs(70, 16, tso)}) {
        EXPECT_EQ(check(elsewhere, tcp4().build()), VnetProblem::kChecksumElsewhere);
    }
    EXPECT_EQ(check(needs(34, 16, uso), udp4().build()), VnetProblem::kChecksumElsewhere);
}

TEST(VnetCheckTest, HeaderLengthIsNotLookedAt) {
    for (const uint16_t length : {0, 1, 54, 0xffff}) {
        VnetHeader header = needs(34, 16, offloaded(GsoType::kTcpv4));
        header.header_length = length;
        EXPECT_EQ(check(header, tcp4().build()), VnetProblem::kNone);
    }
}

TEST(VnetCheckTest, EveryProblemHasAName) {
    std::set<std::string> names;
    for (int i = 0; i < static_cast<int>(VnetProblem::kCount); ++i) {
        names.insert(to_string(static_cast<VnetProblem>(i)));
    }
    EXPECT_EQ(names.size(), static_cast<size_t>(VnetProblem::kCount));
    EXPECT_FALSE(names.contains("?"));
}

// --- What a checksum field covers
// -------------------------------------------------------------------

ByteVector front_of(uint8_t flags, uint8_t start, uint8_t offset, size_t size = 12) {
    ByteVector front(size);
    front[0] = flags;
    front[6] = start;
    front[8] = offset;
    return front;
}

TEST(ChecksumKindTest, IsPartialOnlyWhereTheHeaderPoints) {
    struct Case {
        const char* name;
        ByteVector front, frame;
        bool partial;
    };
    const Case cases[] = {
        {"no header", {}, tcp4().build(), false},
        {"unknown header", front_of(vnet_flag::kNeedsChecksum, 34, 16, 11), tcp4().build(), false},
        {"tcp", front_of(vnet_flag::kNeedsChecksum, 34, 16), tcp4().build(), true},
        {"shortest header", front_of(vnet_flag::kNeedsChecksum, 34, 16, 10), tcp4().build(), true},
        {"longest header", front_of(vnet_flag::kNeedsChecksum, 34, 16, 20), tcp4().build(), true},
        {"with data valid", front_of(vnet_flag::kNeedsChecksum | 2, 34, 16), tcp4().build(), true},
        {"data valid", front_of(2, 34, 16), tcp4().build(), false},
        {"tagged", front_of(vnet_flag::kNeedsChecksum, 38, 16), tcp4().vlan(1).build(), true},
        {"tcp6", front_of(vnet_flag::kNeedsChecksum, 54, 16), tcp6().build(), true},
        {"udp", front_of(vnet_flag::kNeedsChecksum, 34, 6), udp4().build(), true},
        {"inner packet", front_of(vnet_flag::kNeedsChecksum, 70, 16), udp4().build(), false},
        {"other field", front_of(vnet_flag::kNeedsChecksum, 34, 6), tcp4().build(), false},
        {"fragment", front_of(vnet_flag::kNeedsChecksum, 34, 16), tcp4().fragment(0, 64, true), false},
        {"icmp", front_of(vnet_flag::kNeedsChecksum, 34, 6), v4().echo(8, 1, 1).build(), false},
        {"nothing", front_of(vnet_flag::kNeedsChecksum, 0, 6), {}, false},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(checksum_kind(c.front, parse(c.frame, 0)),
                  c.partial ? ChecksumKind::kPseudoHeaderOnly : ChecksumKind::kFull)
            << c.name;
    }
}

}  // namespace
}  // namespace colo
