// SPDX-License-Identifier: GPL-2.0-or-later
#include "io/plain_value.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

namespace colo {
namespace {

TEST(PlainValue, ADecimalNumberIsAllOfTheText) {
    EXPECT_EQ(decimal<uint64_t>("0"), 0u);
    EXPECT_EQ(decimal<uint64_t>("18446744073709551615"), std::numeric_limits<uint64_t>::max());
    EXPECT_EQ(decimal<int64_t>("-7"), -7);
    EXPECT_EQ(decimal<uint16_t>("007"), 7);
    for (const char* wrong : {"", " 1", "1 ", "+1", "-1", "0x10", "1e3", "1.0", "18446744073709551616"})
        EXPECT_FALSE(decimal<uint64_t>(wrong)) << wrong;
    EXPECT_FALSE(decimal<uint16_t>("65536"));
}

TEST(PlainValue, ADecimalNumberIsWithinItsBounds) {
    for (const char* within : {"1", "5", "9"}) EXPECT_TRUE(decimal(within, 1, 9)) << within;
    for (const char* beyond : {"0", "10", "-5"}) EXPECT_FALSE(decimal(beyond, 1, 9)) << beyond;
    EXPECT_EQ(decimal<int64_t>("9223372036854775807", 1), std::numeric_limits<int64_t>::max());
}

TEST(PlainValue, OnAndOffHaveThreeWordsEach) {
    for (const char* on : {"on", "yes", "true"}) EXPECT_EQ(on_or_off(on), true) << on;
    for (const char* off : {"off", "no", "false"}) EXPECT_EQ(on_or_off(off), false) << off;
    for (const char* neither : {"", "On", "1", "0", "onn", "maybe"}) EXPECT_FALSE(on_or_off(neither)) << neither;
}

}  // namespace
}  // namespace colo
