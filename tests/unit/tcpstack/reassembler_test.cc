// SPDX-License-Identifier: GPL-2.0-or-later
#include "tcpstack/reassembler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "sanitizer.h"
#include "stream_harness.h"
#include "tests/support/frame_builder.h"

namespace colo::test {
namespace {

constexpr uint32_t kWindow = 128u << 10;
constexpr uint32_t kMss = 1448;
constexpr uint32_t kGso = 65483;

struct Piece {
    uint64_t position;
    uint32_t size;
};

double cpu_seconds() {
    return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

// --- What a segment does to a stream at rest or in an episode

struct ArrivalCase {
    std::string name;
    std::vector<Piece> pieces;
    std::vector<Arrival> arrivals;
    uint64_t next;      ///< afterwards
    bool reassembling;  ///< afterwards
    uint64_t episodes;
};

class ArrivalTest : public testing::TestWithParam<ArrivalCase> {};

TEST_P(ArrivalTest, IsReportedAndMovesTheStream) {
    StreamHarness harness;
    std::vector<Arrival> arrivals;
    for (const Piece& piece : GetParam().pieces)
        arrivals.push_back(harness.push(piece.position, piece.size));
    EXPECT_EQ(arrivals, GetParam().arrivals);
    harness.expect_at(GetParam().next);
    EXPECT_EQ(harness.stream.reassembling(), GetParam().reassembling);
    EXPECT_EQ(harness.reassembler.counters().episodes, GetParam().episodes);
}

constexpr Arrival kI = Arrival::kInOrder;
constexpr Arrival kO = Arrival::kOld;
constexpr Arrival kQ = Arrival::kQueued;

INSTANTIATE_TEST_SUITE_P(
    Reassembler, ArrivalTest,
    testing::Values(
        ArrivalCase{"in_order", {{0, 10}, {10, 5}, {15, 1}}, {kI, kI, kI}, 16, false, 0},
        ArrivalCase{"whole_repeat", {{0, 10}, {0, 10}, {3, 7}}, {kI, kO, kO}, 10, false, 0},
        ArrivalCase{"gap", {{0, 10}, {20, 10}}, {kI, kQ}, 10, true, 1},
        ArrivalCase{"gap_filled", {{10, 10}, {0, 10}}, {kQ, kQ}, 20, false, 1},
        ArrivalCase{"gap_partly_filled", {{10, 10}, {0, 5}}, {kQ, kQ}, 5, true, 1},
        ArrivalCase{"gap_overfilled", {{10, 10}, {0, 30}}, {kQ, kQ}, 30, false, 1},
        ArrivalCase{"partial_overlap", {{0, 10}, {5, 10}}, {kI, kQ}, 15, false, 1},
        ArrivalCase{"old_in_an_episode", {{0, 9}, {20, 9}, {0, 9}}, {kI, kQ, kO}, 9, true, 1},
        ArrivalCase{"repeat_of_queued", {{5, 5}, {5, 5}, {0, 5}}, {kQ, kQ, kQ}, 10, false, 1},
        ArrivalCase{"two_gaps", {{5, 5}, {15, 5}, {0, 5}, {10, 5}}, {kQ, kQ, kQ, kQ}, 20, false, 1},
        // What loses a FIN in libslirp: a larger segment takes the place of a queued one.
        ArrivalCase{"queued_replaced", {{10, 5}, {9, 7}, {0, 9}}, {kQ, kQ, kQ}, 16, false, 1},
        ArrivalCase{
            "fast_again", {{5, 5}, {0, 5}, {10, 5}, {15, 5}}, {kQ, kQ, kI, kI}, 20, false, 1},
        ArrivalCase{
            "second_episode", {{1, 1}, {0, 1}, {3, 1}, {2, 1}}, {kQ, kQ, kQ, kQ}, 4, false, 2}),
    [](const auto& info) { return info.param.name; });

TEST(Reassembler, FastPathHandsOutTheFrameThatHoldsTheBytes) {
    StreamHarness harness;
    harness.push(0, 100);
    EXPECT_EQ(harness.sink.frames, 1u);
    harness.push(200, 100);
    harness.push(100, 100);
    EXPECT_EQ(harness.sink.frames, 1u) << "in an episode the bytes are libslirp's";
    harness.expect_complete(300);
}

TEST(Reassembler, QueuedBytesAreCountedAndGivenBack) {
    StreamHarness harness;
    harness.push(100, 50);
    harness.push(kWindow + 200, 70);
    EXPECT_EQ(harness.reassembler.queued_bytes(), 120u);
    harness.push(0, 100);
    EXPECT_EQ(harness.reassembler.queued_bytes(), 70u);
    harness.reassembler.reset(harness.stream, harness.seq(0));
    EXPECT_EQ(harness.reassembler.queued_bytes(), 0u);
}

TEST(Reassembler, PositionsTwoGibAheadCountAsOld) {
    StreamHarness harness;
    EXPECT_EQ(harness.push(0x7ffffff0, 100), Arrival::kOld);
    EXPECT_EQ(harness.push(0x90000000, 100), Arrival::kOld);
    EXPECT_EQ(harness.push(0x7fffff00, 100), Arrival::kQueued);
    harness.expect_at(0);
}

// The bytes come from whole TCP frames with every flag that would end a connection in libslirp.
TEST(Reassembler, FlagsOfTheFlowNeverReachLibslirp) {
    StreamHarness harness;
    const uint8_t flags[] = {tcp_flag::kRst, tcp_flag::kSyn, tcp_flag::kFin, tcp_flag::kUrg, 0xff};
    uint64_t position = 100;
    for (const uint8_t flag : flags) {
        const Frame frame = harness.pool.copy(FrameBuilder()
                                                  .ipv6("fd00::1", "fd00::2")
                                                  .tcp(80, 4000)
                                                  .flags(flag)
                                                  .payload(stream_bytes(position, 100))
                                                  .build());
        const PacketView view = parse(frame.bytes(), frame.wire_size());
        EXPECT_EQ(
            harness.reassembler.push(
                harness.stream, {harness.seq(position), 100, view.payload(), &frame}, harness.sink),
            Arrival::kQueued);
        position += 100;
    }
    harness.push(0, 100);
    harness.expect_complete(position);
}

// --- The wrap

class WrapTest : public testing::TestWithParam<uint32_t> {};

/// 300 segments with every pair swapped, 100 and a bit of them before position 0.
TEST_P(WrapTest, StreamsCrossIt) {
    StreamHarness harness(Seq(0u - kMss * 100 - GetParam()));
    for (uint64_t i = 0; i < 300; i += 2) {
        harness.push((i + 1) * kMss, kMss);
        harness.push(i * kMss, kMss);
    }
    harness.expect_complete(300 * kMss);
}

// 0: a drained queue lands on exactly 0, which crashes libslirp 4.7.0 when its own number does.
INSTANTIATE_TEST_SUITE_P(Reassembler, WrapTest,
                         testing::Values(0u, 1u, kMss - 1, kMss, kMss / 2, 0u - kMss));

TEST(Reassembler, DrainLandsOnZeroInEverySegmentation) {
    for (uint32_t size = 1; size < 200; ++size) {
        StreamHarness harness(Seq(0u - 2 * size));
        harness.push(size, size);
        harness.push(0, size);
        harness.expect_complete(2 * size);
        harness.push(2 * size, size);
        harness.expect_complete(3 * size);
    }
}

class CountingSink final : public StreamSink {
  public:
    void deliver(Bytes bytes, const Frame*) override { delivered += bytes.size(); }
    uint64_t delivered = 0;
};

/// 1, 3, 0, 5, 2, 7, 4, ...: the queue runs empty at the end only. Had the episode not begun anew
/// on the way, libslirp's own number would be 2^32 then.
TEST(Reassembler, LongEpisodeNeverComesNearTheWrap) {
    constexpr uint32_t kSize = 32u << 10;
    constexpr uint64_t kGib = kUnderSanitizer ? 1 : 3;  // 3 to pass 2^32, 1 to begin anew
    constexpr uint64_t kSegments = (kGib << 30) / kSize - 2;
    StreamHarness harness;
    CountingSink sink;
    const Frame frame = harness.pool.copy(std::vector<uint8_t>(kSize, 0x5a));
    const auto push = [&](uint64_t i) {
        harness.reassembler.push(harness.stream,
                                 {harness.seq(i * kSize), kSize, frame.bytes(), &frame}, sink);
    };
    push(1);
    for (uint64_t i = 0; i < kSegments; i += 2) {
        push(i + 3);
        push(i);
        ASSERT_TRUE(harness.stream.reassembling());
        ASSERT_EQ(sink.delivered, (i + 2) * kSize);
    }
    EXPECT_EQ(harness.reassembler.counters().episodes, 1u);
    push(kSegments);
    EXPECT_EQ(sink.delivered, (kSegments + 2) * kSize);
    EXPECT_FALSE(harness.stream.reassembling());
}

// --- libslirp's window

class WindowEdgeTest : public testing::TestWithParam<uint64_t> {};

/// One segment that ends where the parameter says, then all before it.
TEST_P(WindowEdgeTest, NothingIsLostThere) {
    const uint64_t end = GetParam();
    StreamHarness harness;
    harness.push(end - kMss, kMss);
    for (uint64_t at = 0; at < end - kMss; at += kMss)
        harness.push(at, static_cast<uint32_t>(std::min<uint64_t>(kMss, end - kMss - at)));
    harness.expect_complete(end);
    EXPECT_EQ(harness.reassembler.counters().beyond_window, end > kWindow ? 1u : 0u);
}

INSTANTIATE_TEST_SUITE_P(Reassembler, WindowEdgeTest,
                         testing::Values(kWindow - 1, kWindow, kWindow + 1, kWindow + kMss - 1,
                                         kWindow + kMss, kWindow + kMss + 1, 430u << 10));

TEST(Reassembler, SegmentsBeyondTheWindowAreFedWhenItReachesThem) {
    StreamHarness harness;
    for (uint64_t i = 1000; i > 0; --i) harness.push(i * kMss, kMss);  // 1.4 MiB, backwards
    EXPECT_EQ(harness.reassembler.counters().beyond_window, 1000u - kWindow / kMss + 1);
    harness.push(0, kMss);
    harness.expect_complete(1001 * kMss);
}

TEST(Reassembler, WaitingSegmentsThatOthersCoverAreForgotten) {
    StreamHarness harness;
    harness.push(3 * kGso, kGso);
    harness.push(3 * kGso + 100, 10);
    harness.push(2 * kGso, kGso);
    harness.push(kGso, kGso);
    harness.push(0, kGso);
    harness.expect_complete(4 * kGso);
}

class LargeSegmentTest : public testing::TestWithParam<uint32_t> {};

TEST_P(LargeSegmentTest, IsReassembledWhole) {
    const uint32_t size = GetParam();
    StreamHarness harness;
    for (uint64_t i = 0; i < 12; i += 3) {
        harness.push((i + 2) * size, size);
        harness.push((i + 1) * size, size);
        harness.push(i * size, size);
    }
    harness.expect_complete(12 * size);
}

// 65495 is what an IPv4 packet holds behind its headers; IPv6 and jumbo frames can hold more.
INSTANTIATE_TEST_SUITE_P(Reassembler, LargeSegmentTest,
                         testing::Values(32768u, kGso, 65494u, 65495u, 65496u, 65535u,
                                         kMaxFrameBytes));

// --- Cut segments

TEST(Reassembler, CutSegmentIsWhatIsHereAndAGap) {
    StreamHarness harness;
    EXPECT_EQ(harness.push_cut(0, 100, 40), Arrival::kQueued);
    harness.expect_at_rest(40);
    EXPECT_EQ(harness.push(100, 50), Arrival::kQueued);
    EXPECT_TRUE(harness.stream.reassembling());
    EXPECT_EQ(harness.push(40, 60), Arrival::kQueued);
    harness.expect_complete(150);
}

TEST(Reassembler, SegmentWithoutBytesIsAGapAndOpensNothing) {
    StreamHarness harness;
    harness.push(0, 10);
    EXPECT_EQ(harness.push_cut(10, 100, 0), Arrival::kQueued);
    EXPECT_EQ(harness.push_cut(50, 100, 0), Arrival::kQueued);
    EXPECT_EQ(harness.push_cut(0, 10, 0), Arrival::kOld);
    EXPECT_EQ(harness.reassembler.counters().episodes, 0u);
    harness.expect_complete(10);
}

TEST(Reassembler, CutSegmentWithOldBytesOnlyOpensNothing) {
    StreamHarness harness;
    harness.push(0, 50);
    EXPECT_EQ(harness.push_cut(0, 100, 40), Arrival::kQueued) << "its end is new, if not here";
    EXPECT_EQ(harness.push_cut(0, 50, 40), Arrival::kOld);
    EXPECT_EQ(harness.reassembler.counters().episodes, 0u);
}

// --- Giving up

struct SkipCase {
    std::string name;
    uint64_t position;
    uint64_t next;
    uint64_t delivered;  ///< of the 10 bytes before the gap and the queued ones
    bool reassembling;
};

class SkipTest : public testing::TestWithParam<SkipCase> {};

/// Delivered [0,10); queued [20,30), [25,40), [50,60) and, beyond the window, [200000,200010).
TEST_P(SkipTest, KeepsWhatIsQueuedBeyond) {
    StreamHarness harness;
    harness.push(0, 10);
    harness.push(20, 10);
    harness.push(25, 15);
    harness.push(50, 10);
    harness.push(200000, 10);
    harness.skip_to(GetParam().position);
    harness.expect_at(GetParam().next);
    EXPECT_EQ(harness.sink.delivered, GetParam().delivered);
    EXPECT_EQ(harness.stream.reassembling(), GetParam().reassembling);
    EXPECT_EQ(harness.reassembler.queued_bytes() > 0, GetParam().reassembling);
}

INSTANTIATE_TEST_SUITE_P(Reassembler, SkipTest,
                         testing::Values(SkipCase{"nowhere", 10, 10, 10, true},
                                         SkipCase{"below_queued", 15, 15, 10, true},
                                         SkipCase{"to_queued", 20, 40, 30, true},
                                         SkipCase{"into_queued", 22, 40, 28, true},
                                         SkipCase{"into_overlap", 27, 40, 23, true},
                                         SkipCase{"to_the_end_of_queued", 40, 40, 10, true},
                                         SkipCase{"into_the_second", 55, 60, 15, true},
                                         SkipCase{"into_what_waits", 200004, 200010, 16, false},
                                         SkipCase{"beyond_all", 300000, 300000, 10, false}),
                         [](const auto& info) { return info.param.name; });

TEST(Reassembler, SkippedStreamGoesOn) {
    StreamHarness harness;
    harness.push(20, 10);
    harness.skip_to(15);
    harness.push(15, 5);
    harness.push(30, 10);
    harness.expect_at_rest(40);
    EXPECT_EQ(harness.sink.delivered, 25u);
}

/// A hostile pair of VMs can have a fence for every byte.
TEST(Reassembler, ShortSkipsFeedNothingAgain) {
    StreamHarness harness;
    for (uint32_t i = 0; i < 100; ++i) harness.push(20000 + 10 * i, 10);
    const uint64_t fed = harness.reassembler.counters().slow_segments;
    for (uint32_t i = 1; i <= 1000; ++i) harness.skip_to(i);
    EXPECT_EQ(harness.reassembler.counters().slow_segments, fed);
    EXPECT_EQ(harness.sink.delivered, 0u);
    harness.skip_to(20000);
    harness.expect_at_rest(21000);
    EXPECT_EQ(harness.sink.delivered, 1000u);
}

TEST(Reassembler, SkipOnTheFastPathOpensNothing) {
    StreamHarness harness;
    harness.push(0, 10);
    harness.skip_to(1000);
    EXPECT_EQ(harness.push(500, 100), Arrival::kOld);
    EXPECT_EQ(harness.push(1000, 10), Arrival::kInOrder);
    harness.expect_at_rest(1010);
    EXPECT_EQ(harness.reassembler.counters().episodes, 0u);
}

TEST(Reassembler, SkipOverAlmostTwoGibForgetsWhatWasQueued) {
    StreamHarness harness;
    harness.push(10, 10);
    harness.push(200000, 10);
    harness.skip_to(0x7fffffff);
    harness.expect_at_rest(0x7fffffff);
}

TEST(Reassembler, SkipBackwardsIsNoSkip) {
    StreamHarness harness;
    harness.push(0, 100);
    harness.reassembler.skip_to(harness.stream, harness.seq(50), harness.sink);
    harness.expect_complete(100);
}

TEST(Reassembler, SkipDeliversInOrderWhateverTheOrderOfArrival) {
    StreamHarness harness;
    for (uint64_t i = 1000; i > 0; --i) harness.push(i * kMss, kMss);
    harness.skip_to(kMss);
    harness.expect_at_rest(1001 * kMss);
    EXPECT_EQ(harness.sink.delivered, 1000u * kMss);
}

TEST(Reassembler, ResetForgetsAndGoesOn) {
    StreamHarness harness;
    harness.push(100, 100);
    harness.push(200000, 100);
    harness.reassembler.reset(harness.stream, harness.seq(0));
    harness.expect_at_rest(0);
    EXPECT_EQ(harness.push(0, 100), Arrival::kInOrder);
    harness.expect_complete(100);
}

// --- Caps

TEST(Reassembler, SegmentsAboveTheCapAreRefusedAndCounted) {
    ReassemblyLimits limits;
    limits.segments_per_stream = 3;
    StreamHarness harness(Seq(1000), limits);
    for (uint64_t i = 1; i <= 3; ++i) EXPECT_EQ(harness.push(i * 20, 10), Arrival::kQueued);
    EXPECT_EQ(harness.push(80, 10), Arrival::kOverflow);
    EXPECT_EQ(harness.push(kWindow * 2, 10), Arrival::kOverflow);
    EXPECT_EQ(harness.reassembler.counters().overflow_segments, 2u);
    EXPECT_EQ(harness.push(0, 70), Arrival::kQueued) << "fills the gap, so it does not stay";
    harness.expect_complete(70);
}

TEST(Reassembler, BytesAboveTheCapAreRefusedAndCounted) {
    ReassemblyLimits limits;
    limits.bytes_per_stream = 1000;
    StreamHarness harness(Seq(1000), limits);
    EXPECT_EQ(harness.push(100, 1001), Arrival::kOverflow) << "not even alone";
    EXPECT_EQ(harness.reassembler.counters().episodes, 0u);
    EXPECT_EQ(harness.push(100, 600), Arrival::kQueued);
    EXPECT_EQ(harness.push(700, 401), Arrival::kOverflow);
    EXPECT_EQ(harness.push(700, 400), Arrival::kQueued);
    EXPECT_EQ(harness.reassembler.counters().overflow_bytes, 2u);
    EXPECT_EQ(harness.push(0, 2000), Arrival::kQueued) << "fills the gap, so it does not stay";
    harness.expect_complete(2000);
}

TEST(Reassembler, FloodOfOneByteSegmentsIsBoundedAndCounted) {
    constexpr uint32_t kFlood = 100000;
    StreamHarness harness;
    const double start = cpu_seconds();
    for (uint64_t i = 1; i <= kFlood; ++i) harness.push(2 * i, 1);
    const double took = cpu_seconds() - start;
    const ReassemblyLimits limits;
    EXPECT_EQ(harness.reassembler.queued_bytes(), limits.segments_per_stream);
    EXPECT_EQ(harness.reassembler.counters().overflow_segments,
              kFlood - limits.segments_per_stream);
    EXPECT_LT(took, 2.0) << "without the cap: 20 s and more";
}

/// The queue stays near its cap while the stream moves: each push frees a segment.
TEST(Reassembler, StreamThatCrawlsUnderAFullQueueStaysCheap) {
    constexpr uint64_t kRounds = 10000;
    constexpr uint64_t kAhead = 1000;
    StreamHarness harness;
    const double start = cpu_seconds();
    for (uint64_t i = 1; i <= kRounds; ++i) {
        harness.push(2 * i, 1);
        if (i >= kAhead) harness.push(2 * (i - kAhead), 2);
    }
    harness.expect_at(2 * (kRounds - kAhead) + 3);
    EXPECT_LT(cpu_seconds() - start, 3.0) << "0.1 s without sanitizers";
}

// --- Many streams

class ManyStreams {
  public:
    explicit ManyStreams(uint32_t count, const ReassemblyLimits& limits = {})
        : reassembler(limits), streams(count), sinks(count) {}

    Arrival push(size_t i, uint64_t position, uint32_t size) {
        const Frame frame = pool.copy(stream_bytes(position, size));
        return reassembler.push(streams[i],
                                {Seq(static_cast<uint32_t>(position)), size, frame.bytes(), &frame},
                                sinks[i]);
    }

    FramePool pool;
    Reassembler reassembler;
    std::vector<TcpStream> streams;
    std::vector<CheckingSink> sinks;
};

TEST(Reassembler, ManyStreamsAreReassembledAtOnce) {
    constexpr size_t kCount = 1000;  // 16 libslirp instances
    ManyStreams many(kCount);
    for (uint64_t round = 0; round < 3; ++round) {
        for (size_t i = 0; i < kCount; ++i) many.push(i, round * 200 + 100, 100);
        EXPECT_EQ(many.reassembler.counters().open, kCount);
        for (size_t i = 0; i < kCount; ++i) many.push((i * 7) % kCount, round * 200, 100);
        EXPECT_EQ(many.reassembler.counters().open, 0u);
    }
    for (const CheckingSink& sink : many.sinks) {
        EXPECT_EQ(sink.delivered, 600u);
        EXPECT_EQ(sink.wrong_bytes, 0u);
    }
}

TEST(Reassembler, StreamsAboveTheCapAreRefusedUntilOneLeaves) {
    ReassemblyLimits limits;
    limits.streams = 100;
    ManyStreams many(102, limits);
    for (size_t i = 0; i < 100; ++i) EXPECT_EQ(many.push(i, 100, 100), Arrival::kQueued);
    EXPECT_EQ(many.push(100, 100, 100), Arrival::kOverflow);
    EXPECT_EQ(many.push(101, 100, 100), Arrival::kOverflow);
    EXPECT_FALSE(many.streams[100].reassembling());
    EXPECT_EQ(many.push(100, 0, 100), Arrival::kInOrder) << "the fast path needs no episode";
    EXPECT_EQ(many.reassembler.counters().overflow_streams, 2u);
    EXPECT_EQ(many.push(50, 0, 100), Arrival::kQueued);
    EXPECT_EQ(many.push(101, 100, 100), Arrival::kQueued);
    EXPECT_EQ(many.reassembler.counters().open, 100u);
}

TEST(Reassembler, MayBeDestroyedWithOpenEpisodes) {
    FramePool pool;
    auto reassembler = std::make_unique<Reassembler>();
    std::vector<TcpStream> streams(130);
    CheckingSink sink;
    const Frame frame = pool.copy(stream_bytes(0, 3000));
    for (TcpStream& stream : streams)
        for (const uint32_t at : {5000u, 10000u, 200000u})
            reassembler->push(stream, {Seq(at), 3000, frame.bytes(), &frame}, sink);
    reassembler.reset();
    EXPECT_EQ(sink.delivered, 0u);
}

// Only the very first instance of a process must not race with another (slirp_stack.h).
TEST(Reassembler, EachThreadMayHaveOneAfterTheFirst) {
    const Reassembler first;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([] {
            ManyStreams many(200);
            for (size_t s = 0; s < 200; ++s) many.push(s, 100, 100);
            for (size_t s = 0; s < 200; ++s) many.push(s, 0, 100);
            for (const CheckingSink& sink : many.sinks) EXPECT_EQ(sink.delivered, 200u);
        });
    for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace colo::test
