// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/frame.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/support/frame_builder.h"

namespace colo {
namespace {

using test::pattern;

TEST(FrameTest, CopyHoldsTheBytesAndTheWireSize) {
    FramePool pool;
    const auto bytes = pattern(100);
    const Frame frame = pool.copy(bytes, 1500);
    ASSERT_TRUE(frame);
    EXPECT_TRUE(std::ranges::equal(frame.bytes(), bytes));
    EXPECT_EQ(frame.size(), 100u);
    EXPECT_EQ(frame.wire_size(), 1500u);
}

TEST(FrameTest, WireSizeIsNeverBelowTheSize) {
    FramePool pool;
    EXPECT_EQ(pool.copy(pattern(100), 10).wire_size(), 100u);
    EXPECT_EQ(pool.copy(pattern(100)).wire_size(), 100u);
}

TEST(FrameTest, EmptyFrameIsAFrame) {
    FramePool pool;
    const Frame frame = pool.copy({});
    EXPECT_TRUE(frame);
    EXPECT_EQ(frame.size(), 0u);
}

TEST(FrameTest, RefusesWhatIsLargerThanAnyFrame) {
    FramePool pool;
    EXPECT_TRUE(pool.make(kMaxFrameBytes));
    EXPECT_FALSE(pool.make(kMaxFrameBytes + 1));
    EXPECT_FALSE(pool.copy(std::vector<uint8_t>(kMaxFrameBytes + 1)));
}

TEST(FrameTest, MemoryIsAtLeastTheSize) {
    FramePool pool;
    for (uint32_t size : {0u, 1u, 256u, 257u, 2048u, 2049u, 16384u, 16385u, kMaxFrameBytes}) {
        EXPECT_GE(pool.make(size).memory(), size) << size;
    }
}

TEST(FrameTest, SharedBytesLiveUntilTheLastHandleGoes) {
    FramePool pool;
    const auto bytes = pattern(64);
    Frame first = pool.copy(bytes);
    const Frame second = first.share();
    const uint8_t* const where = second.data();
    first.reset();
    EXPECT_FALSE(first);
    // The buffer is not recycled while `second` has it.
    const Frame other = pool.make(64);
    EXPECT_NE(other.data(), where);
    EXPECT_TRUE(std::ranges::equal(second.bytes(), bytes));
}

TEST(FrameTest, ReleasedBufferIsUsedAgain) {
    FramePool pool;
    Frame frame = pool.make(1000);
    const uint8_t* const where = frame.data();
    frame.reset();
    EXPECT_EQ(pool.make(2000).data(), where);
}

TEST(FrameTest, MovingLeavesAnEmptyHandle) {
    FramePool pool;
    Frame from = pool.copy(pattern(10));
    const uint8_t* const where = from.data();
    Frame to = pool.make(20);
    to = std::move(from);
    EXPECT_FALSE(from);
    EXPECT_EQ(to.data(), where);
    EXPECT_EQ(to.size(), 10u);
}

}  // namespace
}  // namespace colo
