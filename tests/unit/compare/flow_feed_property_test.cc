// SPDX-License-Identifier: GPL-2.0-or-later
// A client that sends as a fast primary allows, to a VM that reads slowly: nothing beyond the VM's window
// ever reaches it, nothing that it would take for an old duplicate, all reaches it, and in order. Some is
// lost before it reaches either VM: the client, to whom the primary has told by SACK what it has, sends
// that alone again.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>

#include "compare/flow_feed.h"
#include "tests/support/mapper_rig.h"

namespace colo::test {
namespace {

constexpr uint32_t kStart = 0u - 5000;  // wraps soon

/// A receiver as RFC 9293 and RFC 7323 have it.
class SlowVm final : public FlowFeedSink {
  public:
    SlowVm(uint32_t seed, bool in_order)
        : random_(seed), capacity_(2000 + random_() % 60'000), in_order_(in_order) {}

    void to_vm(Frame frame) override {
        const PacketView view = parse(frame.bytes(), frame.wire_size());
        ASSERT_TRUE(view.is_tcp());
        if (view.payload_size == 0) return;
        EXPECT_TRUE(view.seq == next_ || !in_order_) << "order";
        EXPECT_LE(view.seq + view.payload_size, edge_) << "a byte that is refused";
        const Seq stamp(parse_tcp_options(view).timestamps->value);
        EXPECT_GE(stamp, recent_) << "an old duplicate";
        if (view.seq <= next_) recent_ = stamp;
        pieces_[view.seq.raw()] = view.payload_size;
        while (const auto piece = pieces_.extract(next_.raw())) {
            next_ += piece.mapped();
            buffered_ += piece.mapped();
        }
    }
    void read() { buffered_ -= std::min<uint32_t>(buffered_, random_() % 3000); }
    /// What it says now.
    FrameBuilder says() {
        const uint32_t open = (capacity_ - buffered_) >> kScale;
        edge_ = later(edge_, next_ + (open << kScale));
        return wrapped(Wrapping::kIpv4).seq(1).ack(next_.raw()).window(static_cast<uint16_t>(open));
    }
    Seq next() const { return next_; }
    static constexpr uint8_t kScale = 2;

  private:
    std::mt19937 random_;
    uint32_t capacity_;
    bool in_order_;
    std::map<uint32_t, uint32_t> pieces_;  ///< out of order: sizes by number
    Seq recent_{0};
    uint32_t buffered_ = 0;
    Seq next_{kStart + 1};
    Seq edge_{kStart + 1};
};

class Play {
  public:
    /// Of the client's segments one in `lost` is; 0: none.
    Play(uint32_t seed, uint32_t lost)
        : random_(seed), one_in_(lost), vm_(seed, lost == 0), feed_(10, FlowHash(1, 2), pool_, vm_) {}

    void run() {
        const auto scale = tcp_option::window_scale(SlowVm::kScale);
        output(wrapped(Wrapping::kIpv4).seq(0).ack(kStart + 1).window(0).options({scale}).flags(
            tcp_flag::kSyn | tcp_flag::kAck));
        for (int step = 0; step < 600; ++step) {
            if (random_() % 2) send();
            if (random_() % 4 == 0) send_again();
            if (random_() % 3 == 0) vm_.read();
            if (random_() % 2) output(vm_.says());
            if (random_() % 50 == 0) fence();
        }
        for (int rest = 0; rest < 2000 && vm_.next() != client_next_; ++rest) {
            send_again();
            vm_.read();
            output(vm_.says());
        }
        EXPECT_EQ(vm_.next(), client_next_);
        EXPECT_EQ(feed_.held_bytes(), 0u);
        EXPECT_EQ(feed_.counters().dropped, 0u);
    }
    uint64_t held() const { return feed_.counters().held; }

  private:
    struct Sent {
        Seq seq;
        uint32_t size;
    };

    void output(const FrameBuilder& builder) {
        const ByteVector bytes = builder.build();
        feed_.output(parse(Bytes(bytes), 0), Time{0});
    }
    void send() {
        const uint32_t size = 1 + random_() % 1460;
        if (client_next_ - vm_.next() + size > 200'000) return;
        const Sent sent{client_next_, size};
        client_next_ += size;
        if (one_in_ > 0 && random_() % one_in_ == 0) return lost_.push_back(sent);
        arrive(sent);
    }
    void send_again() {
        if (lost_.empty()) return;
        arrive(lost_.front());
        lost_.pop_front();
    }
    void arrive(const Sent& sent) {
        using namespace tcp_option;
        Frame frame = pool_.copy(wrapped(Wrapping::kIpv4)
                                     .swap_ends()
                                     .seq(sent.seq.raw())
                                     .ack(1)
                                     .options({nop(), nop(), timestamps(++clock_, 0)})
                                     .payload(pattern(sent.size))
                                     .build());
        const PacketView view = parse(frame.bytes(), frame.wire_size());
        feed_.input(std::move(frame), view);
    }
    /// Where nothing waits: what flush() hands over the VM may refuse.
    void fence() {
        if (feed_.held_bytes() > 0) return;
        feed_.flush();
        feed_.fence();
        output(vm_.says());
    }

    std::mt19937 random_;
    uint32_t one_in_;
    uint32_t clock_ = 0;
    std::deque<Sent> lost_;
    SlowVm vm_;
    FramePool pool_;
    FlowFeed feed_;
    Seq client_next_{kStart + 1};
};

void expect_all_arrives(uint32_t lost, uint32_t seeds) {
    uint64_t held = 0;
    for (uint32_t seed = 1; seed <= seeds; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Play play(seed, lost);
        play.run();
        held += play.held();
        if (testing::Test::HasFailure()) return;
    }
    EXPECT_GT(held, 5u * seeds);
}

TEST(FeedProperty, SlowVmGetsAllInOrderAndNothingThatItWouldRefuse) { expect_all_arrives(0, 100); }

TEST(FeedProperty, SlowVmGetsWhatWasLostBeforeWhatItHasNoRoomFor) { expect_all_arrives(8, 30); }

}  // namespace
}  // namespace colo::test
