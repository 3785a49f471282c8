// SPDX-License-Identifier: GPL-2.0-or-later
// A survivor of a failover and its new secondary: what the one hands over, and what both learn from the
// same frames. The client knows the connection by 1001 on; the survivor's VM, and its copy, count from
// 5001 on.
#include <gtest/gtest.h>

#include "compare/flow_mapper.h"
#include "tests/support/mapper_rig.h"

namespace colo::test {
namespace {

constexpr uint32_t kKnown = 1000;
constexpr uint32_t kNative = 5000;
constexpr uint32_t kKnownClock = 100;
constexpr uint32_t kNativeClock = 900;
constexpr Offset kBase{4000, 800};

constexpr uint8_t kSynAck = tcp_flag::kSyn | tcp_flag::kAck;

FrameBuilder native_syn_ack(const MapperRig& rig, uint32_t isn = kNative) {
    return stamped(rig.vm().seq(isn).ack(kClientIsn + 1).flags(kSynAck), kNativeClock, 7);
}

FrameBuilder first_ack(const MapperRig& rig, uint32_t known = kKnown) {
    return stamped(rig.client().seq(kClientIsn + 1).ack(known + 1), 8, kKnownClock);
}

using Told = std::vector<std::pair<FlowKey, Offset>>;

class Pairing : public testing::TestWithParam<Wrapping>, public BaseObserver {
  protected:
    void base_changed(const FlowKey& flow, const Base& base) override {
        told_.push_back({flow, base.offset});
        if (is_linked_) secondary_.mapper().set_base(flow, base, secondary_.now());
    }

    /// As the failover of a secondary whose VM has answered a SYN, and nothing more.
    void survive_with_a_handshake() {
        survivor_.output(native_syn_ack(survivor_));
        survivor_.failover();
    }
    void pair() {
        survivor_.mapper().set_observer(this);
        survivor_.mapper().bases([this](const FlowKey& flow, const Base& base) {
            EXPECT_TRUE(secondary_.mapper().set_base(flow, base, secondary_.now()));
        });
        survivor_.mapper().handshakes([this](const FlowKey& flow, const Handshake& handshake) {
            ++handshakes_;
            EXPECT_TRUE(secondary_.mapper().set_unsettled(flow, handshake, secondary_.now()));
        });
        secondary_.mapper().fence();
    }
    std::optional<Offset> base_there() { return secondary_.mapper().total(secondary_.key()); }

