// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/tcp_options.h"

#include <gtest/gtest.h>
// gtest first: rapidcheck/gtest.h needs it.
#include <rapidcheck/gtest.h>

#include "tests/support/frame_builder.h"

namespace colo {
namespace {

using test::ByteVector;
using test::FrameBuilder;
using namespace test::tcp_option;

FrameBuilder segment() {
    return FrameBuilder().ipv4("10.0.0.1", "10.0.0.2").tcp(80, 40000).seq(1).ack(2);
}

TcpOptions options_of(const ByteVector& frame) {
    const PacketView view = parse(frame, 0);
    EXPECT_TRUE(view.is_tcp());
    return parse_tcp_options(view);
}

TcpOptions options_of(std::initializer_list<ByteVector> list) {
    return options_of(segment().options(list).build());
}

SynOptions syn_of(uint8_t flags, std::initializer_list<ByteVector> list) {
    const auto frame = segment().flags(flags).options(list).build();
    const PacketView view = parse(frame, 0);
    return syn_options(view);
}

TEST(TcpOptionsTest, NoOptionsSayNothing) {
    const TcpOptions options = options_of({});
    EXPECT_FALSE(options.mss || options.window_scale || options.timestamps || options.sack);
    EXPECT_FALSE(options.sack_permitted || options.fast_open || options.rewrites_impossible);
    EXPECT_FALSE(options.malformed);
}

TEST(TcpOptionsTest, LinuxSynIsUnderstood) {
    const TcpOptions options =
        options_of({mss(1460), sack_permitted(), timestamps(100, 0), nop(), window_scale(7)});
    EXPECT_EQ(options.mss, 1460);
    EXPECT_EQ(options.window_scale, 7);
    EXPECT_TRUE(options.sack_permitted);
    ASSERT_TRUE(options.timestamps);
    EXPECT_EQ(*options.timestamps, (Timestamps{100, 0, 14 + 20 + 20 + 4 + 2 + 2}));
    EXPECT_FALSE(options.malformed);
}

TEST(TcpOptionsTest, PlainTimestampsAreFoundWhereTheyAre) {
    const TcpOptions options = options_of({nop(), nop(), timestamps(0x01020304, 0xa0b0c0d0)});
    EXPECT_EQ(options.timestamps, (Timestamps{0x01020304, 0xa0b0c0d0, 14 + 20 + 20 + 4}));
}

TEST(TcpOptionsTest, AllFourSackBlocksAreRead) {
    const TcpOptions options = options_of({sack({{1, 2}, {3, 4}, {5, 6}, {0xfffffff0, 8}})});
    ASSERT_TRUE(options.sack);
    EXPECT_EQ(options.sack->count, 4);
    EXPECT_EQ(options.sack->blocks[3], (SackBlocks::Block{Seq(0xfffffff0), Seq(8)}));
    EXPECT_EQ(options.sack->at, 14u + 20 + 20 + 2);
}

TEST(TcpOptionsTest, SackBehindTimestampsIsRead) {
    const TcpOptions options =
        options_of({nop(), nop(), timestamps(1, 2), nop(), nop(), sack({{10, 20}})});
    EXPECT_TRUE(options.timestamps);
    ASSERT_TRUE(options.sack);
    EXPECT_EQ(options.sack->count, 1);
    EXPECT_EQ(options.sack->at, 14u + 20 + 20 + 12 + 4);
}

TEST(TcpOptionsTest, SignedAndMultipathFlowsCannotBeRewritten) {
    for (const uint8_t kind : {19, 29, 30}) {
        EXPECT_TRUE(options_of({raw(kind, ByteVector(16))}).rewrites_impossible) << int(kind);
    }
    EXPECT_FALSE(options_of({raw(28, ByteVector(2))}).rewrites_impossible);
}

TEST(TcpOptionsTest, FastOpenIsSeenInEachOfItsForms) {
    EXPECT_TRUE(options_of({fast_open()}).fast_open);
    EXPECT_TRUE(options_of({fast_open("cookie..")}).fast_open);
    EXPECT_TRUE(options_of({raw(254, {0xf9, 0x89})}).fast_open);
    EXPECT_TRUE(options_of({raw(253, {0xf9, 0x89, 1, 2, 3, 4})}).fast_open);
    EXPECT_FALSE(options_of({raw(254, {0xf9, 0x8a})}).fast_open);
    EXPECT_FALSE(options_of({raw(254, {0xf9})}).fast_open);
}

TEST(TcpOptionsTest, NothingCountsBehindTheEndOfTheList) {
    const TcpOptions options = options_of({mss(1000), {0}, window_scale(3)});
    EXPECT_EQ(options.mss, 1000);
    EXPECT_FALSE(options.window_scale);
    EXPECT_FALSE(options.malformed);
}

TEST(TcpOptionsTest, LyingLengthEndsTheWalk) {
    // Shorter than kind and length (twice), past the header (twice), no room for a length.
    static const ByteVector kLies[] = {
        {3, 0, 7, 0}, {3, 1, 7, 0}, {8, 10, 0, 0}, {8, 255, 0, 0}, {1, 1, 1, 3},
    };
    for (const ByteVector& lie : kLies) {
        const TcpOptions options = options_of({mss(1000), lie});
        EXPECT_EQ(options.mss, 1000);
        EXPECT_TRUE(options.malformed);
        EXPECT_FALSE(options.window_scale || options.timestamps);
    }
}

TEST(TcpOptionsTest, OptionOfTheWrongSizeIsPassedOver) {
    const TcpOptions options = options_of(
        {raw(2, {1, 2, 3}), raw(3, {}), raw(4, {1}), raw(5, ByteVector(7)), raw(8, ByteVector(7))});
    EXPECT_FALSE(options.mss || options.window_scale || options.sack || options.timestamps);
    EXPECT_FALSE(options.sack_permitted || options.malformed);
}

TEST(TcpOptionsTest, LastOfTwoCounts) {
    EXPECT_EQ(options_of({mss(1000), mss(1200)}).mss, 1200);
}

TEST(TcpOptionsTest, WindowScaleIsAtMost14) {
    EXPECT_EQ(options_of({window_scale(14)}).window_scale, 14);
    EXPECT_EQ(options_of({window_scale(255)}).window_scale, 14);
}

RC_GTEST_PROP(TcpOptionsProperty, WalkStaysInsideWhateverComes, (ByteVector bytes)) {
    size_t end = 0;
    walk_tcp_options(bytes, [&](uint8_t, Bytes body, size_t offset) {
        RC_ASSERT(offset >= end + 2);
        RC_ASSERT(offset + body.size() <= bytes.size());
        RC_ASSERT(body.data() == bytes.data() + offset);
        end = offset + body.size();
    });
}

TEST(SynOptionsTest, EachDifferenceThatMattersIsSeen) {
    constexpr uint8_t kSynAck = tcp_flag::kSyn | tcp_flag::kAck;
    const SynOptions base = syn_of(kSynAck, {mss(1460)});
    EXPECT_EQ(base, syn_of(kSynAck, {nop(), nop(), mss(1460)}));
    EXPECT_NE(base, syn_of(kSynAck, {mss(1400)}));
    EXPECT_NE(base, syn_of(kSynAck, {mss(1460), window_scale(0)}));
    EXPECT_NE(base, syn_of(kSynAck, {mss(1460), sack_permitted()}));
    EXPECT_NE(base, syn_of(kSynAck, {mss(1460), timestamps(1, 1)}));
    EXPECT_NE(base, syn_of(kSynAck, {mss(1460), fast_open()}));
    EXPECT_NE(base, syn_of(kSynAck | tcp_flag::kEce, {mss(1460)}));
    EXPECT_NE(base, syn_of(kSynAck | tcp_flag::kCwr, {mss(1460)}));
}

TEST(SynOptionsTest, TimestampsValuesDoNotMatter) {
    EXPECT_EQ(syn_of(tcp_flag::kSyn, {timestamps(1, 2)}),
              syn_of(tcp_flag::kSyn, {timestamps(3, 4)}));
}

TEST(SynOptionsTest, TextNamesWhatThereIs) {
    EXPECT_EQ(to_string(syn_of(tcp_flag::kSyn, {})), "none");
    EXPECT_EQ(to_string(syn_of(tcp_flag::kSyn,
                               {mss(1460), sack_permitted(), timestamps(1, 0), window_scale(7)})),
              "mss 1460, wscale 7, sack, timestamps");
    EXPECT_EQ(to_string(syn_of(tcp_flag::kSyn | tcp_flag::kEce | tcp_flag::kCwr,
                               {window_scale(0), fast_open()})),
              "wscale 0, ece, cwr, tfo");
}

}  // namespace
}  // namespace colo
