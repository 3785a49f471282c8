// SPDX-License-Identifier: GPL-2.0-or-later
// semantics.md, 2: ICMP errors of the guests.
#include <gtest/gtest.h>

#include "tests/support/compare_rig.h"

namespace colo::test {
namespace {

/// A datagram of the client that the guest complains about.
ByteVector question(std::string_view text = "question") {
    return CompareRig::builder_of(dns).swap_ends().payload(text).build();
}
FrameBuilder unreachable(const ByteVector& offender, uint8_t code = 3, uint32_t word = 0) {
    return FrameBuilder().ipv4(kGuest, kPeer).icmp_error(3, code, word, offender);
}

TEST(IcmpErrorComparison, GoesWithAnEqualOne) {
    CompareRig rig;
    rig.primary(unreachable(question()), "error");
    EXPECT_EQ(rig.released(), Names{});
    rig.secondary(unreachable(question()));
    EXPECT_EQ(rig.released(), Names{"error"});
    EXPECT_EQ(rig.counters().icmp_errors, 2u);
}

TEST(IcmpErrorComparison, OnlyWhatItReportsIsCompared) {
    CompareRig rig;
    rig.primary(unreachable(question("one")), "error");
    rig.secondary(FrameBuilder()
                      .ipv4(kGuest, kPeer)
                      .ttl(3)
                      .icmp_error(3, 3, 0, question("one"), 28));  // quotes less
    EXPECT_EQ(rig.released(), Names{"error"});
}

TEST(IcmpErrorComparison, TypeCodeAndMtuMustBeEqual) {
    const FrameBuilder ours = unreachable(question(), 4, 1400);
    const FrameBuilder others[] = {
        unreachable(question(), 4, 1300), unreachable(question(), 3, 1400),
        FrameBuilder().ipv4(kGuest, kPeer).icmp_error(11, 4, 1400, question())};
    for (const FrameBuilder& other : others) {
        CompareRig rig;
        rig.primary(ours, "error");
        rig.secondary(other);
        EXPECT_EQ(rig.released(), Names{});
    }
}

TEST(IcmpErrorComparison, QuotedSegmentsNumberMustBeEqual) {
    const auto quoting = [](const char* text) {
        return unreachable(CompareRig::client_frame_of(web, text));
    };
    CompareRig rig;
    rig.primary(quoting(". 100:110(10) ack 1"), "error");
    rig.secondary(quoting(". 110:120(10) ack 1"));
    EXPECT_EQ(rig.released(), Names{});
    rig.secondary(quoting(". 100:110(10) ack 1"));
    EXPECT_EQ(rig.released(), Names{"error"});
}

TEST(IcmpErrorComparison, BelongsToTheQuotedFlow) {
    CompareRig rig;
    rig.open(web);
    rig.p(web, ". 1:11(10) ack 1");
    const auto error = unreachable(CompareRig::client_frame_of(web, ". 1:11(10) ack 1"));
    rig.primary(error, "error");
    EXPECT_EQ(rig.comparator().table().size(), 1u);
    EXPECT_EQ(rig.flow().held_frames, 2u);
    rig.secondary(error);
    EXPECT_EQ(rig.released(), Names{}) << "overtook its flow's payload";
    rig.s(web, ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), (Names{". 1:11(10) ack 1", "error"}));
}

TEST(IcmpErrorComparison, FlowOfTheQuoteMayBeginLater) {
    CompareRig rig;
    const auto error = unreachable(CompareRig::client_frame_of(web, "S 0:0(0)"), 1);
    rig.primary(error, "error");
    rig.secondary(error);
    EXPECT_EQ(rig.released(), Names{"error"});
    rig.open(web);
    rig.both(web, ". 1:11(10) ack 1");
    EXPECT_EQ(rig.released(), Names{". 1:11(10) ack 1"});
    EXPECT_EQ(rig.comparator().table().size(), 1u);
}

TEST(IcmpErrorComparison, MissingTwinReleasesAfter100Ms) {
    CompareRig rig;
    rig.primary(unreachable(question()), "error");
    EXPECT_EQ(rig.comparator().next_deadline(), rig.now() + milliseconds(100));
    rig.pass_time(milliseconds(100) - Time(1));
    EXPECT_EQ(rig.released(), Names{});
    rig.pass_time(Time(1));
    EXPECT_EQ(rig.released(), Names{"error"});
    EXPECT_EQ(rig.counters().icmp_errors_without_twin, 1u);
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(IcmpErrorComparison, EachErrorHasItsOwn100Ms) {
    CompareRig rig;
    rig.primary(unreachable(question()), "1");
    rig.pass_time(milliseconds(60));
    rig.primary(unreachable(question()), "2");
    rig.pass_time(milliseconds(40));
    EXPECT_EQ(rig.released(), Names{"1"});
    EXPECT_EQ(rig.comparator().next_deadline(), rig.now() + milliseconds(60));
    rig.pass_time(milliseconds(60));
    EXPECT_EQ(rig.released(), Names{"2"});
}

TEST(IcmpErrorComparison, DifferentErrorsAreNoDivergence) {
    CompareRig rig;
    rig.primary(unreachable(question(), 3), "error");
    rig.secondary(unreachable(question(), 4, 1400));
    rig.pass_time(milliseconds(100));
    EXPECT_EQ(rig.requests(), Names{});
    EXPECT_EQ(rig.released(), Names{"error"});
}

TEST(IcmpErrorComparison, SurplusOneOfTheSecondaryExpires) {
    CompareRig rig;
    rig.secondary(unreachable(question()));
    rig.pass_time(seconds(3));
    EXPECT_EQ(rig.counters().secondary_expired, 1u);
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(IcmpErrorComparison, PolicyCanPassThem) {
    ComparatorConfig config = small_config();
    config.icmp_errors = IcmpErrorPolicy::kPass;
    CompareRig rig(config);
    rig.primary(unreachable(question()), "error");
    EXPECT_EQ(rig.released(), Names{"error"});
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(IcmpErrorComparison, PassedOneStaysInItsFlowsOrder) {
    ComparatorConfig config = small_config();
    config.icmp_errors = IcmpErrorPolicy::kPass;
    CompareRig rig(config);
    rig.p(dns, "answer");
    rig.primary(unreachable(question()), "error");
    EXPECT_EQ(rig.released(), Names{});
    rig.s(dns, "answer");
    EXPECT_EQ(rig.released(), (Names{"answer", "error"}));
}

TEST(IcmpErrorComparison, OfIpv6Too) {
    const ByteVector offender =
        FrameBuilder().ipv6("2001:db8::2", "2001:db8::1").udp(5, 6).payload("x").build();
    const auto too_big =
        FrameBuilder().ipv6("2001:db8::1", "2001:db8::2").icmp_error(2, 0, 1280, offender);
    CompareRig rig;
    rig.primary(too_big, "too big");
    EXPECT_EQ(rig.released(), Names{});
    rig.secondary(too_big);
    EXPECT_EQ(rig.released(), Names{"too big"});
}

}  // namespace
}  // namespace colo::test
