// SPDX-License-Identifier: GPL-2.0-or-later
// What checkpoints and failovers do to a FlowMapper's numbers.
#include "compare/flow_mapper.h"

#include <gtest/gtest.h>

#include "tests/support/mapper_handshake.h"

namespace colo::test {
namespace {

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

TEST(MapperFailover, AckOfWhatHasGoneOutUnmappedTellsThatNothingIsToBeMapped) {
    for (const Learning learning : {Learning::kFromAcks, Learning::kAnnounced}) {
        for (const bool spoke_before : {false, true}) {
            MapperRig rig(learning);
            const auto answer = stamped(rig.vm().seq(kSecondary + 1).ack(kClientIsn + 11).payload(pattern(100)), 910, 8);
            rig.output(syn_ack(rig));
            rig.mapper().fence();
            rig.output(syn_ack(rig));
            if (spoke_before) rig.output(answer);
            rig.failover();
            EXPECT_EQ(rig.output(answer).seq, kSecondary + 1);
            const Seen taken = rig.input(stamped(rig.client().seq(kClientIsn + 11).ack(kSecondary + 101), 9, 910));
            EXPECT_EQ(taken.ack, kSecondary + 101);
            EXPECT_EQ(taken.tsecr, 910u);
            EXPECT_EQ(rig.output(rig.vm().seq(kSecondary + 101).ack(kClientIsn + 11).payload("x")).seq, kSecondary + 101);
            EXPECT_TRUE(rig.bases().empty());
        }
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

}  // namespace
}  // namespace colo::test
