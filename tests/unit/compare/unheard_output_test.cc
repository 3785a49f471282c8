// SPDX-License-Identifier: GPL-2.0-or-later
// What clients may not have heard of a secondary that goes on alone. The VM's stream begins at 1001, the
// client's at 5001.
#include "compare/unheard_output.h"

#include <gtest/gtest.h>

#include "tests/support/mapper_rig.h"

namespace colo::test {
namespace {

constexpr uint32_t kVmBegin = 1001;
constexpr uint32_t kClientBegin = 5001;
using tcp_flag::kAck;
using tcp_flag::kFin;
using tcp_flag::kRst;
using tcp_flag::kSyn;

using Begins = std::vector<uint32_t>;

/// A VM, its clients, and what stands between them.
class Unheard : public testing::Test, protected FlowFeedSink {
  protected:
    static FrameBuilder vm(uint32_t seq, uint16_t port = 40000) {
        return wrapped(Wrapping::kIpv4, 80, port).seq(seq).ack(kClientBegin);
    }
    void says(const FrameBuilder& builder) {
        const Frame frame = pool_.copy(builder.build());
        const auto said = feed_.output(parse(frame.bytes(), frame.wire_size()), now_);
        if (said) unheard_.sent(frame, *said);
    }
    void says(uint32_t seq, size_t size, uint16_t port = 40000) { says(vm(seq, port).payload(pattern(size))); }
    void client_acks(uint32_t ack, uint16_t port = 40000) {
        Frame frame = pool_.copy(vm(0, port).swap_ends().seq(kClientBegin).ack(ack).build());
        const PacketView view = parse(frame.bytes(), frame.wire_size());
        feed_.input(std::move(frame), view);
    }
    /// Where they begin.
    Begins taken() {
        Begins begins;
        for (const Frame& frame : unheard_.take(feed_, pool_))
            begins.push_back(parse(frame.bytes(), frame.wire_size()).seq.raw());
        return begins;
    }

    FramePool pool_;
    FlowFeed feed_{100, FlowHash(1, 2), pool_, *this};
    UnheardOutput unheard_;

  private:
    void to_vm(Frame) override {}

    Time now_ = seconds(1000);
};

TEST_F(Unheard, IsWhatNobodyHasAcked) {
    says(kVmBegin, 100);
    says(kVmBegin + 100, 50);
    says(7001, 10, 40001);
    client_acks(kVmBegin + 100);
    EXPECT_EQ(taken(), (Begins{kVmBegin + 100, 7001}));
}

TEST_F(Unheard, CountsPartlyAckedSegments) {
    says(kVmBegin, 100);
    client_acks(kVmBegin + 99);
    EXPECT_EQ(taken(), Begins{kVmBegin});
}

TEST_F(Unheard, HasFin) {
    says(vm(kVmBegin).flags(kFin | kAck));
    EXPECT_EQ(taken(), Begins{kVmBegin});
}

TEST_F(Unheard, HasNoSynWhoseNumberTheClientMayHaveGotFromTheOther) {
    says(vm(kVmBegin - 1).flags(kSyn | kAck));
    EXPECT_EQ(taken(), Begins{});
}

TEST_F(Unheard, HasNothingThatCallsForNoAck) {
    says(kVmBegin, 0);
    says(vm(kVmBegin).flags(kRst | kAck));
    says(wrapped(Wrapping::kIpv4).udp(53, 40000).payload(pattern(10)));
    EXPECT_EQ(taken(), Begins{});
}

TEST_F(Unheard, IsForgottenAtAFence) {
    says(kVmBegin, 100);
    unheard_.fence();
    feed_.fence();
    says(kVmBegin, 30);
    EXPECT_EQ(taken(), Begins{kVmBegin});
}

TEST_F(Unheard, IsNotOfAnEarlierConnection) {
    says(kVmBegin + 70000, 100);
    says(vm(kVmBegin - 1).flags(kSyn | kAck));
    says(kVmBegin, 10);
    EXPECT_EQ(taken(), Begins{kVmBegin});
}

TEST_F(Unheard, IsNotOfAnEarlierConnectionWhoseNumbersAreThoseOfTheNewOneToo) {
    says(kVmBegin + 100, 50);
    says(7001, 10, 40001);
    says(vm(kVmBegin - 1).flags(kSyn | kAck));
    says(kVmBegin, 200);
    EXPECT_EQ(taken(), (Begins{7001, kVmBegin}));
}

/// Nor is one whose SYN has fallen out of what is kept.
TEST_F(Unheard, IsNotOfAnEarlierConnectionWhoseSuccessorHasSaidMuch) {
    says(kVmBegin + 100, 50);
    says(vm(kVmBegin - 1).flags(kSyn | kAck));
    for (uint32_t i = 1; i < UnheardOutput::kMostFrames; ++i) says(7001 + i, 1, 40001);
    client_acks(9001, 40001);
    EXPECT_EQ(taken(), Begins{});
}

TEST_F(Unheard, IsNotOfAConnectionThatIsOver) {
    says(kVmBegin, 100);
    says(vm(kVmBegin + 100).flags(kRst | kAck));
    EXPECT_EQ(taken(), Begins{});
}

TEST_F(Unheard, IsTheLatest) {
    for (uint32_t i = 0; i < UnheardOutput::kMostFrames + 3; ++i) says(kVmBegin + i, 1);
    const Begins begins = taken();
    ASSERT_EQ(begins.size(), UnheardOutput::kMostFrames);
    EXPECT_EQ(begins.front(), kVmBegin + 3);
    EXPECT_EQ(begins.back(), kVmBegin + 2 + UnheardOutput::kMostFrames);
}

TEST_F(Unheard, IsTakenOnce) {
    says(kVmBegin, 100);
    EXPECT_EQ(taken(), Begins{kVmBegin});
    EXPECT_EQ(taken(), Begins{});
}

}  // namespace
}  // namespace colo::test
