// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/receive_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "tests/support/frame_builder.h"

namespace colo {
namespace {

using test::pattern;

constexpr size_t kSlabBytes = 256u << 10;
constexpr size_t kSlabs = 256;  ///< in use above which frames are copied

class Received : public testing::Test {
  protected:
    void receive(Bytes bytes) {
        while (!bytes.empty()) {
            const MutableBytes space = buffer_.space();
            const size_t size = std::min(space.size(), bytes.size());
            std::copy_n(bytes.begin(), size, space.begin());
            buffer_.commit(size);
            bytes = bytes.subspan(size);
        }
    }
    /// Fills a slab and keeps a frame of it.
    Frame hold_a_slab() {
        const size_t room = buffer_.space().size();
        receive(std::vector<uint8_t>(room, 1));
        Frame frame = buffer_.take(0, 1);
        buffer_.skip(room - 1);
        return frame;
    }

    FramePool pool_;
    ReceiveBuffer buffer_{pool_};
};

TEST_F(Received, IsPendingInOrder) {
    const auto bytes = pattern(1000);
    receive(Bytes(bytes).first(400));
    receive(Bytes(bytes).subspan(400));
    EXPECT_TRUE(std::ranges::equal(buffer_.pending(), bytes));
    buffer_.skip(10);
    EXPECT_TRUE(std::ranges::equal(buffer_.pending(), Bytes(bytes).subspan(10)));
}

TEST_F(Received, NothingIsPendingAtFirst) { EXPECT_TRUE(buffer_.pending().empty()); }

TEST_F(Received, FramesAreTakenWithoutACopy) {
    const auto bytes = pattern(100);
    receive(bytes);
    const uint8_t* const at = buffer_.pending().data();
    const Frame frame = buffer_.take(12, 50);
    EXPECT_EQ(frame.front().data(), at);
    EXPECT_EQ(frame.front().size(), 12u);
    EXPECT_EQ(frame.data(), at + 12);
    EXPECT_EQ(frame.size(), 50u);
    EXPECT_EQ(buffer_.pending().size(), 38u);
}

TEST_F(Received, AFrameOutlivesTheBuffer) {
    const auto bytes = pattern(100);
    Frame frame;
    {
        ReceiveBuffer other(pool_);
        std::ranges::copy(bytes, other.space().begin());
        other.commit(100);
        frame = other.take(0, 100);
    }
    EXPECT_TRUE(std::ranges::equal(frame.bytes(), bytes));
}

TEST_F(Received, SpaceHoldsTheLargestFrame) {
    std::vector<Frame> kept;
    for (int i = 0; i < 100; ++i) {
        ASSERT_GE(buffer_.space().size(), kMaxFrameBytes + 8);
        receive(std::vector<uint8_t>(9000, 1));
        kept.push_back(buffer_.take(0, 9000));
    }
}

TEST_F(Received, MemoryIsUsedAgainWhenNobodyHoldsIt) {
    const uint8_t* const first = buffer_.space().data();
    for (int i = 0; i < 1000; ++i) {
        ASSERT_EQ(buffer_.space().data(), first);
        receive(std::vector<uint8_t>(100000, 1));
        buffer_.take(0, 100000 - 1).reset();
        buffer_.skip(1);
    }
}

TEST_F(Received, MemoryThatIsHeldIsLeftAlone) {
    const auto bytes = pattern(100);
    receive(bytes);
    const Frame frame = buffer_.take(0, 100);
    for (int i = 0; i < 10; ++i) {
        receive(std::vector<uint8_t>(100000, 1));
        buffer_.skip(100000);
    }
    EXPECT_TRUE(std::ranges::equal(frame.bytes(), bytes));
}

TEST_F(Received, WhatIsPendingMovesToTheNextSlab) {
    const auto bytes = pattern(kMaxFrameBytes);
    const Frame held = hold_a_slab();
    receive(Bytes(bytes).first(5));
    receive(std::vector<uint8_t>(kSlabBytes - kMaxFrameBytes, 2));
    buffer_.skip(5);
    buffer_.skip(kSlabBytes - kMaxFrameBytes);
    receive(bytes);
    const Frame frame = buffer_.take(0, kMaxFrameBytes);
    EXPECT_TRUE(std::ranges::equal(frame.bytes(), bytes));
}

/// A partial frame at each position of the slab, held by another frame or not.
TEST_F(Received, FramesSurviveEverySlabChange) {
    for (const bool is_held : {false, true}) {
        ReceiveBuffer buffer(pool_);
        uint8_t next_in = 0;
        uint8_t next_out = 0;
        std::vector<Frame> held;
        for (int i = 0; i < 200; ++i) {
            const MutableBytes space = buffer.space();
            const size_t size = std::min<size_t>(space.size(), 50021);
            for (uint8_t& byte : space.first(size)) byte = next_in++;
            buffer.commit(size);
            while (buffer.pending().size() >= 30011) {
                Frame frame = buffer.take(10, 30001);
                ASSERT_TRUE(std::ranges::all_of(
                    Bytes(frame.front().data(), 30011),
                    [&](uint8_t byte) { return byte == next_out++; }));
                if (is_held) held.push_back(std::move(frame));
                if (held.size() > 20) held.erase(held.begin());
            }
        }
    }
}

TEST_F(Received, AboveANumberOfSlabsFramesAreCopies) {
    std::vector<Frame> held;
    for (size_t i = 0; i < kSlabs; ++i) held.push_back(hold_a_slab());
    const auto bytes = pattern(100);
    receive(bytes);
    const uint8_t* const at = buffer_.pending().data();
    const Frame copy = buffer_.take(12, 88);
    EXPECT_NE(copy.data(), at + 12);
    EXPECT_TRUE(std::ranges::equal(copy.front(), Bytes(bytes).first(12)));
    EXPECT_TRUE(std::ranges::equal(copy.bytes(), Bytes(bytes).subspan(12)));
    EXPECT_LT(copy.memory(), 1000u);
}

TEST_F(Received, CopyingEndsWhenSlabsComeBack) {
    std::vector<Frame> held;
    for (size_t i = 0; i < kSlabs; ++i) held.push_back(hold_a_slab());
    receive(pattern(100));
    buffer_.skip(100);
    held.clear();
    receive(pattern(100));
    const uint8_t* const at = buffer_.pending().data();
    EXPECT_EQ(buffer_.take(0, 100).data(), at);
}

TEST_F(Received, ClearingForgetsWhatIsPendingAndKeepsFrames) {
    const auto bytes = pattern(100);
    receive(bytes);
    const Frame frame = buffer_.take(0, 60);
    buffer_.clear();
    EXPECT_TRUE(buffer_.pending().empty());
    receive(std::vector<uint8_t>(100, 1));
    EXPECT_EQ(buffer_.pending().size(), 100u);
    EXPECT_TRUE(std::ranges::equal(frame.bytes(), Bytes(bytes).first(60)));
}

TEST(FramesWithFront, AreCopiedTogether) {
    FramePool pool;
    const auto bytes = pattern(100);
    const Frame frame = pool.copy_with_front(Bytes(bytes).first(20), Bytes(bytes).subspan(20));
    EXPECT_EQ(frame.front().size(), 20u);
    EXPECT_EQ(frame.front().data() + 20, frame.data());
    EXPECT_TRUE(std::ranges::equal(frame.front(), Bytes(bytes).first(20)));
    EXPECT_TRUE(std::ranges::equal(frame.bytes(), Bytes(bytes).subspan(20)));
    const Frame twin = frame.share();
    EXPECT_EQ(twin.front().data(), frame.front().data());
    EXPECT_EQ(twin.front().size(), 20u);
}

TEST(FramesWithFront, HaveTheirLimits) {
    FramePool pool;
    const std::vector<uint8_t> largest(kMaxFrameBytes, 1);
    EXPECT_TRUE(pool.copy_with_front(pattern(20), largest));
    EXPECT_FALSE(pool.copy_with_front(pattern(21), pattern(10)));
    EXPECT_FALSE(pool.copy_with_front({}, std::vector<uint8_t>(kMaxFrameBytes + 1)));
    EXPECT_TRUE(pool.copy_with_front({}, {}));
}

}  // namespace
}  // namespace colo
