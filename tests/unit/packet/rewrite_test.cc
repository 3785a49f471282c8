// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/rewrite.h"

#include <gtest/gtest.h>
// gtest first: rapidcheck/gtest.h needs it.
#include <rapidcheck/gtest.h>

#include <initializer_list>

#include "packet/checksum.h"
#include "tests/support/frame_builder.h"

namespace colo {
namespace {

using test::ByteVector;
using test::FrameBuilder;
using test::pattern;
using test::view_of;
using namespace test::tcp_option;

ByteVector shifted(ByteVector frame, const SegmentShift& shift,
                   ChecksumKind checksum = ChecksumKind::kFull) {
    PacketView view = view_of(frame);
    shift_segment(frame, view, shift, checksum);
    EXPECT_EQ(view.seq, view_of(frame).seq);
    EXPECT_EQ(view.ack, view_of(frame).ack);
    return frame;
}

/// Compares bytes and, on a difference, says where.
void expect_same(const ByteVector& got, const ByteVector& want) {
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], want[i]) << "byte " << i;
}

constexpr SegmentShift kShift{0x10000001, -0x20000003, 0x30000005, 0xf0000007};

struct Numbers {
    uint32_t seq, ack, tsval, tsecr, left, right;
};
constexpr Numbers kBefore{0xfffffff0, 0x10, 0xfffffffe, 0x20000000, 0x100, 0x200};

Numbers moved(const Numbers& n, const SegmentShift& shift) {
    const auto ack = static_cast<uint32_t>(shift.ack);
    return {n.seq + static_cast<uint32_t>(shift.seq),
            n.ack + ack,
            n.tsval + shift.tsval,
            n.tsecr + shift.tsecr,
            n.left + ack,
            n.right + ack};
}

/// Where the options are: none; as usual; at even and at odd offsets; with others around them.
enum class Layout { kNone, kPlainTimestamps, kWithSack, kOdd, kTwice, kCount };

FrameBuilder with_layout(FrameBuilder frame, Layout layout, const Numbers& n) {
    frame.seq(n.seq).ack(n.ack);
    const auto stamps = timestamps(n.tsval, n.tsecr);
    const auto blocks = sack({{n.left, n.right}, {n.right, n.left}});
    switch (layout) {
        case Layout::kNone:
            break;
        case Layout::kPlainTimestamps:
            frame.options({nop(), nop(), stamps});
            break;
        case Layout::kWithSack:
            frame.options({nop(), nop(), stamps, nop(), nop(), blocks});
            break;
        case Layout::kOdd:
            frame.options({nop(), stamps, blocks});
            break;
        case Layout::kTwice:
            frame.options({stamps, nop(), stamps});
            break;
        case Layout::kCount:
            break;
    }
    return frame;
}

const FrameBuilder& base(int family) {
    static const FrameBuilder v4 =
        FrameBuilder().vlan(5).ipv4("10.0.0.1", "10.0.0.2").tcp(80, 40000).payload(pattern(99));
    static const FrameBuilder v6 = FrameBuilder()
                                       .ipv6("2001:db8::1", "2001:db8::2")
                                       .extension(60)
                                       .tcp(80, 40000)
                                       .payload(pattern(100));
    return family == 6 ? v6 : v4;
}

TEST(RewriteTest, ShiftedSegmentIsTheOneBuiltWithTheNewNumbers) {
    for (const int family : {4, 6}) {
        for (int i = 0; i < static_cast<int>(Layout::kCount); ++i) {
            SCOPED_TRACE(i);
            const auto layout = static_cast<Layout>(i);
            const auto before = with_layout(base(family), layout, kBefore).build();
            const auto want = with_layout(base(family), layout, moved(kBefore, kShift)).build();
            expect_same(shifted(before, kShift), want);
        }
    }
}

