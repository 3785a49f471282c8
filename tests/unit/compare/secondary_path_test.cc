// SPDX-License-Identifier: GPL-2.0-or-later
// The whole way of a secondary's frames. The client knows the connection by 1001 on, the VM counts from 5001 on;
// its clock is 800 ahead.
#include "compare/secondary_path.h"

#include <gtest/gtest.h>

#include "tests/support/mapper_handshake.h"

namespace colo::test {
namespace {

constexpr uint32_t kClientsSeq = 1001;
constexpr uint32_t kVmsSeq = 5001;
constexpr uint32_t kVmsClock = 900;
constexpr uint8_t kSynAckFlags = tcp_flag::kSyn | tcp_flag::kAck;

class Path : public testing::TestWithParam<Comparer>, private AnnouncementSink, private SecondaryPath::Outside {
  protected:
    bool is_linked() const { return GetParam() == Comparer::kLinked; }
    /// A handshake whose delta is known.
    void open() {
        vm_says(stamped(vm(kVmsSeq - 1).flags(kSynAckFlags), kVmsClock, 7));
        if (is_linked()) mapper_.learn(key(), {kDelta, Seq(kClientsSeq)}, now_);
        client_says(stamped(client().ack(kClientsSeq), 8, kVmsClock - kDelta.timestamp));
    }
    static FrameBuilder vm(uint32_t seq) { return wrapped(Wrapping::kIpv4).seq(seq).ack(kClientIsn + 1); }
    static FrameBuilder client() { return wrapped(Wrapping::kIpv4).swap_ends().seq(kClientIsn + 1); }
    static FlowKey key() {
        const ByteVector frame = vm(0).build();
        return key_of_output(parse(Bytes(frame), 0));
    }
    void vm_says(const FrameBuilder& frame) {
        sent_.clear();
        path_.from_vm(pool_.copy(frame.build()), 1, now_);
    }
    void vm_says(uint32_t seq, const char* data) { vm_says(stamped(vm(seq).payload(data), kVmsClock + 5, 8)); }
    void client_says(const FrameBuilder& frame) {
        given_.clear();
        path_.from_peer(pool_.copy(frame.build()), now_);
    }
    /// As whoever compares gets it.
    uint32_t of_comparer(uint32_t native) const { return is_linked() ? native : native - kDelta.seq; }

    FramePool pool_;
    FlowMapper mapper_{100, is_linked() ? Learning::kAnnounced : Learning::kFromAcks, FlowHash(1, 2), pool_};
    Announcer announcer_{pool_, *this, FlowHash(1, 2)};
    SecondaryPath path_{100, GetParam(), FlowHash(1, 2), pool_, mapper_, announcer_, *this};
    Time now_ = seconds(1000);
    std::vector<Seen> sent_;
    std::vector<Seen> given_;
    int others_sent_ = 0;

  private:
    void announce(Frame) override {}
    void to_vm(Frame&& frame, Time) override { given_.push_back(seen(frame)); }
    void from_vm(Frame&& frame, uint32_t, Time) override {
        if (parse(frame.bytes(), frame.wire_size()).is_tcp()) {
            sent_.push_back(seen(frame));
        } else {
            ++others_sent_;
        }
    }
    void ask_at_peer(const Frame&) override {}
};
INSTANTIATE_TEST_SUITE_P(Secondary, Path, testing::Values(Comparer::kLinked, Comparer::kUnlinked));

TEST_P(Path, GivesTheComparerTheNumbersThatItExpects) {
    open();
    vm_says(kVmsSeq, "answer");
    ASSERT_EQ(sent_.size(), 1u);
    EXPECT_EQ(sent_[0].seq, of_comparer(kVmsSeq));
    ASSERT_EQ(given_.size(), 1u);
    EXPECT_EQ(given_[0].ack, kVmsSeq);
}

TEST_P(Path, HasWhatNobodyHasHeardInTheVmsOwnNumbers) {
    open();
    vm_says(kVmsSeq, "heard");
    client_says(stamped(client().ack(kClientsSeq + 5), 9, 100));
    vm_says(kVmsSeq + 5, "unheard");
    const auto unheard = path_.end(now_);
    ASSERT_EQ(unheard.size(), 1u);
    EXPECT_EQ(seen(unheard[0]).seq, kVmsSeq + 5);
    EXPECT_EQ(seen(unheard[0]).tsval, kVmsClock + 5);
}

TEST_P(Path, MapsInPlaceWhatItKeeps) {
    open();
    vm_says(kVmsSeq, "answer");
    EXPECT_EQ(mapper_.counters().copied, 0u);
    EXPECT_EQ(mapper_.counters().output_mapped, is_linked() ? 0u : 1u);
}

TEST_P(Path, MapsInPlaceWhatASurvivorsCopySays) {
    mapper_.set_base(key(), {kDelta}, now_);
    vm_says(kVmsSeq, "answer");
    EXPECT_EQ(sent_.at(0).seq, kClientsSeq);
    EXPECT_EQ(mapper_.counters().copied, 0u);
    const auto unheard = path_.end(now_);
    ASSERT_EQ(unheard.size(), 1u);
    EXPECT_EQ(seen(unheard[0]).seq, kVmsSeq);
}

TEST_P(Path, OfAVmThatIsAloneOnlyMaps) {
    open();
    path_.end(now_);
    mapper_.failover(now_);
    vm_says(kVmsSeq, "answer");
    EXPECT_EQ(sent_.at(0).seq, kClientsSeq);
    client_says(stamped(client().ack(kClientsSeq + 6), 9, 100));
    EXPECT_EQ(given_.at(0).ack, kVmsSeq + 6);
    EXPECT_EQ(path_.next_deadline(), kNever);
    EXPECT_TRUE(path_.end(now_).empty());
}

TEST_P(Path, KeepsQuestionsForNeighboursWhereThereIsALink) {
    vm_says(FrameBuilder().macs(FrameBuilder::kGuestMac, {}).arp(1, "10.0.0.1", "10.0.0.9"));
    EXPECT_EQ(others_sent_, is_linked() ? 0 : 1);
}

TEST_P(Path, ThatLooksAwayKnowsNothingOfWhatWasSaid) {
    open();
    vm_says(kVmsSeq, "answer");
    path_.look_away(now_);
    EXPECT_TRUE(path_.end(now_).empty());
}

}  // namespace
}  // namespace colo::test
