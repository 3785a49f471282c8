// SPDX-License-Identifier: GPL-2.0-or-later
// semantics.md, 5: what a checkpoint does to the comparison.
#include <gtest/gtest.h>

#include "tests/support/compare_rig.h"

namespace colo::test {
namespace {

TEST(AnyFence, ReleasesAllThatIsHeldInOrderOfArrival) {
    for (const Fence fence : {Fence::kLive, Fence::kReplay}) {
        CompareRig rig;
        const Tcp a{.peer_port = 1, .name = "a "};
        const Tcp b{.peer_port = 2, .name = "b "};
        rig.p(a, "S. 0:0(0) ack 1");
        rig.p(Udp{}, "datagram");
        rig.p(b, "S. 0:0(0) ack 1");
        rig.p(a, ". 1:11(10) ack 1");
        rig.p(a, ". 31:41(10) ack 1");
        rig.p(b, "R. 1:1(0) ack 1");
        EXPECT_FALSE(rig.comparator().holds_nothing());
        rig.fence(fence);
        EXPECT_EQ(rig.released(),
                  (Names{"a S. 0:0(0) ack 1", "datagram", "b S. 0:0(0) ack 1", "a . 1:11(10) ack 1",
                         "a . 31:41(10) ack 1", "b R. 1:1(0) ack 1"}));
        EXPECT_TRUE(rig.comparator().holds_nothing());
        EXPECT_EQ(rig.counters().released_by_fence, 6u);
        EXPECT_EQ(rig.comparator().queued().primary_frames, 0u);
        EXPECT_EQ(rig.comparator().queued().primary_bytes, 0u);
        EXPECT_EQ(rig.requests(), Names{});
    }
}

TEST(AnyFence, WhatItReleasedCountsAsSaidByBoth) {
    for (const Fence fence : {Fence::kLive, Fence::kReplay}) {
        CompareRig rig;
        rig.open(web);
        rig.p(web, ". 1:11(10) ack 500");
        rig.p(web, "F. 11:11(0) ack 500");
        rig.fence(fence);
        rig.released();
        EXPECT_EQ(rig.flow().verified, 10u);
        // Retransmissions, the next keep-alive: the SVM has no reason to say anything.
        for (const char* again : {". 1:11(10) ack 500", "F. 11:11(0) ack 500", ". 12:12(0) ack 500",
                                  ". 10:11(1) ack 500"}) {
            rig.p(web, again);
            EXPECT_EQ(rig.released(), Names{again});
        }
        rig.p(web, ". 12:12(0) ack 501");
        EXPECT_EQ(rig.released(), Names{});
    }
}

TEST(AnyFence, SettlesAHandshake) {
    for (const Fence fence : {Fence::kLive, Fence::kReplay}) {
        CompareRig rig;
        rig.p(web, "S. 0:0(0) ack 1 <mss 1460>");
        rig.fence(fence);
        rig.released();
        rig.p(web, "S. 0:0(0) ack 1 <mss 1460>");
        EXPECT_EQ(rig.released(), Names{"S. 0:0(0) ack 1 <mss 1460>"});
        const Tcp after = fence == Fence::kLive ? copied(web) : web;
        rig.s(after, "S. 0:0(0) ack 1 <mss 1460>");
        rig.both(after, ". 1:11(10) ack 1");
        EXPECT_EQ(rig.released(), Names{". 1:11(10) ack 1"});
        EXPECT_EQ(rig.requests(), Names{});
    }
}

TEST(AnyFence, SettledHandshakeVouchesForNoOtherOptions) {
    for (const Fence fence : {Fence::kLive, Fence::kReplay}) {
        CompareRig rig;
        rig.p(web, "S. 0:0(0) ack 1 <mss 1460>");
        rig.fence(fence);
        rig.released();
        const Tcp after = fence == Fence::kLive ? copied(web) : web;
        rig.s(after, "S. 0:0(0) ack 1 <mss 1460>");
        rig.p(web, "S. 0:0(0) ack 1 <mss 1400>");
        EXPECT_EQ(rig.released(), Names{});
        rig.s(after, "S. 0:0(0) ack 1 <mss 1400>");
        EXPECT_EQ(rig.released(), Names{"S. 0:0(0) ack 1 <mss 1400>"});
    }
}

TEST(AnyFence, SettlesAReset) {
    for (const Fence fence : {Fence::kLive, Fence::kReplay}) {
        CompareRig rig;
        rig.open(web);
        rig.p(web, "R. 1:1(0) ack 1");
        rig.fence(fence);
        EXPECT_EQ(rig.released(), Names{"R. 1:1(0) ack 1"});
        rig.p(web, "R 1:1(0)");
        EXPECT_EQ(rig.released(), Names{"R 1:1(0)"});
    }
}

TEST(AnyFence, LaterRequestsAreMadeAnew) {
    CompareRig rig;
    for (int i = 0; i < 3; ++i) {
        rig.p(Udp{}, "unanswered");
        rig.pass_time(seconds(3));
        EXPECT_EQ(rig.requests(), Names{"timeout udp:53@0"});
        rig.fence();
    }
}

TEST(AnyFence, OfNothingIsHarmless) {
    CompareRig rig;
    rig.fence(Fence::kLive);
    rig.fence(Fence::kReplay);
    EXPECT_EQ(rig.released(), Names{});
    EXPECT_EQ(rig.counters().fences, 2u);
}

// --- Live

TEST(LiveFence, EndsAllOffsets) {
    CompareRig rig;
    const Tcp busy{.peer_port = 1};
    const Tcp idle{.peer_port = 2};
    rig.open(busy);
    rig.open(idle);
    rig.p(busy, ". 1:11(10) ack 1");
    EXPECT_NE(rig.comparator().delta_of(CompareRig::key_of(idle)), 0);
    rig.fence();
    rig.released();
    EXPECT_EQ(rig.comparator().delta_of(CompareRig::key_of(busy)), 0);
    EXPECT_EQ(rig.comparator().delta_of(CompareRig::key_of(idle)), 0);
    rig.both(copied(busy), ". 11:21(10) ack 1");
    rig.both(copied(idle), ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), (Names{". 11:21(10) ack 1", ". 1:11(10) ack 1"}));
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(LiveFence, BeginsAnEpochAndOlderFramesCountForNothing) {
    CompareRig rig;
    rig.open(web);
    const uint32_t before = rig.comparator().epoch();
    rig.fence();
    EXPECT_EQ(rig.comparator().epoch(), before + 1);
    rig.p(web, ". 1:11(10) ack 1");
    rig.secondary_in(before,
                     CompareRig::frame_of(copied(web), web.primary_isn, ". 1:11(10) ack 1"));
    EXPECT_EQ(rig.released(), Names{});
    EXPECT_EQ(rig.counters().stale_epoch, 1u);
    rig.s(copied(web), ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), Names{". 1:11(10) ack 1"});
}

TEST(LiveFence, ForgetsAllThatTheSecondaryHadQueued) {
    CompareRig rig;
    rig.open(web);
    rig.s(web, ". 1:11(10) ack 1");
    rig.s(web, ". 21:31(10) ack 1");
    rig.s(Udp{}, "ok");
    rig.s(Tcp{.guest_port = 81}, "S. 0:0(0) ack 1");
    rig.fence();
    EXPECT_EQ(rig.comparator().queued().secondary_frames, 0u);
    EXPECT_EQ(rig.comparator().queued().secondary_bytes, 0u);
    rig.p(web, ". 1:11(10) ack 1");
    rig.p(Udp{}, "ok");
    rig.p(Tcp{.guest_port = 81}, "S. 0:0(0) ack 1");
    EXPECT_EQ(rig.released(), Names{});
    rig.s(copied(web), ". 1:11(10) ack 1");
    rig.s(Udp{}, "ok");
    EXPECT_EQ(rig.released(), (Names{". 1:11(10) ack 1", "ok"}));
}

TEST(LiveFence, ForgetsWhatTheSecondaryHadBehindAGap) {
    CompareRig rig;
    rig.open(web);
    rig.s(web, ". 11:21(10) ack 1", ByteVector(10));
    EXPECT_EQ(rig.comparator().reassembly().open, 1u);
    rig.fence();
    EXPECT_EQ(rig.comparator().reassembly().open, 0u);
    rig.both(copied(web), ". 1:11(10) ack 1");
    rig.p(web, ". 11:21(10) ack 1");
    EXPECT_EQ(rig.released(), Names{". 1:11(10) ack 1"});
    rig.s(copied(web), ". 11:21(10) ack 1");
    EXPECT_EQ(rig.released(), Names{". 11:21(10) ack 1"});
    EXPECT_EQ(rig.requests(), Names{});
}

// What the SVM had said before it became a copy, it may not have said as a copy.

TEST(LiveFence, OldAckOfTheSecondaryVouchesForNothing) {
    for (const bool holds_something : {false, true}) {
        CompareRig rig;
        rig.open(web);
        rig.both(web, ". 1:1(0) ack 100");
        rig.s(web, ". 1:1(0) ack 500");  // ahead of the PVM, which had read 100
        if (holds_something) rig.p(web, ". 1:11(10) ack 100");
        rig.fence();
        rig.released();
        rig.p(web, ". 1:1(0) ack 100");
        EXPECT_EQ(rig.released(), Names{". 1:1(0) ack 100"});
        rig.p(web, ". 1:1(0) ack 500");
        EXPECT_EQ(rig.released(), Names{}) << holds_something;
        rig.s(copied(web), ". 1:1(0) ack 500");
        EXPECT_EQ(rig.released(), Names{". 1:1(0) ack 500"});
    }
}

TEST(LiveFence, OldFinOfTheSecondaryVouchesForNothing) {
    for (const bool holds_something : {false, true}) {
        CompareRig rig;
        rig.open(web);
        rig.s(web, "F. 1:1(0) ack 1");
        if (holds_something) rig.p(web, ". 1:1(0) ack 500");
        rig.fence();
        rig.released();
        rig.p(web, "F. 1:1(0) ack 1");
        EXPECT_EQ(rig.released(), Names{}) << holds_something;
        rig.s(copied(web), "F. 1:1(0) ack 1");
        EXPECT_EQ(rig.released(), Names{"F. 1:1(0) ack 1"});
    }
}

TEST(LiveFence, OldFinOfTheSecondaryContradictsNothing) {
    CompareRig rig;
    rig.open(web);
    rig.s(web, "F. 1:1(0) ack 1");
    rig.fence();
    rig.both(copied(web), ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), Names{". 1:11(10) ack 1"});
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(LiveFence, OldResetOfTheSecondaryCountsForNothing) {
    for (const bool holds_something : {false, true}) {
        CompareRig rig;
        rig.open(web);
        rig.s(web, "R. 1:1(0) ack 1");
        if (holds_something) rig.p(web, ". 1:1(0) ack 500");
        rig.fence();
        rig.released();
        rig.p(web, "R. 1:1(0) ack 1");
        EXPECT_EQ(rig.released(), Names{}) << holds_something;
        rig.s(copied(web), "R. 1:1(0) ack 1");
        EXPECT_EQ(rig.released(), Names{"R. 1:1(0) ack 1"});
        EXPECT_EQ(rig.requests(), Names{});
    }
}

TEST(LiveFence, OldResetOfTheSecondaryContradictsNothing) {
    CompareRig rig;
    rig.open(web);
    rig.s(web, "R. 1:1(0) ack 1");
    rig.fence();
    rig.both(copied(web), ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), Names{". 1:11(10) ack 1"});
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(LiveFence, ManyInARowKeepTheFlowRight) {
    CompareRig rig;
    rig.open(web);
    uint32_t at = 1;
    for (int i = 0; i < 20; ++i) {
        const std::string text = ". " + std::to_string(at) + ":" + std::to_string(at + 10) +
                                 "(10) ack " + std::to_string(i + 1);
        rig.p(web, text);
        if (i % 3) rig.s(i == 0 ? web : copied(web), text);
        rig.fence();
        EXPECT_EQ(rig.released(), Names{text});
        at += 10;
    }
    EXPECT_EQ(rig.flow().verified, 200u);
    EXPECT_EQ(rig.requests(), Names{});
}

// --- Replay: the secondary goes on as recorded

TEST(ReplayFence, KeepsTheOffsetAndTheEpoch) {
    CompareRig rig;
    rig.open(web);
    const auto delta = rig.comparator().delta_of(CompareRig::key_of(web));
    rig.p(web, ". 1:11(10) ack 1");
    rig.fence(Fence::kReplay);
    EXPECT_EQ(rig.comparator().delta_of(CompareRig::key_of(web)), delta);
    EXPECT_EQ(rig.comparator().epoch(), 0u);
}

TEST(ReplayFence, SkipsTheSecondarysBytesBelow) {
    struct Case {
        const char* name;
        Names before;  ///< of S, in front of the fence, which settles 1:21
        Names behind;
    };
    const Case cases[] = {
        {"nothing yet", {}, {". 1:11(10) ack 1", ". 11:31(20) ack 1"}},
        {"a part", {". 1:6(5) ack 1"}, {". 6:31(25) ack 1"}},
        {"behind a gap", {". 15:31(16) ack 1"}, {}},
        {"ahead", {". 1:31(30) ack 1"}, {}},
        {"never", {}, {". 21:31(10) ack 1"}},
    };
    for (const Case& c : cases) {
        CompareRig rig;
        rig.open(web);
        for (const auto& text : c.before) {
            // Below the fence anything may be there.
            const SegmentText segment(text);
            ByteVector bytes = Tcp::stream(segment.begin, segment.size);
            for (uint32_t i = segment.begin; i < std::min(21u, segment.begin + segment.size); ++i) {
                bytes[i - segment.begin] ^= 0x55;
            }
            rig.s(web, text, bytes);
        }
        rig.p(web, ". 1:11(10) ack 1");
        rig.p(web, ". 11:21(10) ack 1");
        rig.fence(Fence::kReplay);
        rig.released();
        rig.requests();
        EXPECT_EQ(rig.flow().verified, 20u) << c.name;
        rig.p(web, ". 21:31(10) ack 1");
        for (const auto& text : c.behind) rig.s(web, text);
        EXPECT_EQ(rig.released(), Names{". 21:31(10) ack 1"}) << c.name;
        EXPECT_EQ(rig.requests(), Names{}) << c.name;
        EXPECT_EQ(rig.flow().verified, 30u) << c.name;
    }
}

TEST(ReplayFence, HighestAckOfTheSecondaryStaysOne) {
    CompareRig rig;
    rig.open(web);
    rig.s(web, ". 1:1(0) ack 500");
    rig.p(web, ". 1:11(10) ack 1");
    rig.fence(Fence::kReplay);
    rig.released();
    rig.p(web, ". 11:11(0) ack 500");
    EXPECT_EQ(rig.released(), Names{". 11:11(0) ack 500"});
}

TEST(ReplayFence, LateTwinsOfDatagramsAreAbsorbed) {
    CompareRig rig;
        rig.p(dns, "ok");
    rig.fence(Fence::kReplay);
    EXPECT_EQ(rig.released(), Names{"ok"});
    rig.s(dns, "ok");
    EXPECT_EQ(rig.counters().secondary_absorbed, 1u);
    rig.p(dns, "ok");
    EXPECT_EQ(rig.released(), Names{}) << "the twin of the first vouched for the second";
    rig.s(dns, "ok");
    EXPECT_EQ(rig.released(), Names{"ok"});
}

TEST(ReplayFence, AbsorbsNoLongerThanTheTimeout) {
    CompareRig rig;
    const Udp dns;
    rig.p(dns, "ok");
    rig.fence(Fence::kReplay);
    rig.released();
    EXPECT_EQ(rig.comparator().next_deadline(), rig.now() + seconds(3));
    rig.pass_time(seconds(3) - Time(1));
    rig.s(dns, "no");  // another one: waits for its own twin
    rig.pass_time(Time(1));
    rig.s(dns, "ok");
    EXPECT_EQ(rig.counters().secondary_absorbed, 0u);
    rig.p(dns, "ok");
    EXPECT_EQ(rig.released(), Names{"ok"});
}

TEST(ReplayFence, WhatTheSecondarySaidInsteadIsSurplus) {
    CompareRig rig;
    const Udp dns;
    rig.p(dns, "one");
    rig.s(dns, "eins");
    rig.pass_time(milliseconds(20));
    EXPECT_EQ(rig.requests(), Names{"divergence udp:53@0"});
    rig.fence(Fence::kReplay);
    EXPECT_EQ(rig.released(), Names{"one"});
    EXPECT_EQ(rig.counters().secondary_surplus, 1u);
    rig.p(dns, "eins");
    EXPECT_EQ(rig.released(), Names{}) << "an answer to another question vouched";
}

TEST(LiveFence, AbsorbsNothing) {
    CompareRig rig;
    const Udp dns;
    rig.p(dns, "ok");
    rig.fence();
    rig.released();
    EXPECT_EQ(rig.comparator().next_deadline(), kNever);
    rig.p(dns, "ok");
    rig.s(dns, "ok");
    EXPECT_EQ(rig.released(), Names{"ok"});
}

}  // namespace
}  // namespace colo::test
