// SPDX-License-Identifier: GPL-2.0-or-later
#include "tcpstack/segment_heap.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace colo::test {
namespace {

QueuedSegment segment(uint32_t seq, uint32_t size) {
    return {Frame(), nullptr, size, Seq(seq)};
}

std::vector<uint32_t> drain(SegmentHeap& heap) {
    std::vector<uint32_t> ends;
    while (!heap.empty()) ends.push_back(heap.pop().end().raw());
    return ends;
}

TEST(SegmentHeap, GivesOutWhatEndsFirstAcrossTheWrap) {
    SegmentHeap heap;
    for (const uint32_t seq : {20u, 0xfffffff0u, 0u, 0xffffff00u, 5u}) heap.push(segment(seq, 10));
    EXPECT_EQ(heap.bytes(), 50u);
    EXPECT_EQ(drain(heap), (std::vector<uint32_t>{0xffffff0a, 0xfffffffa, 10, 15, 30}));
    EXPECT_EQ(heap.bytes(), 0u);
}

TEST(SegmentHeap, DropsWhatEndsAtOrBelow) {
    SegmentHeap heap;
    for (uint32_t seq = 0; seq < 10; ++seq) heap.push(segment(seq * 10, 10));
    heap.drop_through(Seq(35));
    EXPECT_EQ(heap.size(), 7u);
    heap.drop_through(Seq(40));
    EXPECT_EQ(heap.bytes(), 60u);
}

TEST(SegmentHeap, AbsorbsAnother) {
    SegmentHeap heap;
    SegmentHeap other;
    for (const uint32_t seq : {50u, 10u}) heap.push(segment(seq, 1));
    for (const uint32_t seq : {60u, 30u, 5u}) other.push(segment(seq, 1));
    heap.absorb(other);
    EXPECT_TRUE(other.empty());
    EXPECT_EQ(other.bytes(), 0u);
    EXPECT_EQ(heap.bytes(), 5u);
    EXPECT_EQ(drain(heap), (std::vector<uint32_t>{6, 11, 31, 51, 61}));
}

TEST(SegmentHeap, GivesAllOutLastFirst) {
    SegmentHeap heap;
    for (const uint32_t seq : {20u, 0xfffffff0u, 5u, 0xffffff00u}) heap.push(segment(seq, 10));
    std::vector<uint32_t> ends;
    for (const QueuedSegment& taken : heap.take_last_first()) ends.push_back(taken.end().raw());
    EXPECT_EQ(ends, (std::vector<uint32_t>{30, 15, 0xfffffffa, 0xffffff0a}));
    EXPECT_TRUE(heap.empty());
    EXPECT_EQ(heap.bytes(), 0u);
}

TEST(SegmentHeap, KeepsFramesAliveUntilTheyAreRemoved) {
    FramePool pool;
    SegmentHeap heap;
    const std::vector<uint8_t> bytes{1, 2, 3};
    {
        Frame frame = pool.copy(bytes);
        heap.push({frame.share(), frame.data(), 3, Seq(7)});
    }
    const Frame other = pool.make(3);
    EXPECT_NE(other.data(), heap.top().data) << "the buffer is in use";
    EXPECT_EQ(std::vector<uint8_t>(heap.top().data, heap.top().data + 3), bytes);
}

}  // namespace
}  // namespace colo::test
