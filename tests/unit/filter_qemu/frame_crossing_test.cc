// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/qemu/frame_crossing.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <thread>

namespace colo {
namespace {

using Put = FrameCrossing::Put;

Put put(FrameCrossing& crossing, const std::string& frame, size_t front = 0) {
    const size_t half = frame.size() / 2;
    auto* at = const_cast<char*>(frame.data());
    const std::array<iovec, 2> pieces{iovec{at, half}, iovec{at + half, frame.size() - half}};
    return crossing.put(pieces, frame.size(), front);
}

std::string text(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

/// Consumes the first.
std::string take_first(FrameCrossing& crossing, CrossedFrames& batch) {
    const std::string frame = text(batch.first().front) + "|" + text(batch.first().bytes);
    const size_t cost = batch.cost();
    batch.remove_first();
    crossing.consumed(cost);
    return frame;
}

TEST(FrameCrossingTest, FramesCrossInOrderWithTheirHeaders) {
    FrameCrossing crossing(1000);
    EXPECT_EQ(put(crossing, "HEADfirst", 4), Put::kFirst);
    EXPECT_EQ(put(crossing, "second"), Put::kAdded);
    CrossedFrames batch;
    ASSERT_TRUE(crossing.take(batch));
    EXPECT_EQ(take_first(crossing, batch), "HEAD|first");
    EXPECT_EQ(take_first(crossing, batch), "|second");
    EXPECT_TRUE(batch.empty());
    EXPECT_EQ(crossing.pending(), 0u);
    EXPECT_FALSE(crossing.take(batch));
}

TEST(FrameCrossingTest, WhoTakesIsWokenOnceABatch) {
    FrameCrossing crossing(1000);
    CrossedFrames batch;
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(put(crossing, "a"), Put::kFirst);
        EXPECT_EQ(put(crossing, "b"), Put::kAdded);
        ASSERT_TRUE(crossing.take(batch));
    }
    EXPECT_EQ(crossing.counters().batches, 3u);
    EXPECT_EQ(crossing.counters().frames, 6u);
}

TEST(FrameCrossingTest, WhatIsTakenCountsUntilItIsConsumed) {
    FrameCrossing crossing(100);
    const std::string frame(60, 'x');
    EXPECT_EQ(put(crossing, frame), Put::kFirst);
    CrossedFrames batch;
    ASSERT_TRUE(crossing.take(batch));
    EXPECT_EQ(put(crossing, frame), Put::kRefused);
    EXPECT_EQ(crossing.counters().refused, 1u);
    take_first(crossing, batch);
    EXPECT_EQ(put(crossing, frame), Put::kFirst);
}

TEST(FrameCrossingTest, OneFrameFitsAlways) {
    FrameCrossing crossing(10);
    EXPECT_EQ(put(crossing, std::string(60000, 'x')), Put::kFirst);
    EXPECT_EQ(put(crossing, "y"), Put::kRefused);
}

TEST(FrameCrossingTest, TwoThreadsLoseAndReorderNothing) {
    constexpr int kFrames = 20000;
    FrameCrossing crossing(1u << 30);
    std::thread sender([&] {
        for (int i = 0; i < kFrames; ++i) put(crossing, std::to_string(i));
    });
    CrossedFrames batch;
    for (int next = 0; next < kFrames;) {
        if (!crossing.take(batch)) std::this_thread::yield();
        while (!batch.empty()) ASSERT_EQ(take_first(crossing, batch), "|" + std::to_string(next++));
    }
    sender.join();
    EXPECT_EQ(crossing.pending(), 0u);
}

}  // namespace
}  // namespace colo
