// SPDX-License-Identifier: GPL-2.0-or-later
// Counts this program's operator new. libslirp allocates too (malloc, a connection and a segment
// each), but only in an episode.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "sanitizer.h"
#include "stream_harness.h"
#include "tcpstack/allocator.h"

namespace {
std::atomic<uint64_t> allocations{0};
}

#if !COLO_UNDER_SANITIZER  // they define these
// Not inlined: gcc would see new meet free() and warn.
[[gnu::noinline]] void* operator new(size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept {
    std::free(memory);
}
#endif

namespace colo::test {
namespace {

class Allocations : public testing::Test {
  protected:
    void SetUp() override {
        if (kUnderSanitizer) GTEST_SKIP() << "the sanitizer's operator new does not count";
    }

    void push(uint64_t position) {
        const Frame frame = harness_.pool.copy(bytes_);
        harness_.reassembler.push(harness_.stream,
                                  {harness_.seq(position), kSize, frame.bytes(), &frame}, sink_);
    }

    class NullSink final : public StreamSink {
        void deliver(Bytes, const Frame*) override {}
    };

    static constexpr uint32_t kSize = 1448;
    StreamHarness harness_;
    NullSink sink_;
    std::vector<uint8_t> bytes_ = std::vector<uint8_t>(kSize);
};

TEST_F(Allocations, CountingWorks) {
    const uint64_t before = allocations;
    ::operator delete(::operator new(1));  // a new expression may be optimised away
    EXPECT_EQ(allocations, before + 1);
}

TEST_F(Allocations, FastPathMakesNone) {
    push(0);
    const uint64_t before = allocations;
    for (uint64_t i = 1; i < 1000; ++i) push(i * kSize);
    for (uint64_t i = 0; i < 1000; ++i) push(i * kSize);  // all old
    EXPECT_EQ(allocations, before);
}

TEST_F(Allocations, EpisodesMakeNoneOnceWarm) {
    const auto episode = [this](uint64_t at) {  // backwards, some of it beyond the window
        for (uint64_t i = 100; i > 0; --i) push((at + i - 1) * kSize);
    };
    episode(0);
    const uint64_t before = allocations;
    for (uint64_t i = 1; i < 100; ++i) episode(i * 100);
    EXPECT_EQ(allocations, before);
    EXPECT_EQ(harness_.reassembler.counters().episodes, 100u);
    EXPECT_GT(harness_.reassembler.counters().beyond_window, 0u);
}

TEST(Allocator, TakesTheAdviceUnlessASanitizerReplacedIt) {
    if (kUnderSanitizer) GTEST_SKIP() << "the sanitizer's allocator takes no advice";
    EXPECT_TRUE(tune_allocator());
}

}  // namespace
}  // namespace colo::test
