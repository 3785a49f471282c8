// SPDX-License-Identifier: GPL-2.0-or-later
// In the steady state nothing is allocated. A program of its own, because it replaces the
// allocator.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "tests/support/compare_rig.h"
#include "tests/unit/tcpstack/sanitizer.h"

namespace {
std::atomic<uint64_t> allocations{0};
}

// Sanitizers need the allocator for themselves.
#if !COLO_UNDER_SANITIZER
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
#ifdef __GLIBC__
// C code (libslirp, GLib) allocates too.
extern "C" {
void* __libc_malloc(size_t size);
void* malloc(size_t size) {
    ++allocations;
    return __libc_malloc(size);
}
}
#endif
#endif

namespace colo::test {
namespace {

class NullSink final : public ComparatorSink {
  public:
    void release(Frame, Time) override { ++released; }
    void request_checkpoint(const CheckpointRequest&) override { ++requests; }

    uint64_t released = 0;
    uint64_t requests = 0;
};

/// Frames are made beforehand; only their numbers change. Nobody looks at their checksums.
class SteadyState : public testing::Test {
  protected:
    static constexpr uint32_t kFlows = 8;
    static constexpr uint32_t kSize = 1000;

    void SetUp() override {
        if (kUnderSanitizer) GTEST_SKIP() << "nothing is counted";
    }

    SteadyState() {
        for (uint16_t port = 0; port < kFlows; ++port) {
            const Tcp tcp{.guest_port = port};
            send(CompareRig::frame_of(tcp, tcp.primary_isn, "S. 0:0(0) ack 1"), true);
            send(CompareRig::frame_of(tcp, tcp.secondary_isn, "S. 0:0(0) ack 1"), false);
            data_.push_back(CompareRig::builder_of(tcp).ack(0).payload(pattern(kSize)).build());
            ack_.push_back(CompareRig::builder_of(tcp).ack(0).build());
        }
    }

    void send(const ByteVector& bytes, bool primary) {
        Frame frame = pool_.copy(bytes);
        now_ += microseconds(1);
        if (primary) {
            comparator_.primary(std::move(frame), now_);
        } else {
            comparator_.secondary(std::move(frame), 0, now_);
        }
    }
    /// Data and the ack of the client's, of both VMs, primary or secondary first.
    void round(uint32_t number, bool primary_first) {
        for (uint32_t flow = 0; flow < kFlows; ++flow) {
            for (const bool primary : {primary_first, !primary_first}) {
                const Tcp tcp;
                const uint32_t isn = primary ? tcp.primary_isn : tcp.secondary_isn;
                for (ByteVector* frame : {&data_[flow], &ack_[flow]}) {
                    put32(*frame, 14 + 20 + 4, isn + 1 + number * kSize);
                    put32(*frame, 14 + 20 + 8, tcp.client_isn + 1 + number);
                }
                send(data_[flow], primary);
                put32(ack_[flow], 14 + 20 + 4, isn + 1 + (number + 1) * kSize);
                send(ack_[flow], primary);
                send(datagram_, primary);
            }
        }
        comparator_.tick(now_);
    }

    FramePool pool_;
    NullSink sink_;
    Comparator comparator_{small_config(), FlowHash(1, 2), pool_, sink_};
    Time now_{0};
    std::vector<ByteVector> data_;
    std::vector<ByteVector> ack_;
    ByteVector datagram_ = CompareRig::builder_of(Udp{}).payload("answer").build();
};

TEST_F(SteadyState, CountingWorks) {
    const uint64_t before = allocations;
    ::operator delete(::operator new(1));  // a new expression may be optimised away
    EXPECT_GT(allocations, before);
}

TEST_F(SteadyState, InOrderFlowsAllocateNothing) {
    uint32_t number = 0;
    for (; number < 100; ++number) round(number, number % 2);
    const uint64_t before = allocations;
    const uint64_t released = sink_.released;
    for (; number < 1100; ++number) round(number, number % 2);
    EXPECT_EQ(allocations, before);
    EXPECT_EQ(sink_.released, released + 1000 * kFlows * 3);
    EXPECT_EQ(sink_.requests, 0u);
}

TEST_F(SteadyState, FencesAllocateNothing) {
    uint32_t number = 0;
    const auto step = [&] {
        round(number, number % 2);
        send(datagram_, true);
        comparator_.fence(Fence::kReplay, now_);
        send(datagram_, false);
        ++number;
    };
    while (number < 100) step();
    const uint64_t before = allocations;
    while (number < 300) step();
    EXPECT_EQ(allocations, before);
}

}  // namespace
}  // namespace colo::test
