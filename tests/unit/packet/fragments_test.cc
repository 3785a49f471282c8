// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/fragments.h"

#include <gtest/gtest.h>
// gtest first: rapidcheck/gtest.h needs it.
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <string>

#include "packet/checksum.h"
#include "tests/support/frame_builder.h"

namespace colo {
namespace {

using test::ByteVector;
using test::FrameBuilder;
using test::pattern;

FrameBuilder datagram(int family, size_t size = 100, uint32_t id = 1) {
    FrameBuilder builder;
    family == 6 ? builder.ipv6("2001:db8::1", "2001:db8::2") : builder.ipv4("10.0.0.1", "10.0.0.2");
    return builder.ip_id(id).udp(53, 5000).payload(pattern(size, id));
}

ByteVector bytes_of(const Frame& frame) {
    return {frame.bytes().begin(), frame.bytes().end()};
}

class FragmentsTest : public testing::Test {
  protected:
    std::vector<FragmentGroup> add(const ByteVector& bytes, uint32_t wire_size = 0) {
        std::vector<FragmentGroup> done;
        Frame frame = pool_.copy(bytes, wire_size);
        const PacketView view = parse(frame.bytes(), frame.wire_size());
        EXPECT_TRUE(view.is_fragment);
        table_->add(std::move(frame), view, now_, done);
        return done;
    }

    std::vector<FragmentGroup> expire() {
        std::vector<FragmentGroup> done;
        table_->expire(now_, done);
        return done;
    }

    void limit(const FragmentLimits& limits) {
        table_ = std::make_unique<FragmentTable>(pool_, limits);
    }

    void expect_idle() {
        EXPECT_EQ(table_->datagrams(), 0u);
        EXPECT_EQ(table_->bytes(), 0u);
        EXPECT_EQ(table_->next_deadline(), kNever);
    }

    static void expect_discarded(const std::vector<FragmentGroup>& done, DiscardReason reason,
                                 const std::vector<ByteVector>& frames) {
        ASSERT_EQ(done.size(), 1u);
        EXPECT_EQ(done[0].reason, reason) << to_string(done[0].reason);
        EXPECT_FALSE(done[0].whole);
        ASSERT_EQ(done[0].frames.size(), frames.size());
        for (size_t i = 0; i < frames.size(); ++i) {
            EXPECT_EQ(bytes_of(done[0].frames[i]), frames[i]) << i;
        }
    }