RC_GTEST_PROP(RewriteProperty, ShiftingEqualsRebuilding,
              (uint32_t seq, uint32_t ack, uint32_t tsval, uint32_t tsecr, uint32_t left,
               uint32_t right)) {
    const SegmentShift shift{*rc::gen::arbitrary<int32_t>(), *rc::gen::arbitrary<int32_t>(),
                             *rc::gen::arbitrary<uint32_t>(), *rc::gen::arbitrary<uint32_t>()};
    const auto layout = static_cast<Layout>(*rc::gen::inRange(0, static_cast<int>(Layout::kCount)));
    const int family = *rc::gen::element(4, 6);
    const Numbers numbers{seq, ack, tsval, tsecr, left, right};
    auto frame = with_layout(base(family), layout, numbers).build();
    PacketView view = view_of(frame);
    shift_segment(frame, view, shift, ChecksumKind::kFull);
    RC_ASSERT(frame == with_layout(base(family), layout, moved(numbers, shift)).build());
    // And back.
    const SegmentShift back{static_cast<int32_t>(-static_cast<uint32_t>(shift.seq)),
                            static_cast<int32_t>(-static_cast<uint32_t>(shift.ack)), -shift.tsval,
                            -shift.tsecr};
    shift_segment(frame, view, back, ChecksumKind::kFull);
    RC_ASSERT(frame == with_layout(base(family), layout, numbers).build());
}

TEST(RewriteTest, NoShiftChangesNoByte) {
    auto frame = with_layout(base(4), Layout::kWithSack, kBefore).build();
    for (const uint16_t checksum : {0x0000, 0xffff, 0x1234}) {
        test::put16(frame, view_of(frame).l4_offset + 16, checksum);
        expect_same(shifted(frame, {}), frame);
    }
    EXPECT_TRUE(SegmentShift{}.is_zero());
    EXPECT_FALSE((SegmentShift{0, 0, 0, 1}).is_zero());
}

TEST(RewriteTest, WrongChecksumStaysWrongByTheSameAmount) {
    const auto before = with_layout(base(4), Layout::kOdd, kBefore).wrong_checksum(0x1111).build();
    const auto right = with_layout(base(4), Layout::kOdd, moved(kBefore, kShift)).build();
    const auto got = shifted(before, kShift);
    EXPECT_FALSE(transport_checksum_ok(view_of(got)));
    const size_t at = view_of(got).l4_offset + 16;
    EXPECT_EQ((load_be16(&right[at]) + 0x1111) % 0xffff, load_be16(&got[at]) % 0xffff);
}

TEST(RewriteTest, PseudoHeaderOnlyChecksumIsLeftAlone) {
    const auto before = with_layout(base(4), Layout::kPlainTimestamps, kBefore).build();
    auto want = with_layout(base(4), Layout::kPlainTimestamps, moved(kBefore, kShift)).build();
    const size_t at = view_of(before).l4_offset + 16;
    test::put16(want, at, load_be16(&before[at]));
    expect_same(shifted(before, kShift, ChecksumKind::kPseudoHeaderOnly), want);
}

TEST(RewriteTest, WithoutAckFlagOnlySeqAndTsvalMove) {
    const auto build = [](uint32_t seq, uint32_t tsval) {
        return FrameBuilder(base(4))
            .seq(seq)
            .ack(77)
            .flags(tcp_flag::kSyn)
            .options({mss(1460), timestamps(tsval, 88)})
            .build();
    };
    expect_same(shifted(build(1, 2), kShift),
                build(1 + static_cast<uint32_t>(kShift.seq), 2 + kShift.tsval));
}

TEST(RewriteTest, ZeroEchoOfASynAckStaysZero) {
    const auto echo_after = [](uint8_t flags, uint32_t echo) {
        const auto frame =
            FrameBuilder(base(4)).flags(flags).options({timestamps(1, echo)}).build();
        const auto got = shifted(frame, kShift);
        return load_be32(&got[view_of(got).l4_offset + 20 + 6]);
    };
    EXPECT_EQ(echo_after(tcp_flag::kSyn | tcp_flag::kAck, 0), 0u);
    EXPECT_EQ(echo_after(tcp_flag::kSyn | tcp_flag::kAck, 5), 5 + kShift.tsecr);
    EXPECT_EQ(echo_after(tcp_flag::kAck, 0), kShift.tsecr);
}

TEST(RewriteTest, OptionsBehindALieAreLeftAlone) {
    auto frame = FrameBuilder(base(4)).ack(1).options({raw(99, {}), timestamps(1, 2)}).build();
    const size_t options = view_of(frame).l4_offset + 20;
    frame[options + 1] = 0;
    const auto got = shifted(frame, kShift);
    EXPECT_TRUE(std::equal(got.begin() + static_cast<ptrdiff_t>(options), got.end(),
                           frame.begin() + static_cast<ptrdiff_t>(options)));
}

// --- Quoted segments
// --------------------------------------------------------------------------------

struct Quote {
    FrameBuilder carrier;
    FrameBuilder offender;
    uint8_t type;
    size_t ip_header;
};

