// SPDX-License-Identifier: GPL-2.0-or-later
// What tcpstack relies on in libslirp, a case a fact: a new libslirp that behaves otherwise shows
// here.
#include "tcpstack/slirp_stack.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "sanitizer.h"
#include "tcpstack/stack_pool.h"

namespace colo::test {
namespace {

constexpr Seq kStart = SlirpStack::kStartPosition;

class Collector final : public SlirpStack::Receiver {
  public:
    void receive(Bytes part) override { bytes.insert(bytes.end(), part.begin(), part.end()); }
    std::vector<uint8_t> bytes;
};

std::vector<uint8_t> counting(uint32_t size, uint8_t from = 0) {
    std::vector<uint8_t> bytes(size);
    std::iota(bytes.begin(), bytes.end(), from);
    return bytes;
}

TEST(SlirpStack, FirstConnectionNeedsNoArpAnswer) {
    SlirpStack stack;
    EXPECT_TRUE(stack.open(kStart));
}

class ChecksumTest : public testing::TestWithParam<uint8_t> {};

/// libslirp drops what has a wrong checksum: odd sizes, carries, sums of 0 and ffff all get
/// through.
TEST_P(ChecksumTest, HoldsForEverySize) {
    SlirpStack stack;
    for (uint32_t size = 1; size < 300; ++size) {
        const auto connection = stack.open(kStart);
        ASSERT_TRUE(connection);
        Collector got;
        const std::vector<uint8_t> sent(size, GetParam());
        stack.segment(*connection, kStart, sent, got);
        ASSERT_EQ(got.bytes, sent) << size;
        stack.close(*connection);
    }
}

INSTANTIATE_TEST_SUITE_P(SlirpStack, ChecksumTest, testing::Values(0, 1, 0x7f, 0x80, 0xff));

TEST(SlirpStack, WindowIsExactly128Kib) {
    SlirpStack stack;
    const auto connection = stack.open(kStart);
    ASSERT_TRUE(connection);
    Collector got;
    const std::vector<uint8_t> all = counting(SlirpStack::kWindowBytes);
    const Bytes rest = Bytes(all).subspan(1);
    stack.segment(*connection, kStart + 1, rest, got);
    EXPECT_TRUE(got.bytes.empty());
    stack.segment(*connection, kStart, Bytes(all).first(1), got);
    EXPECT_EQ(got.bytes, all) << "the last byte lay at the window's edge";
    EXPECT_EQ(stack.next(*connection), kStart + SlirpStack::kWindowBytes);
    stack.close(*connection);
}

TEST(SlirpStack, WhatAnIpv4PacketCannotHoldIsFedInParts) {
    for (const uint32_t size : {65494u, 65495u, 65496u, 69632u, 2 * 65495u}) {
        SlirpStack stack;
        const auto connection = stack.open(kStart);
        Collector got;
        const std::vector<uint8_t> sent = counting(size);
        stack.segment(*connection, kStart, sent, got);
        EXPECT_EQ(got.bytes, sent) << size;
    }
}

TEST(SlirpStack, HoldsSixtyFourConnectionsAndTellsThemApart) {
    SlirpStack stack;
    std::vector<SlirpStack::Connection> open;
    while (const auto connection = stack.open(kStart)) open.push_back(*connection);
    ASSERT_EQ(open.size(), SlirpStack::kMaxConnections);
    EXPECT_TRUE(stack.full());
    for (const auto connection : open) {
        Collector got;
        stack.segment(connection, kStart + 10, counting(10, connection), got);
        EXPECT_TRUE(got.bytes.empty());
    }
    for (const auto connection : open) {
        Collector got;
        stack.segment(connection, kStart, std::vector<uint8_t>(10), got);
        ASSERT_EQ(got.bytes.size(), 20u);
        EXPECT_EQ(got.bytes.back(), connection + 9);
    }
}

TEST(SlirpStack, ClosedSlotIsUsedAgainAndRemembersNothing) {
    SlirpStack stack;
    // libslirp's initial sequence number wraps after 67,108.
    const int rounds = kUnderSanitizer ? 1000 : 70000;
    for (int i = 0; i < rounds; ++i) {
        const auto connection = stack.open(kStart);
        ASSERT_TRUE(connection);
        ASSERT_EQ(*connection, 0);
        Collector got;
        stack.segment(*connection, kStart + 1, counting(3, 77), got);
        if (i % 1000 == 0) {
            stack.segment(*connection, kStart, counting(1), got);
            ASSERT_EQ(got.bytes, (std::vector<uint8_t>{0, 77, 78, 79}));
        }
        stack.close(*connection);
    }
}

// libslirp 4.7.0 frees its guest forward before the connections that use it.
TEST(SlirpStack, MayBeDestroyedWithConnectionsThatHaveDataQueued) {
    SlirpStack stack;
    Collector got;
    for (int i = 0; i < 3; ++i) {
        const auto connection = stack.open(kStart);
        stack.segment(*connection, kStart, counting(5), got);
        stack.segment(*connection, kStart + 100, counting(70000), got);
    }
    EXPECT_EQ(got.bytes.size(), 15u);
}

TEST(StackPool, OpensUpToItsLimitAndNoFurther) {
    StackPool pool(130);
    std::vector<StackPool::Connection> open;
    while (const auto connection = pool.open()) open.push_back(*connection);
    ASSERT_EQ(open.size(), 130u);
    pool.close(open[3]);
    const auto again = pool.open();
    ASSERT_TRUE(again);
    EXPECT_EQ(again->stack, open[3].stack) << "the instance that has room, not a new one";
    EXPECT_FALSE(pool.open());
}

TEST(StackPool, OfNoneOpensNone) {
    StackPool pool(0);
    EXPECT_FALSE(pool.open());
}

}  // namespace
}  // namespace colo::test
