// SPDX-License-Identifier: GPL-2.0-or-later
// Alarms and hold times.
#include <gtest/gtest.h>
// gtest first: rapidcheck/gtest.h needs it.
#include <rapidcheck/gtest.h>

#include "compare/alarms.h"
#include "compare/hold_times.h"

namespace colo {
namespace {

TEST(AlarmsTest, EarliestComesFirst) {
    Alarms alarms;
    EXPECT_EQ(alarms.next(), kNever);
    alarms.set(seconds(3), 30);
    alarms.set(seconds(1), 10);
    alarms.set(seconds(2), 20);
    EXPECT_EQ(alarms.next(), seconds(1));
    EXPECT_EQ(alarms.take(), 10u);
    EXPECT_EQ(alarms.next(), seconds(2));
    EXPECT_EQ(alarms.take(), 20u);
    alarms.set(seconds(1), 11);
    EXPECT_EQ(alarms.take(), 11u);
    EXPECT_EQ(alarms.take(), 30u);
    EXPECT_EQ(alarms.next(), kNever);
}

TEST(HoldTimesTest, NothingRecordedIsZero) {
    const HoldTimes times;
    EXPECT_EQ(times.count(), 0u);
    EXPECT_EQ(times.max(), Time(0));
    EXPECT_EQ(times.quantile(0.5), Time(0));
    EXPECT_EQ(times.quantile(1), Time(0));
}

TEST(HoldTimesTest, QuantilesAreWithinAnEighth) {
    HoldTimes times;
    for (int i = 1; i <= 1000; ++i) times.record(microseconds(i));
    EXPECT_EQ(times.count(), 1000u);
    EXPECT_EQ(times.max(), milliseconds(1));
    for (const double share : {0.01, 0.25, 0.5, 0.9, 0.99}) {
        const Time exact = Time(static_cast<int64_t>(share * 1e6));
        EXPECT_GE(times.quantile(share), exact) << share;
        EXPECT_LE(times.quantile(share), exact + exact / 8 + microseconds(1)) << share;
    }
    EXPECT_EQ(times.quantile(1), milliseconds(1));
}

TEST(HoldTimesTest, SmallTimesAreExact) {
    for (int ns = 0; ns < 16; ++ns) {
        HoldTimes times;
        times.record(Time(ns));
        EXPECT_EQ(times.quantile(0.5), Time(ns));
    }
}

TEST(HoldTimesTest, NegativeIsZero) {
    HoldTimes times;
    times.record(Time(-5));
    EXPECT_EQ(times.max(), Time(0));
    EXPECT_EQ(times.quantile(0.5), Time(0));
}

TEST(HoldTimesTest, LongestTimeFits) {
    HoldTimes times;
    times.record(kNever);
    EXPECT_EQ(times.quantile(0.5), kNever);
    EXPECT_EQ(times.max(), kNever);
}

RC_GTEST_PROP(HoldTimesProperty, EveryTimeLiesInItsBucket, ()) {
    const unsigned bits = *rc::gen::inRange(0u, 63u);
    const int64_t ns = *rc::gen::inRange<int64_t>(0, (int64_t{1} << bits) + 1);
    HoldTimes times;
    times.record(Time(ns));
    times.record(kNever);
    const int64_t edge = times.quantile(0).count();
    RC_ASSERT(edge >= ns);
    RC_ASSERT(edge - ns <= ns / 8);
}

}  // namespace
}  // namespace colo