Quote quote(int family) {
    if (family == 4) {
        return {FrameBuilder().vlan(7).ipv4("192.0.2.9", "10.0.0.1"),
                FrameBuilder().ipv4("10.0.0.1", "10.0.0.2").tcp(80, 40000).payload(pattern(60)), 3,
                20};
    }
    return {FrameBuilder().ipv6("2001:db8::9", "2001:db8::1"),
            FrameBuilder().ipv6("2001:db8::1", "2001:db8::2").tcp(80, 40000).payload(pattern(60)),
            1, 40};
}

ByteVector quoting(const Quote& q, const Numbers& n, size_t transport_bytes) {
    const auto offender = with_layout(q.offender, Layout::kOdd, n).build();
    return FrameBuilder(q.carrier)
        .icmp_error(q.type, 0, 0, offender, q.ip_header + transport_bytes)
        .build();
}

/// Numbers that a quote of so many transport bytes shows to the rewriter.
Numbers visible(const Numbers& before, const Numbers& after, size_t transport_bytes) {
    Numbers n = before;
    n.seq = after.seq;
    if (transport_bytes >= 14) n.ack = after.ack;
    return n;
}

TEST(RewriteQuotedTest, CutQuotesAreMendedAsFarAsTheyGo) {
    for (const int family : {4, 6}) {
        for (size_t size = 8; size < 20; ++size) {
            SCOPED_TRACE(size);
            const Quote q = quote(family);
            auto frame = quoting(q, kBefore, size);
            const PacketView view = view_of(frame);
            auto error = parse_icmp_error(view);
            ASSERT_TRUE(error);
            shift_quoted(frame, view, *error, kShift);
            const Numbers want = visible(kBefore, moved(kBefore, kShift), size);
            EXPECT_EQ(error->seq, Seq(want.seq));
            const uint8_t* tcp = &frame[error->quoted.l4_offset];
            EXPECT_EQ(load_be32(tcp + 4), want.seq);
            if (size >= 12) {
                EXPECT_EQ(load_be32(tcp + 8), want.ack);
            }
            EXPECT_TRUE(transport_checksum_ok(view_of(frame)));
        }
    }
}

TEST(RewriteQuotedTest, WholeQuoteIsTheOneBuiltWithTheNewNumbers) {
    for (const int family : {4, 6}) {
        const Quote q = quote(family);
        auto frame = quoting(q, kBefore, 1000);
        const PacketView view = view_of(frame);
        auto error = parse_icmp_error(view);
        ASSERT_TRUE(error);
        shift_quoted(frame, view, *error, kShift);
        expect_same(frame, quoting(q, moved(kBefore, kShift), 1000));
        EXPECT_EQ(error->quoted.ack, Seq(moved(kBefore, kShift).ack));
    }
}

TEST(RewriteQuotedTest, WrongOuterChecksumStaysWrong) {
    auto frame =
        FrameBuilder(quote(4).carrier)
            .icmp_error(3, 0, 0, with_layout(quote(4).offender, Layout::kOdd, kBefore).build())
            .wrong_checksum()
            .build();
    const PacketView view = view_of(frame);
    auto error = parse_icmp_error(view);
    shift_quoted(frame, view, *error, kShift);
    EXPECT_FALSE(transport_checksum_ok(view_of(frame)));
}

TEST(RewriteQuotedTest, OtherQuotesAreLeftAlone) {
    const auto udp = FrameBuilder().ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).payload("x").build();
    const auto frame = FrameBuilder().ipv4("10.0.0.2", "10.0.0.1").icmp_error(3, 3, 0, udp).build();
    auto after = frame;
    const PacketView view = view_of(after);
    auto error = parse_icmp_error(view);
    ASSERT_TRUE(error);
    shift_quoted(after, view, *error, kShift);
    expect_same(after, frame);
}

TEST(RewriteQuotedTest, EveryByteOfTheQuoteMayLie) {
    for (const int family : {4, 6}) {
        const auto sample = quoting(quote(family), kBefore, 1000);
        for (size_t at = 14; at < sample.size(); ++at) {
            for (const uint8_t value : {0x00, 0x05, 0x08, 0x0f, 0x4f, 0xf0, 0xff}) {
                auto lie = sample;
                lie[at] = value;
                const PacketView view = view_of(lie);
                if (auto error = parse_icmp_error(view)) shift_quoted(lie, view, *error, kShift);
            }
        }
    }
}

}  // namespace
}  // namespace colo
