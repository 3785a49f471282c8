// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/neighbour_table.h"

#include <gtest/gtest.h>

#include "tests/support/neighbour_frames.h"

namespace colo::test {
namespace {

LinkAddress address(uint8_t last, uint16_t vlan = 0) {
    FrameBuilder frame;
    if (vlan) frame.vlan(vlan);
    const ByteVector bytes = frame.ipv4("10.0.0." + std::to_string(last), "10.0.0.9").udp(1, 2).build();
    return *source_of(parse(bytes, 200));
}

MacAddress mac(uint8_t last) {
    return {2, 0, 0, 0, 0, last};
}

TEST(NeighbourTableTest, KeepsTheLatestOfEachAddress) {
    NeighbourTable table(4, FlowHash(1, 2));
    table.learn(address(1), mac(1));
    table.learn(address(1, 7), mac(2));
    table.learn(address(1), mac(3));
    EXPECT_EQ(table.size(), 2u);
    EXPECT_EQ(*table.find(address(1)), mac(3));
    EXPECT_EQ(*table.find(address(1, 7)), mac(2)) << "another link";
    EXPECT_EQ(table.find(address(2)), nullptr);
}

TEST(NeighbourTableTest, TheLongestUnheardGoesFirst) {
    NeighbourTable table(3, FlowHash(1, 2));
    for (const uint8_t who : {1, 2, 3, 1, 4}) table.learn(address(who), mac(who));
    EXPECT_EQ(table.size(), 3u);
    EXPECT_EQ(table.displaced(), 1u);
    EXPECT_EQ(table.find(address(2)), nullptr);
    EXPECT_NE(table.find(address(1)), nullptr);
    std::string order;
    table.for_each([&](const LinkAddress& its, const MacAddress&) { order += to_text(its) + " "; });
    EXPECT_EQ(order, "10.0.0.3 10.0.0.1 10.0.0.4 ");
}

TEST(NeighbourTableTest, StaysBoundedUnderAFlood) {
    NeighbourTable table(100, FlowHash(1, 2));
    for (uint32_t i = 0; i < 100'000; ++i) {
        LinkAddress it = address(1);
        std::memcpy(it.ip.data(), &i, 4);
        table.learn(it, mac(1));
    }
    EXPECT_EQ(table.size(), 100u);
    EXPECT_EQ(table.displaced(), 99'900u);
}

}  // namespace
}  // namespace colo::test
