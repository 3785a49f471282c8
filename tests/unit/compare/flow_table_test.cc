// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/flow_table.h"

#include <gtest/gtest.h>
// gtest first: rapidcheck/gtest.h needs it.
#include <rapidcheck/gtest.h>

#include <map>

namespace colo {
namespace {

FlowKey key_of(uint32_t number) {
    FlowKey key;
    std::memcpy(key.peer.data(), &number, sizeof number);
    key.guest_port = 80;
    key.protocol = 6;
    return key;
}

/// A table whose flows are numbers.
class Table : public FlowTable {
  public:
    explicit Table(uint32_t most) : FlowTable(most, FlowHash(1, 2)) {}

    Flow* find(uint32_t number) { return FlowTable::find(key_of(number)); }
    Flow* create(uint32_t number, Phase phase = Phase::kEstablished, Time now = Time(0)) {
        return FlowTable::create(key_of(number), phase, now);
    }
};

const auto anything = [](const Flow&) { return true; };

TEST(FlowTableTest, FindsWhatWasCreated) {
    Table table(10);
    EXPECT_EQ(table.find(1), nullptr);
    Flow* flow = table.create(1, Phase::kHalfOpen);
    ASSERT_NE(flow, nullptr);
    EXPECT_EQ(table.find(1), flow);
    EXPECT_EQ(flow->key, key_of(1));
    EXPECT_EQ(flow->phase, Phase::kHalfOpen);
    EXPECT_EQ(&table.at(table.index_of(*flow)), flow);
    EXPECT_EQ(table.size(), 1u);
    EXPECT_EQ(table.count(Phase::kHalfOpen), 1u);
    EXPECT_EQ(table.counters().created, 1u);
}

TEST(FlowTableTest, FlowIsTwoCacheLines) {
    EXPECT_EQ(sizeof(Flow), 128u);
    EXPECT_EQ(alignof(Flow), 64u);
}

TEST(FlowTableTest, PhasesAreCounted) {
    Table table(10);
    Flow* flow = table.create(1, Phase::kHalfOpen);
    table.set_phase(*flow, Phase::kEstablished, Time(0));
    table.set_phase(*flow, Phase::kEstablished, Time(0));
    EXPECT_EQ(table.count(Phase::kHalfOpen), 0u);
    EXPECT_EQ(table.count(Phase::kEstablished), 1u);
}

TEST(FlowTableTest, FullOfLiveFlowsItTakesNoMore) {
    Table table(2);
    Flow* first = table.create(1);
    table.create(2);
    EXPECT_EQ(table.create(3), nullptr);
    EXPECT_EQ(table.find(1), first);
    EXPECT_EQ(table.size(), 2u);
}

TEST(FlowTableTest, ItsSizeMayChange) {
    Table table(2);
    for (uint32_t number : {1, 2}) table.create(number);
    table.set_max_flows(1000);
    for (uint32_t number = 3; number <= 1000; ++number) ASSERT_NE(table.create(number), nullptr);
    EXPECT_EQ(table.create(1001), nullptr);
    for (uint32_t number = 1; number <= 1000; ++number) ASSERT_NE(table.find(number), nullptr) << number;
    table.set_max_flows(1);
    EXPECT_EQ(table.create(1001), nullptr);
    EXPECT_EQ(table.size(), 1000u);
}

TEST(FlowTableTest, EvictsOldestClosingThenHalfOpenThenDatagram) {
    Table table(6);
    table.create(1, Phase::kDatagram);
    table.create(2, Phase::kHalfOpen);
    table.create(3, Phase::kClosing);
    table.create(4, Phase::kClosing);
    table.create(5, Phase::kHalfOpen);
    table.create(6, Phase::kDatagram);
    for (const uint32_t next_to_go : {3, 4, 2, 5, 1, 6}) {
        EXPECT_NE(table.find(next_to_go), nullptr);
        ASSERT_NE(table.create(100 + next_to_go), nullptr);
        EXPECT_EQ(table.find(next_to_go), nullptr) << next_to_go;
    }
    EXPECT_EQ(table.counters().evicted_closing, 2u);
    EXPECT_EQ(table.counters().evicted_half_open, 2u);
    EXPECT_EQ(table.counters().evicted_datagram, 2u);
    EXPECT_EQ(table.create(7), nullptr);
}

TEST(FlowTableTest, FlowWithABacklogIsPassedOver) {
    Table table(2);
    table.create(1, Phase::kClosing)->backlog = 5;
    table.create(2, Phase::kClosing);
    EXPECT_NE(table.create(3), nullptr);
    EXPECT_NE(table.find(1), nullptr);
    EXPECT_EQ(table.find(2), nullptr);
    EXPECT_EQ(table.create(4), nullptr);
}

TEST(FlowTableTest, EvictionLooksAtABoundedNumber) {
    Table table(100);
    for (uint32_t i = 0; i < 99; ++i) table.create(i, Phase::kClosing)->backlog = i;
    table.create(99, Phase::kDatagram);
    EXPECT_NE(table.create(200), nullptr);
    EXPECT_EQ(table.find(99), nullptr);
}

TEST(FlowTableTest, ReusedPlaceIsClean) {
    Table table(1);
    Flow* old = table.create(1, Phase::kClosing);
    old->verified = 77;
    old->set(Mark::kDiverged);
    Flow* fresh = table.create(2, Phase::kHalfOpen);
    EXPECT_EQ(fresh, old);
    EXPECT_EQ(fresh->verified, 0u);
    EXPECT_EQ(fresh->marks, 0u);
    EXPECT_EQ(fresh->backlog, kNoBacklog);
    EXPECT_EQ(fresh->rule, kNoRule);
}

TEST(FlowTableTest, ClosingFlowsLive120Seconds) {
    Table table(10);
    EXPECT_EQ(table.next_expiry(), kNever);
    table.set_phase(*table.create(1), Phase::kClosing, milliseconds(5900));
    table.set_phase(*table.create(2), Phase::kClosing, milliseconds(7000));
    table.expire_closing(milliseconds(5900) + seconds(120));
    EXPECT_EQ(table.size(), 2u);
    EXPECT_LE(table.next_expiry(), milliseconds(5900) + seconds(121));
    table.expire_closing(table.next_expiry());
    EXPECT_EQ(table.find(1), nullptr);
    EXPECT_NE(table.find(2), nullptr);
    table.expire_closing(seconds(1000));
    EXPECT_EQ(table.size(), 0u);
    EXPECT_EQ(table.counters().expired, 2u);
    EXPECT_EQ(table.next_expiry(), kNever);
}

TEST(FlowTableTest, ClosingFlowThatHoldsSomethingStays) {
    Table table(10);
    Flow* flow = table.create(1, Phase::kClosing, seconds(1));
    flow->backlog = 0;
    table.expire_closing(seconds(500));
    EXPECT_NE(table.find(1), nullptr);
    EXPECT_GT(table.next_expiry(), seconds(500));
    flow->backlog = kNoBacklog;
    table.expire_closing(seconds(700));
    EXPECT_EQ(table.size(), 0u);
}

/// The table remembers which flow it found last.
TEST(FlowTableTest, FlowFoundLastIsNotFoundWhenItIsGone) {
    Table table(10);
    table.create(1, Phase::kClosing);
    ASSERT_NE(table.find(1), nullptr);
    table.expire_closing(seconds(1000));
    EXPECT_EQ(table.find(1), nullptr);
    Flow* other = table.create(2);
    EXPECT_EQ(table.find(1), nullptr);
    EXPECT_EQ(table.find(2), other);
}

TEST(FlowTableTest, FlowThatLivesAgainIsNotExpired) {
    Table table(10);
    Flow* flow = table.create(1, Phase::kClosing, seconds(1));
    table.set_phase(*flow, Phase::kHalfOpen, seconds(2));
    table.expire_closing(seconds(1000));
    EXPECT_EQ(table.find(1), flow);
}

TEST(FlowTableTest, SettledFlowsGoUnlessUsed) {
    Table table(4);
    for (uint32_t i = 0; i < 4; ++i) table.create(i);
    table.at(1).backlog = 3;
    EXPECT_EQ(table.evict_settled(0, anything), 0u);
    table.find(0);  // used since
    EXPECT_EQ(table.evict_settled(1, anything), 1u);
    EXPECT_EQ(table.find(2), nullptr);
    EXPECT_EQ(table.evict_settled(10, [](const Flow& f) { return f.key != key_of(3); }), 1u);
    EXPECT_EQ(table.find(0), nullptr);
    EXPECT_NE(table.find(1), nullptr);
    EXPECT_NE(table.find(3), nullptr);
    EXPECT_EQ(table.counters().evicted_live, 2u);
}

TEST(FlowTableTest, MillionFlowsFitIn200Megabytes) {
    Table table(1'000'000);
    for (uint32_t i = 0; i < 1'000'000; ++i) table.create(i);
    EXPECT_EQ(table.size(), 1'000'000u);
    EXPECT_LT(table.memory(), 200'000'000u);
    EXPECT_EQ(table.create(1'000'000), nullptr);
    EXPECT_EQ(table.find(999'999)->key, key_of(999'999));
}

RC_GTEST_PROP(FlowTableProperty, AgreesWithAMap, ()) {
    constexpr uint32_t kMost = 16;
    Table table(kMost);
    std::map<uint32_t, Phase> model;
    const auto steps = *rc::gen::container<std::vector<std::pair<uint8_t, uint8_t>>>(
        rc::gen::pair(rc::gen::inRange<uint8_t>(0, 32), rc::gen::inRange<uint8_t>(0, 5)));
    Time now(0);
    for (const auto& [number, action] : steps) {
        now += seconds(10);
        Flow* flow = table.find(number);
        RC_ASSERT((flow != nullptr) == (model.count(number) == 1));
        if (action == 4) {
            table.expire_closing(now);
        } else if (flow) {
            table.set_phase(*flow, static_cast<Phase>(action), now);
            model[number] = flow->phase;
        } else if (table.create(number, static_cast<Phase>(action), now)) {
            model[number] = static_cast<Phase>(action);
        }
        std::map<uint32_t, Phase> left;
        for (const auto& [key, phase] : model) {
            const Flow* still = table.find(key);
            if (still) {
                left.emplace(key, phase);
                RC_ASSERT(still->phase == phase);
            } else {
                RC_ASSERT(phase != Phase::kEstablished);
            }
        }
        model = left;
        RC_ASSERT(table.size() == model.size());
        RC_ASSERT(table.size() <= kMost);
    }
}

}  // namespace
}  // namespace colo
