// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/checksum.h"

#include <gtest/gtest.h>
// gtest first: rapidcheck/gtest.h needs it.
#include <rapidcheck/gtest.h>

#include "tests/support/frame_builder.h"

namespace colo {
namespace {

using test::ByteVector;
using test::FrameBuilder;
using test::pattern;
using test::slow_checksum;
using test::view_of;
using test::v4;
using test::v6;

TEST(ChecksumTest, MatchesTheExampleOfRfc1071) {
    const ByteVector bytes{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    EXPECT_EQ(ones_sum(bytes), 0xddf2);
    EXPECT_EQ(internet_checksum(bytes), 0x220d);
}

TEST(ChecksumTest, LargestFrameDoesNotOverflow) {
    const ByteVector bytes(69632, 0xff);
    EXPECT_EQ(ones_sum(bytes), 0xffff);
}

RC_GTEST_PROP(ChecksumProperty, EqualsTheSlowSum, (ByteVector bytes)) {
    RC_ASSERT(internet_checksum(bytes) == slow_checksum(bytes));
}

RC_GTEST_PROP(ChecksumProperty, SumsCanBeChainedAtEvenOffsets, (ByteVector bytes)) {
    const size_t cut = *rc::gen::inRange<size_t>(0, bytes.size() + 1) / 2 * 2;
    const Bytes all = bytes;
    const uint16_t chained = ones_sum(all.subspan(cut), ones_sum(all.first(cut)));
    RC_ASSERT(static_cast<uint16_t>(~chained) == slow_checksum(bytes));
}

std::vector<FrameBuilder> transports() {
    std::vector<FrameBuilder> list;
    for (const size_t size : {0, 1, 2, 7, 8, 9, 100, 1460}) {
        for (const FrameBuilder& ip :
             {v4(), v6(), v6().extension(60), v4().ip_options({1, 1, 1})}) {
            list.push_back(FrameBuilder(ip).tcp(80, 81).payload(pattern(size)));
            list.push_back(FrameBuilder(ip).udp(80, 81).payload(pattern(size)));
            list.push_back(FrameBuilder(ip).icmp(3, 1, 0x01020304).payload(pattern(size)));
        }
    }
    return list;
}

TEST(TransportChecksumTest, RightOnesAreRightAndWrongOnesAreWrong) {
    for (const FrameBuilder& builder : transports()) {
        const auto good = builder.build();
        EXPECT_TRUE(transport_checksum_ok(view_of(good)));
        const auto bad = FrameBuilder(builder).wrong_checksum().build();
        EXPECT_FALSE(transport_checksum_ok(view_of(bad)));
        auto corrupt = good;
        corrupt.back() ^= 1;
        EXPECT_FALSE(transport_checksum_ok(view_of(corrupt)));
    }
}

TEST(TransportChecksumTest, EthernetPaddingIsNotCovered) {
    auto frame = v4().udp(1, 2).payload("x").pad_to(60).build();
    frame.back() = 0x55;
    EXPECT_TRUE(transport_checksum_ok(view_of(frame)));
}

TEST(TransportChecksumTest, UdpCoversOnlyItsOwnLength) {
    auto frame = v4().udp(1, 2).payload("data").build();
    test::put16(frame, 16, test::ByteVector(frame.begin() + 14, frame.end()).size() + 4);
    frame.insert(frame.end(), {1, 2, 3, 4});
    const PacketView view = view_of(frame);
    ASSERT_EQ(view.payload_size, 4u);
    EXPECT_TRUE(transport_checksum_ok(view));
}

TEST(TransportChecksumTest, UdpZeroMeansNoneInIpv4Only) {
    const auto over4 = v4().udp(1, 2).payload("data").no_udp_checksum().build();
    const auto over6 = v6().udp(1, 2).payload("data").no_udp_checksum().build();
    EXPECT_TRUE(transport_checksum_ok(view_of(over4)));
    EXPECT_FALSE(transport_checksum_ok(view_of(over6)));
}

TEST(TransportChecksumTest, WhatCannotBeToldCountsAsRight) {
    const FrameBuilder bad = v4().tcp(1, 2).payload(pattern(100)).wrong_checksum();
    auto cut = bad.build();
    const auto whole_size = static_cast<uint32_t>(cut.size());
    cut.resize(80);
    EXPECT_TRUE(transport_checksum_ok(view_of(cut, whole_size)));
    const auto fragment = bad.fragment(0, 40, true);
    EXPECT_TRUE(transport_checksum_ok(view_of(fragment)));
    const auto other = v4().protocol(132).payload("abc").build();
    EXPECT_TRUE(transport_checksum_ok(view_of(other)));
    const auto arp = FrameBuilder().arp(1, "10.0.0.1", "10.0.0.2").build();
    EXPECT_TRUE(transport_checksum_ok(view_of(arp)));
    EXPECT_TRUE(transport_checksum_ok(view_of({})));
}

TEST(Ipv4ChecksumTest, SeesEachFlippedBitOfTheHeader) {
    const auto good = v4().ip_options({1, 1, 1, 1}).udp(1, 2).build();
    EXPECT_TRUE(ipv4_header_checksum_ok(view_of(good)));
    // TTL and what follows; the bytes before steer the parser.
    for (size_t at = 22; at < 38; ++at) {
        auto bad = good;
        bad[at] ^= 0x10;
        EXPECT_FALSE(ipv4_header_checksum_ok(view_of(bad))) << at;
    }
    EXPECT_TRUE(ipv4_header_checksum_ok(view_of(v6().udp(1, 2).build())));
}

TEST(ChecksumChangeTest, NothingReplacedLeavesBothZeros) {
    ChecksumChange change;
    change.replace16(7, 7);
    change.replace32(0x01020304, 0x01020304, true);
    for (const uint16_t checksum : {0x0000, 0xffff, 0x1234}) {
        EXPECT_EQ(change.applied_to(checksum), checksum);
    }
}

TEST(ChecksumChangeTest, MatchesTheExampleOfRfc1624) {
    // Section 4: the case where eqn. 4 goes wrong.
    ChecksumChange change;
    change.replace16(0x5555, 0x3285);
    EXPECT_EQ(change.applied_to(0xdd2f), 0x0000);
}

RC_GTEST_PROP(ChecksumChangeProperty, EqualsARecomputation, ()) {
    auto bytes = *rc::gen::container<ByteVector>(64, rc::gen::arbitrary<uint8_t>());
    bytes[0] |= 1;  // a covered packet is never all zeros
    ChecksumChange change;
    const uint16_t before = slow_checksum(bytes);
    const int count = *rc::gen::inRange(1, 6);
    for (int i = 0; i < count; ++i) {
        const size_t at = *rc::gen::inRange<size_t>(1, 61);
        const auto value = *rc::gen::arbitrary<uint32_t>();
        change.replace32(load_be32(&bytes[at]), value, at % 2 != 0);
        store_be32(&bytes[at], value);
    }
    RC_ASSERT(change.applied_to(before) == slow_checksum(bytes));
}

RC_GTEST_PROP(ChecksumChangeProperty, WrongStaysWrongByTheSameAmount,
              (uint32_t from, uint32_t to, uint16_t right, uint16_t error)) {
    RC_PRE(error != 0 && error != 0xffff);
    ChecksumChange change;
    change.replace32(from, to, false);
    const auto plus = [](uint32_t a, uint32_t b) { return (a + b) % 0xffff; };
    const uint16_t wrong = static_cast<uint16_t>(plus(right, error));
    RC_ASSERT(plus(change.applied_to(right), error) == change.applied_to(wrong) % 0xffffu);
}

}  // namespace
}  // namespace colo
