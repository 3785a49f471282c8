// SPDX-License-Identifier: GPL-2.0-or-later
// The primary's stream begins at 1001 and its clock shows 100; the secondary's at 5001 and 900.
#include "compare/flow_mapper.h"

#include <gtest/gtest.h>

#include "tests/support/mapper_rig.h"

namespace colo::test {
namespace {

constexpr uint32_t kPrimary = 1000;  // ISNs
constexpr uint32_t kSecondary = 5000;
constexpr uint32_t kPrimaryClock = 100;
constexpr uint32_t kSecondaryClock = 900;
constexpr Offset kDelta{4000, 800};

using tcp_flag::kAck;
using tcp_flag::kFin;
using tcp_flag::kRst;
using tcp_flag::kSyn;

FrameBuilder syn_ack(const MapperRig& rig, uint32_t isn = kSecondary, uint32_t client_isn = kClientIsn,
                     uint16_t port = 40000) {
    return stamped(rig.vm(port).seq(isn).ack(client_isn + 1).flags(kSyn | kAck), kSecondaryClock,
                   7);
}

/// The client's first ack.
FrameBuilder last_of_handshake(const MapperRig& rig, uint32_t ack = kPrimary + 1,
                               uint16_t port = 40000) {
    return stamped(rig.client(port).seq(kClientIsn + 1).ack(ack), 8, kPrimaryClock);
}

/// A server's handshake, learnt from.
void open(MapperRig& rig, uint16_t port = 40000) {
    rig.output(syn_ack(rig, kSecondary, kClientIsn, port));
    rig.input(last_of_handshake(rig, kPrimary + 1, port));
}

/// Data of the VM, and the client's ack of them.
void talk(MapperRig& rig, uint32_t isn = kSecondary) {
    rig.output(stamped(rig.vm().seq(isn + 1).ack(kClientIsn + 1).payload(pattern(100)), 910, 8));
    rig.input(stamped(rig.client().seq(kClientIsn + 1).ack(kPrimary + 101), 9, 110));
}

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

Announcement announced(const Offset& delta, uint32_t origin, bool again = false) {
    return {delta, Seq(origin), again};
}

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

// --- Checkpoints and failover

TEST(MapperFence, ZeroesDeltaAndKeepsBase) {
    MapperRig rig(Learning::kAnnounced);
    rig.learn(announced(kDelta, kPrimary + 1));
    rig.mapper().set_base(rig.key(), {{10, 20}}, rig.now());
    EXPECT_EQ(rig.mapper().total(rig.key()), (Offset{4010, 820}));
    rig.mapper().fence();
    EXPECT_EQ(rig.mapper().total(rig.key()), (Offset{10, 20}));
    EXPECT_EQ(rig.input(rig.client().seq(1).ack(1)).ack, 11u);
    EXPECT_EQ(rig.bases(), (std::vector{std::pair{rig.key(), Offset{10, 20}}}));
}

TEST(MapperFence, BetweenSynAckAndAckLeavesNoWrongOffset) {
    MapperRig rig;
    rig.output(syn_ack(rig));
    rig.mapper().fence();
    EXPECT_EQ(rig.input(last_of_handshake(rig)).ack, kPrimary + 1);
    EXPECT_EQ(rig.output(rig.vm().seq(kPrimary + 1).ack(kClientIsn + 1)).seq, kPrimary + 1);
    EXPECT_EQ(rig.counters().learnt, 0u);
}

TEST(MapperFence, CopyOfThePrimaryRepeatsThePrimarysSynAck) {
    MapperRig rig;
    open(rig);
    rig.mapper().fence();
    EXPECT_EQ(rig.output(syn_ack(rig, kPrimary)).seq, kPrimary);
    EXPECT_EQ(rig.mapper().total(rig.key()), Offset{});
    MapperRig unfinished;
    unfinished.output(syn_ack(unfinished));
    unfinished.mapper().fence();
    unfinished.output(syn_ack(unfinished, kPrimary));
    EXPECT_EQ(unfinished.input(last_of_handshake(unfinished)).ack, kPrimary + 1);
}

TEST(MapperFence, NumbersOfTheVmThatIsNoMoreAreForgotten) {
    MapperRig rig;
    rig.output(syn_ack(rig, 0x40000000, kClientIsn, 1));
    rig.mapper().fence();
    rig.output(rig.vm(1).seq(1001).ack(kClientIsn + 1).payload("x"));
    rig.output(rig.vm(1).seq(1002).flags(kRst));
    rig.pass_time(seconds(121));
    open(rig, 2);
    EXPECT_EQ(rig.mapper().flows(), 1u) << "the RST did not end it";
}

TEST(MapperFailover, DeltaBecomesBase) {
    MapperRig rig(Learning::kAnnounced);
    rig.output(rig.vm().seq(kSecondary).ack(kClientIsn + 1).flags(kSyn | kAck));
    rig.learn(announced({4000, 0}, kPrimary + 1));
    rig.failover();
    rig.mapper().fence();
    EXPECT_EQ(rig.bases(), (std::vector{std::pair{rig.key(), Offset{4000, 0}}}));
    EXPECT_EQ(rig.input(rig.client().seq(kClientIsn + 1).ack(1001)).ack, 5001u);
    EXPECT_EQ(rig.output(rig.vm().seq(5001).ack(kClientIsn + 1)).seq, 1001u);
}

TEST(MapperFailover, AfterAFenceOnlyBaseIsLeft) {
    MapperRig rig(Learning::kAnnounced);
    rig.learn(announced({4000, 0}, kPrimary + 1));
    rig.mapper().set_base(rig.key(), {{10, 0}}, rig.now());
    rig.mapper().fence();
    rig.failover();
    EXPECT_EQ(rig.bases(), (std::vector{std::pair{rig.key(), Offset{10, 0}}}));
}

TEST(MapperFailover, TimestampsJumpAheadOfAllThatTheClientCanHaveSeen) {
    MapperRig rig;
    open(rig);
    talk(rig);  // the client has echoed 110
    rig.pass_time(seconds(3));
    rig.failover();
    const auto send = [&](uint32_t clock) {
        return rig.output(stamped(rig.vm().seq(5101).ack(kClientIsn + 1), clock, 9)).tsval;
    };
    EXPECT_EQ(send(910), 110u + 3000 + 1000) << "the VM's clock may have stood";
    EXPECT_EQ(send(4910), 110u + 3000 + 1000 + 4000);
    EXPECT_EQ(rig.input(stamped(rig.client().seq(1).ack(1101), 9, 8110)).tsecr, 4910u);
}

TEST(MapperFailover, TimestampsOfAFlowSeenInItsMiddleJumpToo) {
    MapperRig rig;
    rig.output(stamped(rig.vm().seq(1).ack(2).payload("x"), 100, 1));
    rig.input(stamped(rig.client().seq(2).ack(2), 1, 100));
    EXPECT_EQ(rig.mapper().total(rig.key()), Offset{});
    rig.failover();
    EXPECT_EQ(rig.output(stamped(rig.vm().seq(2).ack(2), 100, 1)).tsval, 1100u);
    EXPECT_EQ(rig.bases().size(), 1u);
}

TEST(MapperFailover, TimestampsJumpWithoutAWordOfTheCopy) {
    MapperRig rig;
    open(rig);
    talk(rig);
    rig.mapper().fence();
    rig.pass_time(seconds(1));
    rig.failover();
    EXPECT_EQ(rig.output(stamped(rig.vm().seq(1101).ack(kClientIsn + 1), 110, 9)).tsval, 2110u);
}

TEST(MapperFailover, ClockThatIsAheadAlreadyDoesNotJump) {
    MapperRig rig;
    open(rig);
    talk(rig);
    rig.output(stamped(rig.vm().seq(5101).ack(kClientIsn + 1), 8000, 9));
    rig.failover();
    EXPECT_EQ(rig.mapper().total(rig.key()), kDelta);
}

TEST(MapperFailover, ForgedEchoDoesNotMoveTheClock) {
    MapperRig rig;
    open(rig);
    talk(rig);
    rig.input(stamped(rig.client().seq(1).ack(1), 9, 110 + (1u << 30)));
    rig.failover();
    EXPECT_EQ(rig.output(stamped(rig.vm().seq(5101).ack(kClientIsn + 1), 910, 9)).tsval, 1110u);
}

TEST(MapperFailover, UnfinishedHandshakeIsLearntFromTheClientsFirstAck) {
    for (const Learning learning : {Learning::kFromAcks, Learning::kAnnounced}) {
        MapperRig rig(learning);
        rig.output(syn_ack(rig));
        rig.failover();
        rig.mapper().fence();
        rig.output(syn_ack(rig));
        EXPECT_EQ(rig.input(last_of_handshake(rig)).ack, kSecondary + 1);
        EXPECT_EQ(rig.bases(), (std::vector{std::pair{rig.key(), kDelta}}));
    }
}

TEST(MapperFailover, ConnectionsBegunAfterwardsAreTheVmsOwn) {
    MapperRig rig;
    open(rig);
    rig.failover();
    EXPECT_EQ(rig.output(syn_ack(rig, 9000, 5)).seq, 9000u) << "the same ports";
    EXPECT_EQ(rig.input(rig.client().seq(6).ack(9001)).ack, 9001u);
    open(rig, 50000);
    rig.output(stamped(rig.vm(50001).seq(1).ack(1), 1, 1));
    EXPECT_EQ(rig.mapper().flows(), 0u);
    EXPECT_TRUE(rig.bases().empty());
}

TEST(MapperFailover, FlowsWithoutAnOffsetAreForgotten) {
    MapperRig rig;
    rig.output(rig.vm().seq(kPrimary).ack(kClientIsn + 1).flags(kSyn | kAck));
    rig.input(rig.client().seq(kClientIsn + 1).ack(kPrimary + 1));
    EXPECT_EQ(rig.mapper().flows(), 1u);
    rig.failover();
    EXPECT_EQ(rig.mapper().flows(), 0u);
}

TEST(MapperFailover, NewSecondaryGoesOnWithTheSurvivorsBase) {
    MapperRig survivor;
    open(survivor);
    talk(survivor);
    survivor.failover();
    MapperRig next;
    for (const auto& [flow, base] : survivor.bases()) {
        EXPECT_TRUE(next.mapper().set_base(flow, {base}, next.now()));
    }
    next.mapper().fence();
    const auto data = stamped(next.vm().seq(5101).ack(kClientIsn + 1).payload("x"), 2000, 9);
    EXPECT_EQ(bytes_of(next.output_frame(data.build())),
              bytes_of(survivor.output_frame(data.build())));
    next.mapper().set_base(next.key(), {}, next.now());
    EXPECT_EQ(next.output(data).seq, 5101u);
}

// --- ICMP errors

/// An error of `from` about a whole segment that it was sent.
ByteVector error_about(const MapperRig& rig, bool ipv6, bool from_guest,
                       const ByteVector& segment) {
    FrameBuilder carrier = from_guest ? rig.vm() : rig.client();
    return carrier.icmp_error(ipv6 ? 1 : 3, ipv6 ? 4 : 3, 0, segment).build();
}

TEST(MapperErrors, QuotedNumbersAreThoseThatTheQuotedPacketsSenderUsed) {
    for (const bool ipv6 : {false, true}) {
        MapperRig rig(Learning::kFromAcks, 100, ipv6 ? Wrapping::kIpv6 : Wrapping::kIpv4);
        open(rig);
        talk(rig);
        // The guest's error quotes the client's segment as the guest got it.
        const auto asked = stamped(rig.client().seq(kClientIsn + 1).ack(1101).payload("q"), 9, 110);
        const ByteVector given = bytes_of(rig.input_frame(asked.build()));
        EXPECT_NE(given, asked.build());
        EXPECT_EQ(bytes_of(rig.output_frame(error_about(rig, ipv6, true, given))),
                  error_about(rig, ipv6, true, asked.build()));
        // The network's error quotes the guest's segment as the network saw it.
        const auto sent = stamped(rig.vm().seq(5101).ack(kClientIsn + 1).payload("a"), 910, 9);
        const ByteVector left = bytes_of(rig.output_frame(sent.build()));
        EXPECT_NE(left, sent.build());
        EXPECT_EQ(bytes_of(rig.input_frame(error_about(rig, ipv6, false, left))),
                  error_about(rig, ipv6, false, sent.build()));
    }
}

TEST(MapperErrors, AboutNoMappedFlowPassAsTheyAre) {
    MapperRig rig;
    rig.output(syn_ack(rig));
    for (const uint16_t port : {40000, 50000}) {
        const ByteVector error = error_about(rig, false, false, rig.vm(port).seq(1).build());
        EXPECT_EQ(bytes_of(rig.input_frame(error)), error);
    }
    EXPECT_EQ(rig.counters().input_mapped, 0u);
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

// --- Frames

TEST(MapperFrames, WhatNeedsNoChangeIsPassedAsItIs) {
    MapperRig rig;
    open(rig);
    const FrameBuilder others[] = {rig.vm().udp(1, 2).payload("x"), rig.vm(9).seq(1).ack(2),
                                   rig.vm().icmp(8, 0, 1),
                                   FrameBuilder().arp(1, "10.0.0.1", "10.0.0.9")};
    for (const FrameBuilder& other : others) {
        Frame frame = rig.pool().copy(other.build());
        const uint8_t* bytes = frame.data();
        const Frame handle = frame.share();
        EXPECT_EQ(rig.mapper().output(std::move(frame), rig.now()).data(), bytes);
        EXPECT_EQ(bytes_of(handle), other.build());
    }
    const Frame syn = rig.input_frame(rig.client().seq(1).flags(kSyn).build());
    EXPECT_EQ(bytes_of(syn), rig.client().seq(1).flags(kSyn).build());
    EXPECT_EQ(rig.counters().copied, 0u);
}

TEST(MapperFrames, AreChangedInPlaceUnlessOthersHoldThem) {
    MapperRig rig;
    open(rig);
    const ByteVector bytes = rig.vm().seq(5001).ack(kClientIsn + 1).payload("x").build();
    for (const bool shared : {false, true}) {
        Frame frame = rig.pool().copy(bytes);
        const uint8_t* at = frame.data();
        const Frame handle = shared ? frame.share() : Frame();
        const Frame mapped = rig.mapper().output(std::move(frame), rig.now());
        EXPECT_EQ(seen(mapped).seq, 1001u);
        EXPECT_EQ(mapped.data() == at, !shared);
        if (shared) {
            EXPECT_EQ(bytes_of(handle), bytes);
        }
    }
    EXPECT_EQ(rig.counters().copied, 1u);
}

TEST(MapperFrames, SharedErrorsAreCopiedToo) {
    MapperRig rig;
    open(rig);
    const ByteVector bytes = error_about(rig, false, false, rig.vm().seq(1001).build());
    Frame frame = rig.pool().copy(bytes);
    const Frame handle = frame.share();
    const Frame mapped = rig.mapper().input(std::move(frame), rig.now());
    EXPECT_EQ(bytes_of(mapped), error_about(rig, false, false, rig.vm().seq(5001).build()));
    EXPECT_EQ(bytes_of(handle), bytes);
}

/// A virtio_net_hdr of 10 bytes: flags, no GSO, csum_start, csum_offset.
ByteVector vnet(uint8_t flags, size_t start, uint16_t offset) {
    return {flags,
            0,
            0,
            0,
            0,
            0,
            static_cast<uint8_t>(start),
            static_cast<uint8_t>(start >> 8),
            static_cast<uint8_t>(offset),
            0};
}

TEST(MapperFrames, ChecksumThatIsStillToBeMadeIsLeftAlone) {
    for (const uint8_t flags : {0, 1}) {
        for (const bool shared : {false, true}) {
            MapperRig rig;
            open(rig);
            const FrameBuilder data = rig.vm().seq(5001).ack(kClientIsn + 1).payload("x");
            const ByteVector bytes = data.build();
            const ByteVector front = vnet(flags, data.l4_offset(), 16);
            Frame frame = rig.pool().copy_with_front(front, bytes);
            const Frame handle = shared ? frame.share() : Frame();
            const Frame mapped = rig.mapper().output(std::move(frame), rig.now());
            ByteVector want = rig.vm().seq(1001).ack(kClientIsn + 1).payload("x").build();
            const size_t checksum = data.l4_offset() + 16;
            if (flags) test::put16(want, checksum, load_be16(&bytes[checksum]));
            EXPECT_EQ(bytes_of(mapped), want);
            EXPECT_EQ(ByteVector(mapped.front().begin(), mapped.front().end()), front);
        }
    }
}

TEST(MapperFrames, ChecksumOfAnErrorThatIsStillToBeMadeIsLeftAlone) {
    MapperRig rig;
    open(rig);
    // Cut before the quoted checksum, which would make up for the change.
    const auto error = [&](uint32_t seq) {
        return rig.client().icmp_error(3, 3, 0, rig.vm().seq(seq).build(), 28).build();
    };
    const size_t icmp = rig.vm().l4_offset();
    for (const uint8_t flags : {0, 1}) {
        Frame frame = rig.pool().copy_with_front(vnet(flags, icmp, 2), error(1001));
        const Frame mapped = rig.mapper().input(std::move(frame), rig.now());
        ByteVector want = error(5001);
        if (flags) test::put16(want, icmp + 2, load_be16(&error(1001)[icmp + 2]));
        EXPECT_EQ(bytes_of(mapped), want);
    }
}

TEST(MapperFrames, CorruptedSegmentStaysCorrupted) {
    MapperRig rig;
    open(rig);
    ByteVector bytes = rig.vm().seq(5001).ack(1).payload("x").build();
    bytes.back() ^= 1;
    const Frame mapped = rig.output_frame(bytes);
    EXPECT_FALSE(transport_checksum_ok(parse(mapped.bytes(), 0)));
}

TEST(MapperFrames, FragmentsAndMalformedOnesPassAndAreCounted) {
    MapperRig rig;
    open(rig);
    const FrameBuilder big = rig.vm().seq(5001).ack(1).payload(pattern(3000));
    for (const ByteVector& fragment : big.fragments(1400)) {
        EXPECT_EQ(bytes_of(rig.output_frame(fragment)), fragment);
    }
    EXPECT_EQ(rig.counters().fragments, 3u);
    const ByteVector whole = rig.client().seq(kClientIsn + 1).ack(1001).build();
    for (size_t size = 0; size < whole.size(); ++size) {
        const ByteVector cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
        EXPECT_EQ(bytes_of(rig.input_frame(cut)), cut);
    }
    EXPECT_EQ(rig.counters().malformed, whole.size());
}

TEST(MapperFrames, EveryCounterHasAName) {
    size_t count = 0;
    MapperCounters().for_each([&](const char* name, uint64_t value) {
        EXPECT_NE(std::string(name), "");
        EXPECT_EQ(value, 0u);
        ++count;
    });
    EXPECT_EQ(count * sizeof(uint64_t), sizeof(MapperCounters));
}

}  // namespace
}  // namespace colo::test