    MapperRig survivor_{Learning::kAnnounced, 2, GetParam()};
    MapperRig secondary_{Learning::kAnnounced, 2, GetParam()};
    bool is_linked_ = false;
    int handshakes_ = 0;
    Told told_;
};
INSTANTIATE_TEST_SUITE_P(Mapper, Pairing,
                         testing::Values(Wrapping::kIpv4, Wrapping::kVlanIpv6));

TEST_P(Pairing, HandshakeThatWasUnderWayIsSettledByTheClientsAckOnBothSides) {
    survive_with_a_handshake();
    pair();
    EXPECT_EQ(handshakes_, 1);
    EXPECT_EQ(base_there(), std::nullopt);
    EXPECT_EQ(secondary_.output(native_syn_ack(secondary_)).seq, kNative) << "the copy sends it again";
    secondary_.mapper().fence();
    EXPECT_EQ(secondary_.input(first_ack(secondary_)).ack, kNative + 1);
    EXPECT_EQ(survivor_.input(first_ack(survivor_)).ack, kNative + 1);
    EXPECT_EQ(told_, (Told{{survivor_.key(), kBase}}));
    EXPECT_EQ(base_there(), kBase);
    EXPECT_EQ(secondary_.output(stamped(secondary_.vm().seq(kNative + 1).ack(kClientIsn + 1), 950, 8)).tsval,
              150u);
}

TEST_P(Pairing, SecondaryIsToldWhatItHasNotLearnt) {
    survive_with_a_handshake();
    pair();
    is_linked_ = true;
    survivor_.input(first_ack(survivor_));
    EXPECT_EQ(base_there(), kBase);
    secondary_.mapper().fence();
    EXPECT_EQ(secondary_.input(first_ack(secondary_)).ack, kNative + 1);
}

TEST_P(Pairing, BaseThatTurnsOutToBeZeroIsToldToo) {
    survive_with_a_handshake();
    pair();
    is_linked_ = true;
    survivor_.input(stamped(survivor_.client().seq(kClientIsn + 1).ack(kNative + 1), 8, kNativeClock));
    EXPECT_EQ(told_, (Told{{survivor_.key(), Offset{}}}));
    EXPECT_EQ(base_there(), Offset{});
}

TEST_P(Pairing, CorrectionIsTold) {
    survive_with_a_handshake();
    pair();
    is_linked_ = true;
    survivor_.input(first_ack(survivor_, 0x30000000));
    survivor_.input(first_ack(survivor_));
    EXPECT_EQ(told_.size(), 2u);
    EXPECT_EQ(base_there(), kBase);
}

TEST_P(Pairing, SecondSurvivorStillLearnsIt) {
    survive_with_a_handshake();
    pair();
    secondary_.failover();
    EXPECT_EQ(secondary_.input(first_ack(secondary_)).ack, kNative + 1);
    EXPECT_EQ(base_there(), kBase);
}

TEST_P(Pairing, NothingIsTakenForAnAnswerThatIsNone) {
    survive_with_a_handshake();
    pair();
    secondary_.input(stamped(secondary_.client().seq(kClientIsn + 9).ack(kKnown + 1), 8, kKnownClock));
    secondary_.input(secondary_.client().seq(kClientIsn).flags(tcp_flag::kSyn));
    EXPECT_EQ(base_there(), std::nullopt);
}

TEST_P(Pairing, HandshakesOfTheVmAreHandedOverToo) {
    const auto syn = stamped(survivor_.vm().seq(kNative).flags(tcp_flag::kSyn), kNativeClock, 0);
    survivor_.output(syn);
    survivor_.failover();
    pair();
    const auto answer =
        stamped(secondary_.client().seq(kClientIsn).ack(kKnown + 1).flags(kSynAck), 8, kKnownClock - 5);
    const Seen got = secondary_.input(answer);
    EXPECT_EQ(got.ack, kNative + 1);
    EXPECT_EQ(got.tsecr, kNativeClock);
}

TEST_P(Pairing, NextConnectionOfThePortsTakesTheBaseAway) {
    survive_with_a_handshake();
    survivor_.input(first_ack(survivor_));
    pair();
    EXPECT_EQ(base_there(), kBase);
    is_linked_ = true;
    survivor_.output(survivor_.vm().seq(9000).ack(kClientIsn + 5).flags(kSynAck));
    EXPECT_EQ(told_, (Told{{survivor_.key(), Offset{}}}));
    EXPECT_EQ(base_there(), Offset{});
}

TEST_P(Pairing, HandshakeThatIsOverIsTakenAwayToo) {
    survive_with_a_handshake();
    pair();
    is_linked_ = true;
    survivor_.output(survivor_.vm().seq(9000).ack(kClientIsn + 5).flags(kSynAck));
    EXPECT_EQ(told_, (Told{{survivor_.key(), Offset{}}}));
    EXPECT_EQ(base_there(), Offset{});
}

/// A checkpoint made it a copy in the middle of a handshake that its mapper has not seen.
TEST_P(Pairing, CopyThatAnswersAgainHasTheClientsNumbersAfterAFailover) {
    secondary_.mapper().fence();
    secondary_.output(native_syn_ack(secondary_));
    secondary_.input(first_ack(secondary_, kNative));
    secondary_.output(stamped(secondary_.vm().seq(kNative + 1).ack(kClientIsn + 1).payload("said"), 950, 8));
    secondary_.failover();
    EXPECT_EQ(secondary_.input(stamped(secondary_.client().seq(kClientIsn + 1).ack(kNative + 5), 9, 950)).ack,
              kNative + 5);
    EXPECT_EQ(secondary_.output(secondary_.vm().seq(kNative + 5).ack(kClientIsn + 1).payload("more")).seq, kNative + 5);
    EXPECT_TRUE(secondary_.bases().empty());
}

/// Its delta was announced, so the base is known; but the client has not answered, and the VMs say it again.
TEST_P(Pairing, SynAckThatComesAgainBeginsNoConnection) {
    survivor_.output(native_syn_ack(survivor_));
    survivor_.learn({kBase, Seq(kKnown + 1)});
    survivor_.failover();
    pair();
    EXPECT_EQ(handshakes_, 0);
    EXPECT_EQ(secondary_.output(native_syn_ack(secondary_)).seq, kKnown);
    EXPECT_EQ(secondary_.input(first_ack(secondary_)).ack, kNative + 1);
    EXPECT_EQ(base_there(), kBase);
    secondary_.failover();
    EXPECT_EQ(secondary_.output(native_syn_ack(secondary_)).seq, kKnown) << "nor for the next survivor";
}

TEST_P(Pairing, SynOfTheVmThatComesAgainBeginsNoConnectionEither) {
    const auto syn = stamped(survivor_.vm().seq(kNative).flags(tcp_flag::kSyn), kNativeClock, 0);
    survivor_.output(syn);
    survivor_.learn({kBase, Seq(kKnown + 1)});
    survivor_.failover();
    pair();
    EXPECT_EQ(secondary_.output(syn).seq, kKnown);
    EXPECT_EQ(base_there(), kBase);
}

TEST_P(Pairing, AnotherSynAckTakesATaughtBaseAway) {
    survivor_.output(native_syn_ack(survivor_));
    survivor_.learn({kBase, Seq(kKnown + 1)});
    survivor_.failover();
    pair();
    EXPECT_EQ(secondary_.output(native_syn_ack(secondary_, 0x9000)).seq, 0x9000u);
    EXPECT_EQ(secondary_.mapper().counters().output_mapped, 0u);
}

TEST_P(Pairing, ComparatorGetsWhatHasDeltaStill) {
    secondary_.mapper().set_base(secondary_.key(), {kBase}, secondary_.now());
    secondary_.mapper().learn(secondary_.key(), {{50, 60}, Seq(kKnown + 1)}, secondary_.now());
    const ByteVector bytes =
        stamped(secondary_.vm().seq(kNative + 51).ack(kClientIsn + 1), kNativeClock + 60, 8).build();
    Frame frame = secondary_.pool().copy(bytes);
    PacketView view = parse(frame.bytes(), frame.wire_size());
    frame = secondary_.mapper().output_for_comparator(std::move(frame), view, secondary_.now());
    EXPECT_EQ(seen(frame).seq, kKnown + 51);
    EXPECT_EQ(seen(frame).tsval, kKnownClock + 60);
    EXPECT_EQ(view.seq, Seq(kKnown + 51));
    EXPECT_EQ(view.data, frame.data());
}

TEST_P(Pairing, ComparatorGetsAHandshakeOfUnknownBaseAsItIs) {
    survive_with_a_handshake();
    pair();
    Frame frame = secondary_.pool().copy(native_syn_ack(secondary_).build());
    PacketView view = parse(frame.bytes(), frame.wire_size());
    frame = secondary_.mapper().output_for_comparator(std::move(frame), view, secondary_.now());
    EXPECT_EQ(seen(frame).seq, kNative);
}

}  // namespace
}  // namespace colo::test
