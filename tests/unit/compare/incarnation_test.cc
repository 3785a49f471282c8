// SPDX-License-Identifier: GPL-2.0-or-later
// semantics.md, 4: which connection of a 4-tuple a segment belongs to.
#include <gtest/gtest.h>

#include "tests/support/compare_rig.h"

namespace colo::test {
namespace {

const Tcp first{.name = "1 "};
const Tcp second{
    .primary_isn = 40'000'000, .secondary_isn = 90'000'000, .client_isn = 60'000'000, .name = "2 "};

TEST(Incarnation, SynAckOfAnotherClientNumberBeginsOne) {
    CompareRig rig;
    rig.open(first);
    rig.both(first, "R. 1:1(0) ack 1");
    rig.released();
    rig.open(second);
    rig.both(second, ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), Names{"2 . 1:11(10) ack 1"});
    EXPECT_EQ(rig.counters().flows, 2u);
    EXPECT_EQ(rig.comparator().table().size(), 1u);
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(Incarnation, WaitsUntilTheOldOnesOutputIsGone) {
    CompareRig rig;
    rig.open(first);
    rig.p(first, "F. 1:11(10) ack 1");
    rig.p(second, "S. 0:0(0) ack 1");
    rig.p(second, ". 1:1(0) ack 1");
    EXPECT_EQ(rig.released(), Names{});
    rig.s(first, "F. 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), Names{"1 F. 1:11(10) ack 1"});
    rig.s(second, "S. 0:0(0) ack 1");
    EXPECT_EQ(rig.released(), (Names{"2 S. 0:0(0) ack 1", "2 . 1:1(0) ack 1"}));
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(Incarnation, SeveralMayWait) {
    CompareRig rig;
    const Tcp third{.primary_isn = 7, .secondary_isn = 8, .client_isn = 9, .name = "3 "};
    rig.open(first);
    rig.p(first, "R. 1:1(0) ack 1");
    rig.p(second, "S. 0:0(0) ack 1");
    rig.p(second, "R. 1:1(0) ack 1");
    rig.p(third, "S. 0:0(0) ack 1");
    rig.s(first, "R. 1:1(0) ack 1");
    rig.s(second, "S. 0:0(0) ack 1");
    EXPECT_EQ(rig.released(), (Names{"1 R. 1:1(0) ack 1", "2 S. 0:0(0) ack 1"}));
    rig.s(second, "R. 1:1(0) ack 1");
    rig.s(third, "S. 0:0(0) ack 1");
    EXPECT_EQ(rig.released(), (Names{"2 R. 1:1(0) ack 1", "3 S. 0:0(0) ack 1"}));
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(Incarnation, SegmentFarFromTheStreamSaysNothingAboutIt) {
    CompareRig rig;
    rig.open(first);
    Tcp elsewhere = first;
    elsewhere.secondary_isn += 100'000'000;
    rig.s(elsewhere, "F. 1:11(10) ack 200");
    rig.p(first, ". 1:1(0) ack 200");
    EXPECT_EQ(rig.released(), Names{});
    EXPECT_EQ(rig.counters().secondary_stale, 1u);
    rig.s(first, ". 1:1(0) ack 200");
    EXPECT_EQ(rig.released(), Names{"1 . 1:1(0) ack 200"});
    rig.both(first, ". 1:21(20) ack 200");
    EXPECT_EQ(rig.released(), Names{"1 . 1:21(20) ack 200"}) << "no FIN was taken from it";
}

/// A flow is taken up at its first segment, also at an RST: one of the secondary's that lies elsewhere
/// answers another incarnation, and neither it nor its ack counts.
TEST(Incarnation, RstFarFromWhereTheFlowWasTakenUpSaysNothing) {
    for (const char* taken_up_at : {"R 1:1(0)", "R. 1:1(0) ack 1", ". 1:1(0) ack 1"}) {
        CompareRig rig;
        Tcp flow;
        flow.secondary_isn = flow.primary_isn;
        Tcp elsewhere = flow;
        elsewhere.secondary_isn += 100'000'000;
        rig.s(elsewhere, "R. 1:1(0) ack 200");
        rig.p(flow, taken_up_at);
        rig.s(elsewhere, "R. 1:1(0) ack 200");
        rig.p(flow, "R 1:1(0)");
        EXPECT_EQ(rig.released(), Names{}) << taken_up_at;
        EXPECT_EQ(rig.counters().secondary_stale, 2u) << taken_up_at;
        rig.s(flow, "R. 1:1(0) ack 1");
        EXPECT_EQ(rig.released(), (Names{taken_up_at, "R 1:1(0)"}));
    }
}

TEST(Incarnation, SecondaryMayBeAheadByOne) {
    CompareRig rig;
    rig.open(first);
    rig.s(first, "R. 1:1(0) ack 1");
    rig.s(second, "S. 0:0(0) ack 1");
    rig.s(second, ". 1:11(10) ack 1");
    rig.p(first, "R. 1:1(0) ack 1");
    EXPECT_EQ(rig.released(), Names{"1 R. 1:1(0) ack 1"});
    rig.p(second, "S. 0:0(0) ack 1");
    rig.p(second, ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), (Names{"2 S. 0:0(0) ack 1", "2 . 1:11(10) ack 1"}));
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(Incarnation, SecondaryMayBeAheadWithEverything) {
    CompareRig rig;
    const Names all = {"S 0:0(0)", ". 1:11(10) ack 1", "F. 11:11(0) ack 1"};
    for (const Tcp& tcp : {first, second}) {
        for (const auto& segment : all) rig.s(tcp, segment);
    }
    for (const Tcp& tcp : {first, second}) {
        for (const auto& segment : all) {
            rig.p(tcp, segment);
            EXPECT_EQ(rig.released(), Names{tcp.name + segment});
        }
    }
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(Incarnation, LateSegmentsOfTheOldOneCountForNothing) {
    CompareRig rig;
    rig.open(first);
    rig.both(first, "R. 1:1(0) ack 1");
    rig.released();
    rig.p(second, "S. 0:0(0) ack 1");
    rig.s(first, "S. 0:0(0) ack 1");
    rig.s(first, ". 1:11(10) ack 500");
    rig.s(first, "F. 11:11(0) ack 500");
    rig.s(first, "R 1:1(0)");
    EXPECT_EQ(rig.released(), Names{});
    EXPECT_GT(rig.counters().secondary_stale, 0u);
    rig.s(second, "S. 0:0(0) ack 1");
    rig.both(second, ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), (Names{"2 S. 0:0(0) ack 1", "2 . 1:11(10) ack 1"}));
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(Incarnation, RetransmittedSynIsNone) {
    CompareRig rig;
    rig.both(first, "S. 0:0(0) ack 1");
    rig.p(first, "S. 0:0(0) ack 1");
    rig.both(first, ". 1:11(10) ack 1");
    rig.p(first, "S. 0:0(0) ack 1");
    EXPECT_EQ(rig.released().size(), 4u);
    EXPECT_EQ(rig.flow().verified, 10u);
    EXPECT_EQ(rig.counters().flows, 1u);
}

TEST(Incarnation, BothMayBeginInTheMiddleOfAFence) {
    for (const Fence fence : {Fence::kLive, Fence::kReplay}) {
        CompareRig rig;
        rig.open(first);
        rig.p(first, "R. 1:1(0) ack 1");
        rig.p(second, "S. 0:0(0) ack 1");
        rig.p(second, ". 1:11(10) ack 1");
        rig.fence(fence);
        EXPECT_EQ(rig.released(),
                  (Names{"1 R. 1:1(0) ack 1", "2 S. 0:0(0) ack 1", "2 . 1:11(10) ack 1"}));
        EXPECT_EQ(rig.counters().flows, 2u);
        Tcp after = second;
        if (fence == Fence::kLive) {
            after.secondary_isn = after.primary_isn;
        } else {
            rig.s(after, "S. 0:0(0) ack 1");
            rig.s(after, ". 1:11(10) ack 1");
        }
        rig.both(after, ". 11:21(10) ack 1");
        EXPECT_EQ(rig.released(), Names{"2 . 11:21(10) ack 1"});
        EXPECT_EQ(rig.requests(), Names{});
        EXPECT_TRUE(rig.comparator().holds_nothing());
    }
}

// --- First seen in its middle

class FixedOffset final : public OffsetSource {
  public:
    explicit FixedOffset(InitialOffset offset) : offset_(offset) {}
    std::optional<InitialOffset> initial_offset(const FlowKey&) const override { return offset_; }

  private:
    InitialOffset offset_;
};

TEST(MidFlow, IsTakenUpAtItsFirstSegment) {
    CompareRig rig;
    const Tcp same{.primary_isn = 1000, .secondary_isn = 1000};
    rig.p(same, ". 501:511(10) ack 77");
    EXPECT_EQ(rig.released(), Names{});
    rig.s(same, ". 501:511(10) ack 77");
    EXPECT_EQ(rig.released(), Names{". 501:511(10) ack 77"});
    EXPECT_EQ(rig.flow().verified, 10u);
    EXPECT_EQ(rig.flow().phase, Phase::kEstablished);
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(MidFlow, SecondaryMayHaveBegunEarlier) {
    CompareRig rig;
    const Tcp same{.primary_isn = 1000, .secondary_isn = 1000};
    rig.s(same, ". 491:521(30) ack 77");
    rig.p(same, ". 501:511(10) ack 77");
    rig.p(same, ". 511:521(10) ack 77");
    EXPECT_EQ(rig.released(), (Names{". 501:511(10) ack 77", ". 511:521(10) ack 77"}));
}

TEST(MidFlow, OffsetComesFromTheSource) {
    const FixedOffset source({.origin = Seq(1000 + 491), .delta = 499'000});
    CompareRig rig(small_config(), &source);
    rig.p(first, ". 501:511(10) ack 77");
    rig.s(first, ". 491:511(20) ack 77");
    EXPECT_EQ(rig.released(), Names{});
    rig.p(first, ". 491:501(10) ack 77");
    EXPECT_EQ(rig.released(), (Names{"1 . 501:511(10) ack 77", "1 . 491:501(10) ack 77"}));
    EXPECT_EQ(rig.flow().verified, 20u);
}

TEST(MidFlow, SynLaterBeginsAnIncarnation) {
    CompareRig rig;
    const Tcp same{.primary_isn = 1000, .secondary_isn = 1000};
    rig.both(same, ". 501:511(10) ack 77");
    rig.released();
    rig.open(second);
    EXPECT_EQ(rig.counters().flows, 2u);
}

TEST(MidFlow, SecondarysHandshakeMayBeInTheRecording) {
    // Only S's capture has the SYN; the flow is P's, taken up behind it.
    const FixedOffset source({.origin = Seq(1001), .delta = 499'000});
    CompareRig rig(small_config(), &source);
    rig.s(first, "S. 0:0(0) ack 1");
    rig.p(first, ". 1:11(10) ack 1");
    rig.s(first, ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), Names{"1 . 1:11(10) ack 1"});
    EXPECT_EQ(rig.requests(), Names{});
}

// --- Both directions are output

TEST(BothDirections, AcksAreInTheReverseFlowsNumbers) {
    ComparatorConfig config = small_config();
    config.both_directions = true;
    CompareRig rig(config);
    // Two VMs' recordings of one connection, neither end of which is known to be the guest: the
    // client counts from 70000 in both, the server from 1000 and 500000.
    const auto server = [](uint32_t isn, const std::string& text) {
        return CompareRig::builder_of(first, isn, text);
    };
    const auto client = [](uint32_t server_isn, const std::string& text) {
        const SegmentText segment(text);
        FrameBuilder builder = CompareRig::builder_of(first).swap_ends();
        builder.flags(segment.flags).seq(first.client_isn + segment.begin);
        if (segment.ack) builder.ack(server_isn + *segment.ack);
        return builder.payload(Tcp::stream(segment.begin, segment.size));
    };
    rig.primary(client(1000, "S 0:0(0)"), "c SYN");
    rig.secondary(client(500'000, "S 0:0(0)"));
    rig.primary(server(1000, "S. 0:0(0) ack 1"), "s SYN");
    rig.secondary(server(500'000, "S. 0:0(0) ack 1"));
    EXPECT_EQ(rig.released(), (Names{"c SYN", "s SYN"}));
    rig.primary(client(1000, "P. 1:11(10) ack 1"), "c data");
    EXPECT_EQ(rig.released(), Names{});
    rig.secondary(client(500'000, "P. 1:11(10) ack 1"));
    EXPECT_EQ(rig.released(), Names{"c data"});
    rig.primary(server(1000, "P. 1:11(10) ack 11"), "s data");
    rig.secondary(server(500'000, "P. 1:11(10) ack 11"));
    EXPECT_EQ(rig.released(), Names{"s data"});
    rig.primary(client(1000, ". 11:11(0) ack 11"), "c ack");
    EXPECT_EQ(rig.released(), Names{});
    rig.secondary(client(500'000, ". 11:11(0) ack 10"));
    EXPECT_EQ(rig.released(), Names{});
    rig.secondary(client(500'000, ". 11:11(0) ack 11"));
    EXPECT_EQ(rig.released(), Names{"c ack"});
    EXPECT_EQ(rig.comparator().table().size(), 2u);
    EXPECT_EQ(rig.requests(), Names{});
    // A replay's fence keeps the numbers apart.
    rig.primary(server(1000, "P. 11:21(10) ack 11"), "s more");
    rig.fence(Fence::kReplay);
    rig.released();
    rig.primary(client(1000, ". 11:11(0) ack 21"), "c ack 21");
    EXPECT_EQ(rig.released(), Names{});
    rig.secondary(client(500'000, ". 11:11(0) ack 21"));
    EXPECT_EQ(rig.released(), Names{"c ack 21"});
}

}  // namespace
}  // namespace colo::test
