// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/drop_events.h"
#include "monitor/json_value.h"

#include <gtest/gtest.h>

namespace colo {
namespace {

class Drops : public testing::Test {
  protected:
    std::string take() { return std::exchange(emitted_, {}); }

    std::string emitted_;
    DropEvents drops_{[this](const Json& data) { emitted_ += to_line(data); }};
    Time now_ = seconds(100);
};

TEST_F(Drops, TheFirstIsToldAtOnce) {
    drops_.dropped("uplink", "queue-full", 2, now_);
    EXPECT_EQ(take(), R"({"where":"uplink","reason":"queue-full","count":2})");
    EXPECT_EQ(drops_.next_deadline(), kNever);
}

TEST_F(Drops, TheRestIsToldTogetherASecondLater) {
    drops_.dropped("uplink", "queue-full", 1, now_);
    take();
    for (int i = 0; i < 1000; ++i) drops_.dropped("uplink", "queue-full", 1, now_);
    EXPECT_EQ(take(), "");
    EXPECT_EQ(drops_.next_deadline(), now_ + seconds(1));
    drops_.tick(now_ + seconds(1) - Time(1));
    EXPECT_EQ(take(), "");
    drops_.tick(now_ + seconds(1));
    EXPECT_EQ(take(), R"({"where":"uplink","reason":"queue-full","count":1000})");
    drops_.tick(now_ + seconds(5));
    EXPECT_EQ(take(), "");
    EXPECT_EQ(drops_.next_deadline(), kNever);
}

TEST_F(Drops, PlacesAndReasonsAreApart) {
    drops_.dropped("a", "x", 1, now_);
    drops_.dropped("a", "y", 1, now_);
    drops_.dropped("b", "x", 1, now_);
    EXPECT_EQ(take(), R"({"where":"a","reason":"x","count":1})"
                      R"({"where":"a","reason":"y","count":1})"
                      R"({"where":"b","reason":"x","count":1})");
}

TEST_F(Drops, TooManyKindsAreOneAndAllAreCounted) {
    uint64_t told = 0;
    DropEvents drops([&](const Json& data) { told += data["count"].get<uint64_t>(); });
    for (int i = 0; i < 1000; ++i) drops.dropped("a", std::to_string(i), 1, now_);
    EXPECT_EQ(told, DropEvents::kMaxKinds + 1);
    drops.tick(now_ + seconds(1));
    EXPECT_EQ(told, 1000u);
}

}  // namespace
}  // namespace colo
