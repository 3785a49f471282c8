// SPDX-License-Identifier: GPL-2.0-or-later
#include "io/log.h"

#include <gtest/gtest.h>

namespace colo {
namespace {

class Limiter : public testing::Test {
  protected:
    /// How many of `attempts` are written.
    uint32_t written(const std::string& what, uint32_t attempts) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < attempts; ++i) {
            const auto left_out = limiter_.admit(what, now_);
            if (!left_out) continue;
            ++count;
            left_out_ += *left_out;
        }
        return count;
    }

    LogLimiter limiter_;
    uint64_t left_out_ = 0;
    Time now_ = seconds(100);
};

TEST_F(Limiter, ABurstIsWrittenAndTheRestCounted) {
    EXPECT_EQ(written("a", 1000), LogLimiter::kBurst);
    now_ += LogLimiter::kLogInterval - Time(1);
    EXPECT_EQ(written("a", 1), 0u);
    now_ += Time(1);
    EXPECT_EQ(written("a", 1), 1u);
    EXPECT_EQ(left_out_, 1001 - LogLimiter::kBurst);
}

TEST_F(Limiter, OneObjectDoesNotSilenceAnother) {
    written("a", 1000);
    EXPECT_EQ(written("b", 1), 1u);
}

TEST_F(Limiter, TooManyObjectsShareAnAllowance) {
    for (size_t i = 0; i < LogLimiter::kMaxObjects; ++i) {
        EXPECT_EQ(written(std::to_string(i), 1), 1u);
    }
    uint32_t count = 0;
    for (int i = 0; i < 1000; ++i) count += written("more" + std::to_string(i), 1);
    EXPECT_EQ(count, LogLimiter::kBurst);
    EXPECT_EQ(written("0", 1), 1u);
}

}  // namespace
}  // namespace colo
