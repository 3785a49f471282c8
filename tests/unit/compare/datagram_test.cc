// SPDX-License-Identifier: GPL-2.0-or-later
// semantics.md, 2: what is compared whole.
#include <gtest/gtest.h>

#include "tests/support/compare_rig.h"

namespace colo::test {
namespace {

const Udp ntp{.guest_port = 123};

TEST(Datagram, GoesWithAnEqualOne) {
    for (const bool primary_first : {true, false}) {
        CompareRig rig;
        if (!primary_first) rig.s(dns, "answer");
        rig.p(dns, "answer");
        EXPECT_EQ(rig.released(), primary_first ? Names{} : Names{"answer"});
        if (primary_first) rig.s(dns, "answer");
        rig.p(dns, "next");
        EXPECT_EQ(rig.released(), primary_first ? Names{"answer"} : Names{});
        EXPECT_EQ(rig.requests(), Names{});
    }
}

TEST(Datagram, EmptyOneIsCompared) {
    CompareRig rig;
    rig.p(dns, "");
    EXPECT_EQ(rig.released(), Names{});
    rig.s(dns, "");
    EXPECT_EQ(rig.released(), Names{""});
}

TEST(Datagram, EqualOnesMatchFirstInFirstOut) {
    CompareRig rig;
    rig.p(dns, "same");
    rig.p(dns, "same");
    rig.s(dns, "same");
    EXPECT_EQ(rig.released(), Names{"same"});
    rig.s(dns, "same");
    EXPECT_EQ(rig.released(), Names{"same"});
    rig.s(dns, "same");
    rig.s(dns, "same");
    rig.p(dns, "same");
    rig.p(dns, "same");
    rig.p(dns, "same");
    EXPECT_EQ(rig.released(), (Names{"same", "same"}));
}

TEST(Datagram, OrderOfTheSecondaryDoesNotMatter) {
    CompareRig rig;
    rig.p(dns, "a");
    rig.p(dns, "b");
    rig.p(dns, "c");
    rig.s(dns, "c");
    rig.s(dns, "b");
    EXPECT_EQ(rig.released(), Names{});
    rig.s(dns, "a");
    EXPECT_EQ(rig.released(), (Names{"a", "b", "c"}));
    EXPECT_EQ(rig.requests(), Names{});
    rig.pass_time(seconds(1));
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(Datagram, FlowsAreApart) {
    CompareRig rig;
    rig.p(dns, "same");
    rig.s(ntp, "same");
    rig.s(Udp{.guest_port = 53, .peer_port = 40001}, "same");
    EXPECT_EQ(rig.released(), Names{});
    rig.pass_time(seconds(1));
    EXPECT_EQ(rig.requests(), Names{});
    rig.p(ntp, "same");
    EXPECT_EQ(rig.released(), Names{"same"});
}

TEST(Datagram, BothSidesUnmatchedFor20MsIsADivergence) {
    for (const bool primary_first : {true, false}) {
        CompareRig rig;
        if (primary_first) rig.p(dns, "answer one");
        if (!primary_first) rig.s(dns, "answer two");
        rig.pass_time(milliseconds(15));
        if (primary_first) rig.s(dns, "answer two");
        if (!primary_first) rig.p(dns, "answer one");
        EXPECT_EQ(rig.comparator().next_deadline(), rig.now() + milliseconds(20));
        rig.pass_time(milliseconds(20) - Time(1));
        EXPECT_EQ(rig.requests(), Names{});
        rig.pass_time(Time(1));
        EXPECT_EQ(rig.requests(), Names{"divergence udp:53@7"});
        EXPECT_EQ(rig.released(), Names{});
    }
}

TEST(Datagram, LengthDifferenceIsAtTheShortersEnd) {
    CompareRig rig;
    rig.p(dns, "answer");
    rig.s(dns, "answers");
    rig.pass_time(milliseconds(20));
    EXPECT_EQ(rig.requests(), Names{"divergence udp:53@6"});
}

TEST(Datagram, TwinWithinThe20MsSavesIt) {
    CompareRig rig;
    rig.p(dns, "a");
    rig.s(dns, "b");
    rig.pass_time(milliseconds(19));
    rig.s(dns, "a");
    EXPECT_EQ(rig.released(), Names{"a"});
    rig.pass_time(milliseconds(1));
    EXPECT_EQ(rig.requests(), Names{});
    // From here on there is "b" without a twin; a primary's "c" starts the 20 ms anew.
    rig.p(dns, "c");
    rig.pass_time(milliseconds(19));
    EXPECT_EQ(rig.requests(), Names{});
    rig.pass_time(milliseconds(1));
    EXPECT_EQ(rig.requests(), Names{"divergence udp:53@0"});
}

TEST(Datagram, DivergenceIsAskedForOnce) {
    CompareRig rig;
    rig.p(dns, "a");
    rig.s(dns, "b");
    rig.pass_time(milliseconds(20));
    rig.requests();
    rig.p(dns, "c");
    rig.s(dns, "d");
    for (int i = 0; i < 10; ++i) rig.pass_time(milliseconds(20));
    EXPECT_EQ(rig.requests(), Names{});
    rig.fence();
    EXPECT_EQ(rig.released(), (Names{"a", "c"}));
    rig.p(dns, "e");
    rig.s(dns, "f");
    rig.pass_time(milliseconds(20));
    EXPECT_EQ(rig.requests(), Names{"divergence udp:53@0"});
}

TEST(Datagram, UnansweredOneTimesOut) {
    CompareRig rig;
    rig.p(dns, "answer");
    rig.pass_time(seconds(3) - Time(1));
    EXPECT_EQ(rig.requests(), Names{});
    rig.pass_time(Time(1));
    EXPECT_EQ(rig.requests(), Names{"timeout udp:53@0"});
}

TEST(Datagram, OldOneOfTheSecondaryDoesNotVouchForANewOne) {
    CompareRig rig;
    rig.s(dns, "OK");
    EXPECT_EQ(rig.comparator().next_deadline(), rig.now() + seconds(3));
    rig.pass_time(seconds(3));
    EXPECT_EQ(rig.counters().secondary_expired, 1u);
    EXPECT_EQ(rig.comparator().next_deadline(), kNever);
    EXPECT_EQ(rig.comparator().queued().secondary_bytes, 0u);
    rig.p(dns, "OK");
    EXPECT_EQ(rig.released(), Names{});
    EXPECT_EQ(rig.requests(), Names{});
}

TEST(Datagram, OfTheSecondaryWaitsForItsTwinUntilThen) {
    CompareRig rig;
    rig.s(dns, "OK");
    rig.pass_time(seconds(3) - Time(1));
    rig.p(dns, "OK");
    EXPECT_EQ(rig.released(), Names{"OK"});
}

TEST(Datagram, OthersOfTheFlowStayWhenOneExpires) {
    CompareRig rig;
    rig.s(dns, "1");
    rig.pass_time(seconds(1));
    rig.s(dns, "2");
    rig.pass_time(seconds(1));
    rig.s(dns, "3");
    rig.p(dns, "2");
    EXPECT_EQ(rig.released(), Names{"2"});
    rig.pass_time(seconds(1));
    EXPECT_EQ(rig.counters().secondary_expired, 1u);
    rig.p(dns, "3");
    EXPECT_EQ(rig.released(), Names{"3"});
    EXPECT_EQ(rig.comparator().queued().secondary_frames, 0u);
}

// --- Other protocols

FrameBuilder ping(uint16_t id, uint16_t sequence, std::string_view text) {
    return FrameBuilder().ipv4(kGuest, kPeer).echo(0, id, sequence).payload(text);
}

TEST(IcmpEcho, FlowIsTypeAndIdentifier) {
    CompareRig rig;
    rig.primary(ping(7, 1, "data"), "7");
    rig.secondary(ping(8, 1, "data"));
    EXPECT_EQ(rig.released(), Names{});
    rig.primary(ping(8, 1, "data"), "8");
    EXPECT_EQ(rig.released(), Names{"8"});
    rig.secondary(FrameBuilder().ipv4(kGuest, kPeer).echo(8, 7, 1).payload("data"));  // a request
    EXPECT_EQ(rig.released(), Names{});
    rig.secondary(ping(7, 1, "data"));
    EXPECT_EQ(rig.released(), Names{"7"});
}

TEST(IcmpEcho, SequenceNumberIsCompared) {
    CompareRig rig;
    rig.primary(ping(7, 1, "data"), "first");
    rig.secondary(ping(7, 2, "data"));
    rig.pass_time(milliseconds(20));
    EXPECT_EQ(rig.released(), Names{});
    ASSERT_EQ(rig.requests().size(), 1u);
}

TEST(IcmpV6Echo, IsCompared) {
    CompareRig rig;
    const auto frame =
        FrameBuilder().ipv6("2001:db8::1", "2001:db8::2").echo(129, 7, 1).payload("data");
    rig.primary(frame, "pong");
    EXPECT_EQ(rig.released(), Names{});
    rig.secondary(frame);
    EXPECT_EQ(rig.released(), Names{"pong"});
}

TEST(OtherIp, FlowIsAddressesAndProtocol) {
    CompareRig rig;
    const auto gre = FrameBuilder().ipv4(kGuest, kPeer).protocol(47).payload("inner");
    rig.primary(gre, "gre");
    rig.secondary(FrameBuilder(gre).protocol(50));
    EXPECT_EQ(rig.released(), Names{});
    rig.secondary(gre);
    EXPECT_EQ(rig.released(), Names{"gre"});
}

TEST(OtherIp, UdpOverBothFamiliesAndVlans) {
    CompareRig rig;
    const auto six = FrameBuilder().ipv6("2001:db8::1", "2001:db8::2").udp(53, 5000).payload("x");
    rig.primary(FrameBuilder(six).vlan(5), "vlan");
    rig.primary(six, "plain");
    rig.secondary(six);
    EXPECT_EQ(rig.released(), Names{"plain"});
    rig.secondary(FrameBuilder(six).vlan(5));
    EXPECT_EQ(rig.released(), Names{"vlan"});
}

TEST(OtherEthernet, UnknownTypeIsCompared) {
    CompareRig rig;
    const auto frame = FrameBuilder().ethernet(0x88b5).payload("something");
    rig.primary(frame, "eth");
    EXPECT_EQ(rig.released(), Names{});
    rig.secondary(FrameBuilder(frame).payload("something else"));
    EXPECT_EQ(rig.released(), Names{});
    rig.secondary(frame);
    EXPECT_EQ(rig.released(), Names{"eth"});
}

TEST(Malformed, FrameIsComparedAsOpaqueBytes) {
    ByteVector lying = CompareRig::frame_of({}, 1000, ". 1:11(10) ack 1");
    lying[14 + 20 + 12] = 0xf0;  // a TCP header longer than the segment
    ByteVector other = lying;
    other.back() ^= 1;
    CompareRig rig;
    rig.primary(lying, "lying");
    EXPECT_EQ(rig.counters().malformed, 1u);
    rig.secondary(other);
    EXPECT_EQ(rig.released(), Names{});
    rig.secondary(lying);
    EXPECT_EQ(rig.released(), Names{"lying"});
}

TEST(Malformed, EveryLengthOfEveryFrameIsHeldOrReleasedOnce) {
    const ByteVector frames[] = {
        CompareRig::frame_of({}, 1000, "S. 0:0(0) ack 1 <mss 1460,TS val 1 ecr 2>"),
        FrameBuilder().ipv6("fe80::1", "fe80::2").extension(0).udp(1, 2).payload("text").build(),
        FrameBuilder().ipv4(kGuest, kPeer).echo(0, 1, 1).payload("text").vlan(3).build(),
    };
    for (const ByteVector& whole : frames) {
        CompareRig rig;
        for (size_t size = 0; size <= whole.size(); ++size) {
            const ByteVector part(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
            if (size > 0) rig.primary(part, "part");
            if (size > 0) rig.secondary(part);
        }
        rig.fence();
        EXPECT_EQ(rig.released().size(), whole.size());
        EXPECT_TRUE(rig.comparator().holds_nothing());
    }
}

TEST(CutDatagram, VouchesForNothing) {
    const ByteVector whole = CompareRig::builder_of(dns).payload("0123456789").build();
    const ByteVector cut(whole.begin(), whole.end() - 4);
    const auto size = static_cast<uint32_t>(whole.size());
    for (const bool primary_cut : {true, false}) {
        CompareRig rig;
        rig.primary(primary_cut ? cut : whole, "frame", size);
        rig.secondary(primary_cut ? whole : cut, size);
        EXPECT_EQ(rig.released(), Names{});
        rig.pass_time(seconds(3));
        EXPECT_EQ(rig.requests(), Names{"timeout udp:53@0"});
        rig.fence(Fence::kReplay);
        EXPECT_EQ(rig.released(), Names{"frame"});
        rig.p(dns, "next");
        rig.s(dns, "next");
        EXPECT_EQ(rig.released(), Names{"next"});
    }
}

TEST(CutDatagram, WhatIsThereIsCompared) {
    const ByteVector whole = CompareRig::builder_of(dns).payload("0123456789").build();
    const ByteVector other = CompareRig::builder_of(dns).payload("01x3456789").build();
    CompareRig rig;
    rig.primary(ByteVector(whole.begin(), whole.end() - 4), "cut",
                static_cast<uint32_t>(whole.size()));
    rig.secondary(other);
    rig.pass_time(milliseconds(20));
    EXPECT_EQ(rig.requests(), Names{"divergence udp:53@2"});
}

}  // namespace
}  // namespace colo::test
