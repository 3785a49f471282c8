// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/flow_mapper.h"

#include <gtest/gtest.h>

#include "tests/support/mapper_handshake.h"

namespace colo::test {
namespace {

// --- Connections of clients

class EachWrapping : public testing::TestWithParam<Wrapping> {};
INSTANTIATE_TEST_SUITE_P(Mapper, EachWrapping,
                         testing::Values(Wrapping::kIpv4, Wrapping::kIpv6, Wrapping::kVlan,
                                         Wrapping::kQinq, Wrapping::kVlanIpv6));

TEST_P(EachWrapping, ClientsFirstAckTellsTheOffset) {
    MapperRig rig(Learning::kFromAcks, 100, GetParam());
    const Seen first = rig.output(syn_ack(rig));
    EXPECT_EQ(first.seq, kSecondary) << "not known yet";
    const Seen ack = rig.input(last_of_handshake(rig));
    EXPECT_EQ(ack.seq, kClientIsn + 1);
    EXPECT_EQ(ack.ack, kSecondary + 1);
    EXPECT_EQ(ack.tsval, 8u);
    EXPECT_EQ(ack.tsecr, kSecondaryClock);
    EXPECT_EQ(rig.mapper().total(rig.key()), kDelta);

    const Seen data =
        rig.output(stamped(rig.vm().seq(5001).ack(kClientIsn + 1).payload("answer"), 950, 8));
    EXPECT_EQ(data.seq, 1001u);
    EXPECT_EQ(data.ack, kClientIsn + 1);
    EXPECT_EQ(data.tsval, 150u);
    EXPECT_EQ(data.tsecr, 8u);
    EXPECT_EQ(rig.counters().learnt, 1u);
}

TEST_P(EachWrapping, SackBlocksMoveWithTheAck) {
    MapperRig rig(Learning::kFromAcks, 100, GetParam());
    open(rig);
    const Seen ack = rig.input(rig.client()
                                   .seq(kClientIsn + 1)
                                   .ack(1001)
                                   .options({tcp_option::nop(), tcp_option::nop(),
                                             tcp_option::sack({{1101, 1201}, {1301, 1401}})}));
    ASSERT_TRUE(ack.sack);
    EXPECT_EQ(ack.sack->blocks[0], (SackBlocks::Block{Seq(5101), Seq(5201)}));
    EXPECT_EQ(ack.sack->blocks[1], (SackBlocks::Block{Seq(5301), Seq(5401)}));
}

TEST(MapperServer, SynAckSentAgainIsMappedOnceItsOffsetIsKnown) {
    MapperRig rig;
    open(rig);
    const Seen again = rig.output(syn_ack(rig));
    EXPECT_EQ(again.seq, kPrimary);
    EXPECT_EQ(again.tsval, kPrimaryClock);
}

TEST(MapperServer, NumbersWrap) {
    MapperRig rig;
    rig.output(rig.vm().seq(0xffffffff).ack(kClientIsn + 1).flags(kSyn | kAck));
    EXPECT_EQ(rig.input(rig.client().seq(kClientIsn + 1).ack(0x80000001)).ack, 0u);
    EXPECT_EQ(rig.output(rig.vm().seq(0x10).ack(kClientIsn + 1).payload("x")).seq, 0x80000011u);
}

TEST(MapperServer, FirstAckMayCarryDataOrFinOrRst) {
    for (const uint8_t flags : {uint8_t{kAck}, uint8_t{kAck | kFin}, uint8_t{kAck | kRst}}) {
        MapperRig rig;
        rig.output(syn_ack(rig));
        EXPECT_EQ(rig.input(last_of_handshake(rig).flags(flags).payload("hello")).ack, 5001u);
    }
}

TEST(MapperServer, OtherNumberForTheSameSynIsLearntAnew) {
    // SYN cookies: the last number is as good as the others.
    MapperRig rig;
    rig.output(syn_ack(rig));
    rig.output(syn_ack(rig, 6000));
    EXPECT_EQ(rig.input(last_of_handshake(rig)).ack, 6001u);
    rig.output(syn_ack(rig, 8000));
    EXPECT_EQ(rig.input(last_of_handshake(rig)).ack, 8001u);
}

TEST(MapperServer, NextIncarnationOfThePortsIsLearntAnew) {
    MapperRig rig;
    open(rig);
    talk(rig);
    EXPECT_EQ(rig.output(syn_ack(rig, 9000, kClientIsn + 500)).seq, 9000u);
    EXPECT_EQ(rig.mapper().total(rig.key()), std::nullopt);
    EXPECT_EQ(rig.input(rig.client().seq(kClientIsn + 501).ack(3001)).ack, 9001u);
}

TEST(MapperServer, DataInTheSynAckMakeTheAckAmbiguous) {
    MapperRig rig;
    rig.output(syn_ack(rig).payload("early"));
    EXPECT_EQ(rig.input(last_of_handshake(rig)).ack, kPrimary + 1);
    EXPECT_EQ(rig.counters().ambiguous, 1u);
    EXPECT_EQ(rig.mapper().total(rig.key()), std::nullopt);
}

// --- Connections of the guest

FrameBuilder guest_syn(const MapperRig& rig, uint32_t clock = kSecondaryClock) {
    return stamped(rig.vm().seq(kSecondary).flags(kSyn), clock, 0);
}

FrameBuilder peer_syn_ack(const MapperRig& rig, uint32_t echo = kPrimaryClock) {
    return stamped(rig.client().seq(kClientIsn).ack(kPrimary + 1).flags(kSyn | kAck), 8, echo);
}

TEST_P(EachWrapping, PeersSynAckTellsTheOffset) {
    MapperRig rig(Learning::kFromAcks, 100, GetParam());
    EXPECT_EQ(rig.output(guest_syn(rig)).seq, kSecondary);
    const Seen answer = rig.input(peer_syn_ack(rig));
    EXPECT_EQ(answer.seq, kClientIsn);
    EXPECT_EQ(answer.ack, kSecondary + 1);
    EXPECT_EQ(answer.tsecr, kSecondaryClock);
    const Seen ack = rig.output(stamped(rig.vm().seq(5001).ack(kClientIsn + 1), 901, 8));
    EXPECT_EQ(ack.seq, kPrimary + 1);
    EXPECT_EQ(ack.tsval, 101u);
}

TEST(MapperGuest, EchoLiesBetweenTheFirstSynAndNow) {
    // Linux drops the answer to its SYN otherwise.
    for (const uint32_t clock : {kSecondaryClock, kSecondaryClock + 1000}) {
        MapperRig rig;
        rig.output(guest_syn(rig));
        rig.output(guest_syn(rig, clock));
        EXPECT_EQ(rig.input(peer_syn_ack(rig)).tsecr, clock);
    }
    for (const uint32_t ticks : {0u, 700u, 850u, 2000u}) {
        MapperRig rig(Learning::kAnnounced);
        rig.output(guest_syn(rig));
        rig.learn({{4000, ticks}, Seq(kPrimary + 1)});
        EXPECT_EQ(rig.input(peer_syn_ack(rig)).tsecr, kSecondaryClock) << ticks;
    }
}

TEST(MapperGuest, RefusalOfTheSynIsMapped) {
    MapperRig rig;
    rig.output(guest_syn(rig));
    EXPECT_EQ(rig.input(rig.client().seq(0).ack(kPrimary + 1).flags(kRst | kAck)).ack, 5001u);
}

TEST(MapperGuest, AckOfAnotherConnectionTeachesNothing) {
    // A peer that has not noticed the end of the last one (RFC 9293 3.5.1): both VMs answer RST.
    MapperRig rig;
    rig.output(guest_syn(rig));
    EXPECT_EQ(rig.input(rig.client().seq(33).ack(44)).ack, 44u);
    EXPECT_EQ(rig.output(rig.vm().seq(44).flags(kRst)).seq, 44u);
    EXPECT_EQ(rig.input(peer_syn_ack(rig)).ack, kSecondary + 1);
}

TEST(MapperGuest, BothMayOpenAtOnce) {
    MapperRig rig;
    rig.output(guest_syn(rig));
    rig.input(rig.client().seq(kClientIsn).flags(kSyn));
    rig.output(syn_ack(rig));
    EXPECT_EQ(rig.input(peer_syn_ack(rig)).ack, kSecondary + 1);
}

TEST(MapperGuest, DataInTheSynMakeTheAckAmbiguous) {
    MapperRig rig;
    rig.output(guest_syn(rig).payload("early"));
    EXPECT_EQ(rig.input(peer_syn_ack(rig)).ack, kPrimary + 1);
    EXPECT_EQ(rig.counters().ambiguous, 1u);
}

// --- Forgeries

TEST(MapperForgery, AckOfAHandshakeThatTheVmHasNotAnsweredTeachesNothing) {
    MapperRig rig;
    rig.input(rig.client().seq(kClientIsn).flags(kSyn));
    rig.input(last_of_handshake(rig, 77));
    EXPECT_EQ(rig.mapper().flows(), 0u);
    open(rig);
    EXPECT_EQ(rig.mapper().total(rig.key()), kDelta);
}

TEST(MapperForgery, AckWithAnotherSeqThanTheClientsNextTeachesNothing) {
    MapperRig rig;
    rig.output(syn_ack(rig));
    const Seen forged = rig.input(rig.client().seq(kClientIsn + 2).ack(4711));
    EXPECT_EQ(forged.ack, 4711u) << "refused by both VMs alike";
    EXPECT_EQ(rig.output(rig.vm().seq(4711).flags(kRst)).seq, 4711u);
    EXPECT_EQ(rig.input(last_of_handshake(rig)).ack, kSecondary + 1);
}

TEST(MapperForgery, LaterAckCorrectsWhatNobodyHasConfirmed) {
    MapperRig rig;
    rig.output(syn_ack(rig));
    rig.input(last_of_handshake(rig, 0x40000000));
    const Seen real = rig.input(last_of_handshake(rig));
    EXPECT_EQ(real.ack, kSecondary + 1);
    EXPECT_EQ(real.tsecr, kSecondaryClock);
    EXPECT_EQ(rig.counters().corrected, 1u);
}

TEST(MapperForgery, NothingCorrectsWhatTheClientOrTheVmHasConfirmed) {
    for (const bool by_client : {true, false}) {
        MapperRig rig;
        open(rig);
        if (by_client) {
            talk(rig);
        } else {
            rig.output(rig.vm().seq(5001).ack(kClientIsn + 11));
        }
        rig.input(rig.client().seq(kClientIsn + (by_client ? 1 : 11)).ack(0x40000000));
        EXPECT_EQ(rig.mapper().total(rig.key()), kDelta);
        EXPECT_EQ(rig.counters().corrected, 0u);
    }
}

TEST(MapperForgery, ProgressIsNoCorrection) {
    MapperRig rig;
    open(rig);
    EXPECT_EQ(rig.input(rig.client().seq(kClientIsn + 1).ack(kPrimary + 5001)).ack, 10'001u);
}

TEST(MapperForgery, SynAndRstOfTheClientChangeNothing) {
    MapperRig rig;
    open(rig);
    talk(rig);
    rig.input(rig.client().seq(1).flags(kSyn));
    rig.input(rig.client().seq(kClientIsn + 1).flags(kRst));
    rig.input(rig.client().seq(kClientIsn + 1).ack(9).flags(kRst | kAck));
    rig.input(rig.client().seq(9).ack(9).flags(kSyn | kAck));
    EXPECT_EQ(rig.mapper().total(rig.key()), kDelta);
    EXPECT_EQ(rig.output(rig.vm().seq(5101).ack(kClientIsn + 1)).seq, 1101u) << "challenge ACK";
}

// --- What is told

TEST(MapperAnnounced, AcksTeachNothing) {
    MapperRig rig(Learning::kAnnounced);
    open(rig);
    EXPECT_EQ(rig.mapper().total(rig.key()), std::nullopt);
    rig.learn(announced(kDelta, kPrimary + 1));
    EXPECT_EQ(rig.input(last_of_handshake(rig)).ack, kSecondary + 1);
    EXPECT_EQ(rig.counters().announced, 1u);
    EXPECT_EQ(rig.counters().learnt, 0u);
}

TEST(MapperAnnounced, ClientsAckChoosesAmongAnnouncedNumbers) {
    for (const uint32_t chosen : {1001u, 3001u}) {
        MapperRig rig(Learning::kAnnounced);
        rig.output(syn_ack(rig));
        rig.learn(announced(kDelta, 1001));
        rig.learn(announced({2000, 700}, 3001, true));
        EXPECT_EQ(rig.input(last_of_handshake(rig, 77)).ack, 2077u) << "neither: the last";
        EXPECT_EQ(rig.input(last_of_handshake(rig, chosen)).ack, 5001u);
        EXPECT_EQ(rig.input(last_of_handshake(rig, 1001)).ack, chosen == 1001 ? 5001u : 3001u);
    }
}

TEST(MapperAnnounced, NewHandshakeLeavesNoChoice) {
    MapperRig rig(Learning::kAnnounced);
    rig.learn(announced(kDelta, 1001));
    rig.learn(announced({2000, 700}, 3001));
    EXPECT_EQ(rig.input(last_of_handshake(rig, 1001)).ack, 3001u);
}

TEST(MapperAnnounced, SurvivesTheSynThatItIsAbout) {
    MapperRig rig(Learning::kAnnounced);
    rig.learn(announced(kDelta, kPrimary + 1));
    EXPECT_EQ(rig.output(syn_ack(rig)).seq, kPrimary);
    rig.mapper().set_base(rig.key(), {}, rig.now());
    EXPECT_EQ(rig.output(syn_ack(rig, 9000)).seq, kPrimary + 4000) << "announced anew soon";
    EXPECT_EQ(rig.output(syn_ack(rig, 7000, kClientIsn + 9)).seq, 7000u) << "another connection's";
}

TEST(MapperAnnounced, VmMayBeHeardWithoutBeingMapped) {
    MapperRig rig(Learning::kAnnounced);
    const ByteVector syn = syn_ack(rig).build();
    rig.mapper().note_output(parse(Bytes(syn), 0), rig.now());
    rig.learn(announced({4000, 850}, kPrimary + 1));
    EXPECT_EQ(rig.input(last_of_handshake(rig)).tsecr, kSecondaryClock) << "clamped";
}

// --- Timestamps

TEST(MapperClock, EchoIsNeverLaterThanWhatTheVmSentLast) {
    MapperRig rig;
    open(rig);
    const auto echo = [&](uint32_t value) {
        return rig.input(stamped(rig.client().seq(kClientIsn + 1).ack(1001), 9, value)).tsecr;
    };
    EXPECT_EQ(echo(150), 900u);
    rig.output(stamped(rig.vm().seq(5001).ack(kClientIsn + 1), 940, 8));
    EXPECT_EQ(echo(150), 940u);
    rig.output(stamped(rig.vm().seq(5001).ack(kClientIsn + 1), 930, 8));
    EXPECT_EQ(echo(150), 940u) << "an older frame takes nothing back";
    rig.output(stamped(rig.vm().seq(5001).ack(kClientIsn + 1), 960, 8));
    EXPECT_EQ(echo(150), 950u);
    EXPECT_EQ(rig.counters().clamped, 3u);
}

TEST(MapperClock, AfterAFenceEchoesPassUntilTheVmHasSpoken) {
    MapperRig rig;
    open(rig);
    rig.mapper().fence();
    const auto ack = stamped(rig.client().seq(kClientIsn + 1).ack(1001), 9, 150);
    EXPECT_EQ(rig.input(ack).tsecr, 150u);
    rig.output(stamped(rig.vm().seq(1001).ack(kClientIsn + 1), 140, 8));
    EXPECT_EQ(rig.input(ack).tsecr, 140u);
}

TEST(MapperClock, ConnectionWithoutTimestampsHasNone) {
    MapperRig rig;
    rig.output(rig.vm().seq(kSecondary).ack(kClientIsn + 1).flags(kSyn | kAck));
    rig.input(rig.client().seq(kClientIsn + 1).ack(kPrimary + 1));
    EXPECT_EQ(rig.mapper().total(rig.key()), (Offset{4000, 0}));
}

// --- Ends

void finish(MapperRig& rig, uint16_t port) {
    open(rig, port);
    rig.input(rig.client(port).seq(kClientIsn + 1).ack(1001).flags(kFin | kAck));
    rig.output(rig.vm(port).seq(5001).ack(kClientIsn + 2).flags(kFin | kAck));
}

TEST(MapperEnds, ClosedFlowsAreForgottenAfter120Seconds) {
    MapperRig rig;
    finish(rig, 1);
    rig.pass_time(seconds(100));
    rig.output(rig.vm(1).seq(5001).ack(kClientIsn + 2).flags(kFin | kAck));  // sent again
    rig.pass_time(seconds(120));
    open(rig, 2);
    EXPECT_EQ(rig.mapper().total(rig.key(1)), kDelta);
    rig.pass_time(seconds(1));
    open(rig, 3);
    EXPECT_EQ(rig.mapper().total(rig.key(1)), std::nullopt);
    EXPECT_EQ(rig.counters().expired, 1u);
    EXPECT_EQ(rig.mapper().flows(), 2u);
}

TEST(MapperEnds, HalfClosedFlowsAreNotForgotten) {
    // Who ended: the client; the VM, with FINs of the client's forged.
    for (const uint32_t forged : {0u, kClientIsn + 500, kClientIsn - 500}) {
        MapperRig rig;
        open(rig, 1);
        if (forged == 0) {
            rig.input(rig.client(1).seq(kClientIsn + 1).ack(1001).flags(kFin | kAck));
            rig.output(rig.vm(1).seq(5001).ack(kClientIsn + 2));
        } else {
            rig.output(rig.vm(1).seq(5001).ack(kClientIsn + 1).flags(kFin | kAck));
            rig.input(rig.client(1).seq(forged).ack(1002).flags(kFin | kAck));
            rig.output(rig.vm(1).seq(5002).ack(kClientIsn + 1));
        }
        rig.pass_time(seconds(1000));
        open(rig, 2);
        EXPECT_EQ(rig.mapper().total(rig.key(1)), kDelta) << forged;
    }
}

TEST(MapperEnds, RstOfTheVmEndsAFlowUnlessItAnswersAStray) {
    static constexpr struct {
        uint32_t seq;
        bool ends;
    } kCases[] = {{5001, true}, {5000, true}, {5002, false}, {4711u << 16, false}};
    for (const auto& [seq, ends] : kCases) {
        MapperRig rig;
        open(rig, 1);
        rig.output(rig.vm(1).seq(seq).flags(kRst));
        rig.pass_time(seconds(121));
        open(rig, 2);
        EXPECT_EQ(rig.mapper().flows(), ends ? 1u : 2u) << seq;
    }
}

TEST(MapperEnds, FlowThatSpeaksOnAfterAnRstLives) {
    MapperRig rig;
    open(rig, 1);
    rig.output(rig.vm(1).seq(5001).flags(kRst));
    rig.output(rig.vm(1).seq(5001).ack(kClientIsn + 1).payload("still here"));
    rig.pass_time(seconds(1000));
    open(rig, 2);
    EXPECT_EQ(rig.mapper().total(rig.key(1)), kDelta);
}

TEST(MapperEnds, RefusalWithoutANumberKeepsItsZero) {
    MapperRig rig;
    open(rig);
    EXPECT_EQ(rig.output(rig.vm().seq(0).ack(9).flags(kRst | kAck)).seq, 0u);
    EXPECT_EQ(rig.output(rig.vm().seq(5001).ack(9).flags(kRst | kAck)).seq, 1001u);
}

TEST(MapperEnds, BaseThatAPrimaryHasSetEndsWithThePrimarysWord) {
    MapperRig rig;
    rig.mapper().set_base(rig.key(1), {{10, 0}}, rig.now());
    rig.output(rig.vm(1).seq(5001).ack(1).flags(kFin | kAck));
    rig.output(rig.vm(1).seq(5002).flags(kRst));
    rig.pass_time(seconds(1000));
    open(rig, 2);
    EXPECT_EQ(rig.mapper().total(rig.key(1)), (Offset{10, 0}));
    rig.mapper().set_base(rig.key(1), {}, rig.now());
    rig.pass_time(seconds(121));
    open(rig, 3);
    EXPECT_EQ(rig.mapper().total(rig.key(1)), std::nullopt);
}

// --- Bounds

TEST(MapperBounds, SynFloodDisplacesHalfOpenFlowsOnly) {
    MapperRig rig(Learning::kFromAcks, 4);
    for (const uint16_t port : {1, 2, 3}) open(rig, port);
    for (uint16_t port = 100; port < 200; ++port) {
        rig.output(syn_ack(rig, kSecondary, kClientIsn, port));
    }
    EXPECT_EQ(rig.mapper().flows(), 4u);
    for (const uint16_t port : {1, 2, 3}) EXPECT_EQ(rig.mapper().total(rig.key(port)), kDelta);
    EXPECT_EQ(rig.counters().evicted_half_open, 99u);
    EXPECT_EQ(rig.counters().no_room, 0u);
}

TEST(MapperBounds, ClosingFlowsGoBeforeHalfOpenOnes) {
    MapperRig rig(Learning::kFromAcks, 3);
    rig.output(syn_ack(rig, kSecondary, kClientIsn, 1));
    finish(rig, 2);
    finish(rig, 3);
    open(rig, 4);
    open(rig, 5);
    EXPECT_EQ(rig.counters().evicted_closing, 2u);
    EXPECT_EQ(rig.counters().evicted_half_open, 0u);
    EXPECT_EQ(rig.input(last_of_handshake(rig, kPrimary + 1, 1)).ack, kSecondary + 1);
}

TEST(MapperBounds, LiveFlowsWithAnOffsetStayAndTheNewOneIsPassedAndCounted) {
    MapperRig rig(Learning::kFromAcks, 3);
    for (const uint16_t port : {1, 2, 3}) open(rig, port);
    rig.output(syn_ack(rig, kSecondary, kClientIsn, 4));
    EXPECT_EQ(rig.input(last_of_handshake(rig, kPrimary + 1, 4)).ack, kPrimary + 1);
    EXPECT_EQ(rig.counters().no_room, 1u);
    EXPECT_FALSE(rig.mapper().set_base(rig.key(5), {{1, 0}}, rig.now()));
    EXPECT_EQ(rig.counters().no_room, 2u);
    rig.learn(announced(kDelta, 1), 6);
    EXPECT_EQ(rig.counters().no_room, 3u);
}

TEST(MapperBounds, AfterAFenceLiveFlowsMayGoLeastUsedFirst) {
    MapperRig rig(Learning::kFromAcks, 3);
    for (const uint16_t port : {1, 2, 3}) open(rig, port);
    rig.mapper().fence();
    open(rig, 4);
    EXPECT_EQ(rig.mapper().total(rig.key(4)), kDelta);
    EXPECT_EQ(rig.counters().evicted_settled, 1u);
    EXPECT_EQ(rig.counters().no_room, 0u);
}

TEST(MapperBounds, FlowsSeenInTheirMiddleDisplaceNobody) {
    MapperRig rig(Learning::kFromAcks, 1);
    rig.output(syn_ack(rig));
    rig.output(stamped(rig.vm(2).seq(1).ack(1), 1, 1));
    EXPECT_EQ(rig.counters().untracked, 1u);
    EXPECT_EQ(rig.input(last_of_handshake(rig)).ack, kSecondary + 1);
}

}  // namespace
}  // namespace colo::test
