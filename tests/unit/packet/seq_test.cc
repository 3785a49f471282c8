// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/seq.h"

#include <gtest/gtest.h>
// gtest first: rapidcheck/gtest.h needs it.
#include <rapidcheck/gtest.h>

namespace colo {
namespace {

constexpr uint32_t kHalf = 0x80000000;

TEST(SeqTest, OrdersAcrossTheWrap) {
    EXPECT_LT(Seq(0xfffffff0), Seq(0x10));
    EXPECT_GT(Seq(0x10), Seq(0xfffffff0));
    EXPECT_EQ(Seq(0x10) - Seq(0xfffffff0), 0x20);
    EXPECT_EQ(Seq(0xfffffff0) - Seq(0x10), -0x20);
}

TEST(SeqTest, LaterAndEarlierFollowTheSerialOrder) {
    EXPECT_EQ(later(Seq(0xfffffff0), Seq(5)), Seq(5));
    EXPECT_EQ(earlier(Seq(0xfffffff0), Seq(5)), Seq(0xfffffff0));
}

RC_GTEST_PROP(SeqProperty, WhatLiesAheadByLessThanHalfIsLater, (uint32_t start)) {
    const uint32_t ahead = *rc::gen::inRange<uint32_t>(1, kHalf);
    RC_ASSERT(Seq(start) < Seq(start) + ahead);
    RC_ASSERT(Seq(start) + ahead > Seq(start));
    RC_ASSERT(!(Seq(start) + ahead < Seq(start)));
}

RC_GTEST_PROP(SeqProperty, DistanceIsWhatWasAdded, (uint32_t start, int32_t distance)) {
    RC_ASSERT(Seq(start).shifted(distance) - Seq(start) == distance);
}

RC_GTEST_PROP(SeqProperty, ShiftingThereAndBackIsNoShift, (uint32_t start, int32_t distance)) {
    const SeqDelta back = Seq(start) - Seq(start).shifted(distance);
    RC_ASSERT(Seq(start).shifted(distance).shifted(back) == Seq(start));
}

RC_GTEST_PROP(SeqProperty, OrderSurvivesAShiftOfBoth, (uint32_t start, int32_t shift)) {
    const uint32_t ahead = *rc::gen::inRange<uint32_t>(0, kHalf);
    const Seq a(start);
    const Seq b = a + ahead;
    RC_ASSERT((a < b) == (a.shifted(shift) < b.shifted(shift)));
    RC_ASSERT(later(a, b) == b);
    RC_ASSERT(earlier(a, b) == a);
}

RC_GTEST_PROP(SeqProperty, ExactlyOneOfLessEqualGreaterHolds, (uint32_t a, uint32_t b)) {
    RC_PRE(a - b != kHalf);  // RFC 1982 3.2 leaves that distance undefined
    const int holds = (Seq(a) < Seq(b)) + (Seq(a) == Seq(b)) + (Seq(a) > Seq(b));
    RC_ASSERT(holds == 1);
}

}  // namespace
}  // namespace colo