    FramePool pool_;
    std::unique_ptr<FragmentTable> table_ =
        std::make_unique<FragmentTable>(pool_, FragmentLimits{});
    Time now_ = seconds(1000);
};

// --- Whole datagrams
// --------------------------------------------------------------------------------

TEST_F(FragmentsTest, DatagramIsMadeWholeFromAnyOrder) {
    for (const int family : {4, 6}) {
        const FrameBuilder builder = datagram(family);
        const auto fragments = builder.fragments(40);
        ASSERT_EQ(fragments.size(), 3u);
        const auto want = builder.build();
        std::vector<size_t> order{0, 1, 2};
        do {
            EXPECT_TRUE(add(fragments[order[0]]).empty());
            EXPECT_TRUE(add(fragments[order[1]]).empty());
            const auto done = add(fragments[order[2]]);
            ASSERT_EQ(done.size(), 1u);
            EXPECT_EQ(done[0].reason, DiscardReason::kNone);
            ASSERT_TRUE(done[0].whole);
            auto whole = bytes_of(done[0].whole);
            EXPECT_EQ(whole, want);
            ASSERT_EQ(done[0].frames.size(), 3u);
            for (size_t i = 0; i < 3; ++i) {
                EXPECT_EQ(bytes_of(done[0].frames[i]), fragments[order[i]]);
            }
            expect_idle();
        } while (std::next_permutation(order.begin(), order.end()));
    }
}

TEST_F(FragmentsTest, HeadersInFrontAreKept) {
    const FrameBuilder kBuilders[] = {
        FrameBuilder().qinq(5, 6).ipv4("10.0.0.1", "10.0.0.2").ip_options({7, 7, 4, 0}).tos(3),
        FrameBuilder().vlan(5).ipv4("10.0.0.1", "10.0.0.2").dont_fragment(),
        FrameBuilder().vlan(5).ipv6("2001:db8::1", "2001:db8::2").extension(0).extension(43),
        FrameBuilder().ipv6("2001:db8::1", "2001:db8::2").extension(0).inner_extension(60),
    };
    for (const FrameBuilder& base : kBuilders) {
        const FrameBuilder builder = FrameBuilder(base).tcp(80, 81).ack(9).payload(pattern(200));
        std::vector<FragmentGroup> done;
        for (const auto& fragment : builder.fragments(64)) done = add(fragment);
        ASSERT_EQ(done.size(), 1u);
        ASSERT_TRUE(done[0].whole);
        EXPECT_EQ(bytes_of(done[0].whole), builder.build());
        const PacketView view = parse(done[0].whole.bytes(), 0);
        EXPECT_TRUE(view.is_tcp());
        EXPECT_TRUE(transport_checksum_ok(view));
        EXPECT_TRUE(ipv4_header_checksum_ok(view));
    }
}

TEST_F(FragmentsTest, EthernetPaddingIsNoData) {
    for (const int family : {4, 6}) {
        FrameBuilder builder = datagram(family, 10);
        const auto want = builder.build();
        builder.pad_to(100);
        EXPECT_TRUE(add(builder.fragment(0, 16, true)).empty());
        const auto done = add(builder.fragment(16, 2, false));
        ASSERT_EQ(done.size(), 1u);
        EXPECT_EQ(bytes_of(done[0].whole), want);
    }
}

TEST_F(FragmentsTest, WrongIpv4HeaderChecksumStaysWrong) {
    auto fragments = datagram(4).fragments(56);
    fragments[0][24] ^= 0x10;
    add(fragments[0]);
    const auto done = add(fragments[1]);
    ASSERT_EQ(done.size(), 1u);
    const PacketView view = parse(done[0].whole.bytes(), 0);
    EXPECT_FALSE(ipv4_header_checksum_ok(view));
}

TEST_F(FragmentsTest, LongestDatagramsArePossibleAndLongerOnesBad) {
    static const struct {
        int family;
        size_t data;
        bool fits;
    } kCases[] = {{4, 65535 - 20, true}, {4, 65536 - 20, false}, {6, 65535, true}};
    for (const auto& [family, data, fits] : kCases) {
        SCOPED_TRACE(data);
        const FrameBuilder builder = datagram(family, 8);
        std::vector<FragmentGroup> done;
        for (size_t at = 0; at < data; at += 1448) {
            const size_t size = std::min<size_t>(1448, data - at);
            done = add(builder.fragment(at, size, at + size < data));
        }
        ASSERT_EQ(done.size(), 1u);
        EXPECT_EQ(done[0].reason, fits ? DiscardReason::kNone : DiscardReason::kBad);
        EXPECT_EQ(done[0].frames.size(), 46u);
    }
}

TEST_F(FragmentsTest, Ipv6HeadersCountForTheLongestDatagram) {
    const FrameBuilder builder =
        FrameBuilder().ipv6("2001:db8::1", "2001:db8::2").extension(60).udp(1, 2);
    std::vector<FragmentGroup> done;
    for (size_t at = 0; at < 65535; at += 8192) {
        const size_t size = std::min<size_t>(8192, 65535 - at);
        done = add(builder.fragment(at, size, at + size < 65535));
    }
    ASSERT_EQ(done.size(), 1u);
    EXPECT_EQ(done[0].reason, DiscardReason::kBad);
}

TEST_F(FragmentsTest, DatagramsAreKeptApart) {
    const FrameBuilder kBuilders[] = {
        datagram(4),
        datagram(4, 100, 2),
        datagram(4).vlan(5),
        datagram(4).vlan(5).vlan(6),
        datagram(4).protocol(132),
        datagram(4).ipv4("10.0.0.1", "10.0.0.3"),
        datagram(4).ipv4("10.0.0.3", "10.0.0.2"),
        datagram(6),
        datagram(6, 100, 2),
        datagram(6, 100, 0x10001),
        datagram(6).ipv6("2001:db8::1", "2001:db8::3"),
    };
    for (const FrameBuilder& builder : kBuilders) {
        EXPECT_TRUE(add(builder.fragment(0, 56, true)).empty());
    }
    EXPECT_EQ(table_->datagrams(), std::size(kBuilders));
    for (const FrameBuilder& builder : kBuilders) {
        const size_t total = builder.fragmentable().size();
        const auto done = add(builder.fragment(56, total - 56, false));
        ASSERT_EQ(done.size(), 1u);
        EXPECT_EQ(bytes_of(done[0].whole), builder.build());
    }
    expect_idle();
}

TEST_F(FragmentsTest, Ipv6DatagramDoesNotDependOnLaterNextHeaders) {
    // RFC 8200 4.5: the first fragment's next header counts, others may differ.
    const FrameBuilder builder = datagram(6);
    auto second = builder.fragment(56, 52, false);
    second[14 + 40] = 132;
    add(builder.fragment(0, 56, true));
    const auto done = add(second);
    ASSERT_EQ(done.size(), 1u);
    EXPECT_EQ(bytes_of(done[0].whole), builder.build());
}

// --- Overlaps and duplicates
// ------------------------------------------------------------------------

TEST_F(FragmentsTest, ExactDuplicateStaysWithTheGroup) {
    for (const int family : {4, 6}) {
        const auto fragments = datagram(family).fragments(40);
        add(fragments[0]);
        EXPECT_TRUE(add(fragments[0]).empty());
        add(fragments[2]);
        EXPECT_TRUE(add(fragments[2]).empty());
        const auto done = add(fragments[1]);
        ASSERT_EQ(done.size(), 1u);
        EXPECT_EQ(bytes_of(done[0].whole), datagram(family).build());
        EXPECT_EQ(done[0].frames.size(), 5u);
        expect_idle();
    }
}

TEST_F(FragmentsTest, AnyOverlapDiscardsTheDatagramAndItsRest) {
    static const struct {
        const char* name;
        size_t offset;
        size_t size;
        bool more;
        bool same_bytes;
    } kCases[] = {
        {"other bytes at the same place", 16, 32, true, false},
        {"same place, but last", 16, 32, false, true},
        {"same beginning, shorter", 16, 24, true, true},
        {"same beginning, longer", 16, 40, true, true},
        {"begins inside", 24, 32, true, true},
        {"ends inside", 0, 24, true, true},
        {"lies inside", 24, 8, true, true},
        {"covers", 8, 56, true, true},
        {"last begins inside", 40, 60, false, true},
    };
    for (const int family : {4, 6}) {
        uint32_t id = 100;
        for (const auto& [name, offset, size, more, same_bytes] : kCases) {
            SCOPED_TRACE(name);
            const FrameBuilder builder = datagram(family, 100, ++id);
            FrameBuilder evil = builder;
            if (!same_bytes) evil.payload(pattern(100, 9999));
            const auto first = builder.fragment(16, 32, true);
            const auto second = evil.fragment(offset, size, more);
            EXPECT_TRUE(add(first).empty());
            expect_discarded(add(second), DiscardReason::kOverlap, {first, second});
            expect_idle();
            // RFC 5722 4: also those not yet received.
            const auto late = builder.fragment(64, 16, true);
            expect_discarded(add(late), DiscardReason::kOverlap, {late});
            expect_idle();
        }
    }
}

TEST_F(FragmentsTest, TombstoneIsForgottenATimeoutAfterTheDiscard) {
    const FrameBuilder builder = datagram(4);
    const auto first = builder.fragment(0, 48, true);
    add(first);
    now_ += FragmentLimits{}.timeout / 2;
    add(builder.fragment(40, 48, true));
    now_ += FragmentLimits{}.timeout - Time(1);
    EXPECT_EQ(add(first).size(), 1u);
    now_ += Time(1);
    EXPECT_TRUE(add(first).empty());
    EXPECT_EQ(table_->datagrams(), 1u);
}

TEST_F(FragmentsTest, OnlySoManyTombstonesAreKept) {
    const auto overlap = [&](uint32_t id) {
        add(datagram(4, 100, id).fragment(0, 48, true));
        EXPECT_EQ(add(datagram(4, 100, id).fragment(40, 48, true)).size(), 1u);
    };
    for (uint32_t id = 0; id <= FragmentTable::kMaxTombstones; ++id) overlap(id);
    EXPECT_EQ(add(datagram(4, 100, 1).fragment(88, 8, true)).size(), 1u);
    EXPECT_TRUE(add(datagram(4, 100, 0).fragment(88, 8, true)).empty());
}

// --- Bad fragments
// ----------------------------------------------------------------------------------

TEST_F(FragmentsTest, ContradictionsDiscardTheDatagram) {
    static const struct {
        const char* name;
        struct {
            size_t offset, size;
            bool more;
        } one, two;
    } kCases[] = {
        {"odd size in the middle", {0, 8, true}, {8, 15, true}},
        {"no data in the middle", {0, 8, true}, {8, 0, true}},
        {"no data at the end", {0, 8, true}, {8, 0, false}},
        {"beyond the end", {16, 8, false}, {24, 8, true}},
        {"second end, later", {16, 8, false}, {24, 8, false}},
        {"second end, earlier", {16, 8, false}, {8, 8, false}},
        {"end before what is there", {64, 8, true}, {32, 8, false}},
        {"too long", {0, 8, true}, {65528, 8, true}},
    };
    for (const int family : {4, 6}) {
        uint32_t id = 200;
        for (const auto& [name, one, two] : kCases) {
            SCOPED_TRACE(name);
            const FrameBuilder builder = datagram(family, 100, ++id);
            const auto first = builder.fragment(one.offset, one.size, one.more);
            const auto second = builder.fragment(two.offset, two.size, two.more);
            EXPECT_TRUE(add(first).empty());
            expect_discarded(add(second), DiscardReason::kBad, {first, second});
            expect_idle();
        }
    }
}

TEST_F(FragmentsTest, CutFragmentCannotBePutTogether) {
    auto fragment = datagram(4).fragment(0, 56, true);
    const auto wire_size = static_cast<uint32_t>(fragment.size());
    fragment.resize(60);
    expect_discarded(add(fragment, wire_size), DiscardReason::kBad, {fragment});
    const auto rest = datagram(4).fragment(56, 52, false);
    expect_discarded(add(rest), DiscardReason::kBad, {rest});
}

TEST_F(FragmentsTest, TooManyFragmentsDiscardTheDatagram) {
    const FrameBuilder builder = datagram(4, 4000);
    const size_t limit = FragmentedDatagram::kMaxFrames;
    for (size_t i = 0; i < limit; ++i) {
        ASSERT_TRUE(add(builder.fragment(8 * i, 8, true)).empty()) << i;
    }
    const auto done = add(builder.fragment(8 * limit, 8, true));
    ASSERT_EQ(done.size(), 1u);
    EXPECT_EQ(done[0].reason, DiscardReason::kTooMany);
    EXPECT_EQ(done[0].frames.size(), limit + 1);
}

TEST_F(FragmentsTest, DuplicatesCountAsFrames) {
    const auto fragment = datagram(4).fragment(0, 8, true);
    for (size_t i = 0; i < FragmentedDatagram::kMaxFrames; ++i) {
        ASSERT_TRUE(add(fragment).empty()) << i;
    }
    EXPECT_EQ(add(fragment).at(0).reason, DiscardReason::kTooMany);
}

// --- Time and space
// ---------------------------------------------------------------------------------

TEST_F(FragmentsTest, DatagramsTimeOutOldestFirst) {
    limit({.timeout = milliseconds(100)});
    const auto one = datagram(4, 100, 1).fragment(0, 8, true);
    const auto two = datagram(4, 100, 2).fragment(0, 8, true);
    add(one);
    now_ += milliseconds(60);
    add(two);
    EXPECT_EQ(table_->next_deadline(), seconds(1000) + milliseconds(100));
    now_ += milliseconds(39);
    EXPECT_TRUE(expire().empty());
    now_ += milliseconds(1);
    expect_discarded(expire(), DiscardReason::kTimeout, {one});
    EXPECT_EQ(table_->next_deadline(), seconds(1000) + milliseconds(160));
    now_ += seconds(1);
    expect_discarded(expire(), DiscardReason::kTimeout, {two});
    expect_idle();
}

TEST_F(FragmentsTest, LaterFragmentsDoNotExtendTheTime) {
    limit({.timeout = milliseconds(100)});
    const FrameBuilder builder = datagram(4);
    add(builder.fragment(0, 8, true));
    now_ += milliseconds(99);
    add(builder.fragment(8, 8, true));
    now_ += milliseconds(1);
    EXPECT_EQ(expire().size(), 1u);
}

TEST_F(FragmentsTest, FragmentAfterTheDeadlineBeginsAnew) {
    limit({.timeout = milliseconds(100)});
    const FrameBuilder builder = datagram(4);
    const auto first = builder.fragment(0, 56, true);
    add(first);
    now_ += milliseconds(100);
    expect_discarded(add(builder.fragment(56, 52, false)), DiscardReason::kTimeout, {first});
    EXPECT_EQ(table_->datagrams(), 1u);
    const auto done = add(first);
    ASSERT_EQ(done.size(), 1u);
    EXPECT_TRUE(done[0].whole);
}

TEST_F(FragmentsTest, OldestDatagramGoesWhenThereAreTooMany) {
    limit({.datagrams = 2});
    const auto one = datagram(4, 100, 1).fragment(0, 8, true);
    add(one);
    add(datagram(4, 100, 2).fragment(0, 8, true));
    expect_discarded(add(datagram(4, 100, 3).fragment(0, 8, true)), DiscardReason::kTableFull,
                     {one});
    EXPECT_EQ(table_->datagrams(), 2u);
}

TEST_F(FragmentsTest, OldestDatagramsGoWhenTheBytesAreTooMany) {
    const auto one = datagram(4, 100, 1).fragment(0, 8, true);
    const auto two = datagram(4, 100, 2).fragment(0, 8, true);
    const size_t each = pool_.copy(one).memory();
    limit({.bytes = 2 * each});
    add(one);
    add(two);
    const auto large = datagram(4, 4000, 3).fragment(0, 1400, true);
    ASSERT_GT(pool_.copy(large).memory(), 2 * each);
    const auto done = add(large);
    // Too large for any company, and at last for itself.
    ASSERT_EQ(done.size(), 3u);
    for (const FragmentGroup& group : done) EXPECT_EQ(group.reason, DiscardReason::kTableFull);
    expect_idle();
}

TEST_F(FragmentsTest, CompletingFragmentNeedsNoRoom) {
    const FrameBuilder builder = datagram(4);
    const auto fragments = builder.fragments(56);
    limit({.bytes = pool_.copy(fragments[0]).memory()});
    EXPECT_TRUE(add(fragments[0]).empty());
    const auto done = add(fragments[1]);
    ASSERT_EQ(done.size(), 1u);
    EXPECT_TRUE(done[0].whole);
}

TEST_F(FragmentsTest, DrainGivesAllBackAndForgetsTombstones) {
    const auto one = datagram(4, 100, 1).fragment(0, 48, true);
    add(one);
    add(datagram(4, 100, 2).fragment(0, 48, true));
    add(datagram(4, 100, 2).fragment(40, 48, true));
    std::vector<FragmentGroup> done;
    table_->drain(done);
    expect_discarded(done, DiscardReason::kDrained, {one});
    expect_idle();
    EXPECT_TRUE(add(datagram(4, 100, 2).fragment(0, 48, true)).empty());
}

TEST(FragmentNamesTest, EveryReasonHasAName) {
    for (int i = 0; i < static_cast<int>(DiscardReason::kCount); ++i) {
        EXPECT_STRNE(to_string(static_cast<DiscardReason>(i)), "?");
    }
}

// --- Whatever comes
// ---------------------------------------------------------------------------------

/// A few datagrams' fragments, random extents among them; every frame must come back exactly once.
RC_GTEST_PROP(FragmentsProperty, NoFrameIsLostAndNoDatagramForged, ()) {
    FramePool pool;
    FragmentTable table(pool, {.datagrams = 3, .bytes = 8192, .timeout = milliseconds(50)});
    std::vector<FragmentGroup> done;
    std::map<const uint8_t*, int> seen;
    Time now{};
    const int count = *rc::gen::inRange(1, 60);
    for (int i = 0; i < count; ++i) {
        const FrameBuilder builder = datagram(*rc::gen::element(4, 6), 56, *rc::gen::inRange(1, 4));
        const size_t offset = 8 * *rc::gen::inRange<size_t>(0, 8);
        const size_t size = std::min<size_t>(8 * *rc::gen::inRange<size_t>(1, 5), 64 - offset);
        const bool more = offset + size < 64 || *rc::gen::inRange(0, 9) == 0;
        if (offset == 0 && !more) continue;
        Frame frame = pool.copy(builder.fragment(offset, size, more));
        const PacketView view = parse(frame.bytes(), 0);
        seen[frame.data()] = 0;
        table.add(std::move(frame), view, now, done);
        now += milliseconds(*rc::gen::inRange(0, 10));
        RC_ASSERT(table.datagrams() <= 3u);
        RC_ASSERT(table.bytes() <= 8192u);
    }
    table.drain(done);
    for (const FragmentGroup& group : done) {
        for (const Frame& frame : group.frames) ++seen.at(frame.data());
        RC_ASSERT(static_cast<bool>(group.whole) == (group.reason == DiscardReason::kNone));
        if (!group.whole) continue;
        const PacketView view = parse(group.whole.bytes(), 0);
        RC_ASSERT(view.level == Level::kTransport);
        RC_ASSERT(transport_checksum_ok(view));
    }
    for (const auto& [frame, times] : seen) RC_ASSERT(times == 1);
    RC_ASSERT(table.bytes() == 0u);
}

}  // namespace
}  // namespace colo
