// SPDX-License-Identifier: GPL-2.0-or-later
// The oracle: the frames that the guest's stack would have sent without a helping card, built field
// by field with checksums made the slow way; and, where no such frame is at hand, a reader of bytes
// that shares no code with packet/.
#include "packet/offload.h"

#include <gtest/gtest.h>
// gtest first: rapidcheck/gtest.h needs it.
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "packet/receive_buffer.h"
#include "tests/support/frame_builder.h"

namespace colo {
namespace {

using test::ByteVector;
using test::FrameBuilder;
using test::pattern;
using test::v6;
using namespace test::tcp_option;

constexpr uint8_t kNeeds = vnet_flag::kNeedsChecksum;
constexpr uint8_t kEcn = 0x80;

std::vector<ByteVector> only(const ByteVector& frame) {
    return {1, frame};
}

/// A vnet header as bytes.
struct Front {
    uint8_t flags = 0;
    uint8_t type = 0;
    uint16_t header_length = 0;
    uint16_t gso_size = 0;
    uint16_t start = 0;
    uint16_t offset = 0;
    size_t size = 12;

    ByteVector bytes() const {
        ByteVector front{flags, type};
        for (const uint16_t v : {header_length, gso_size, start, offset}) {
            front.push_back(static_cast<uint8_t>(v));
            front.push_back(static_cast<uint8_t>(v >> 8));
        }
        front.resize(size, 0xee);  // what follows says nothing about the frame
        return front;
    }
};

Front gso(GsoType type, uint16_t size) {
    Front front;
    front.type = static_cast<uint8_t>(type);
    front.gso_size = size;
    return front;
}

/// The checksum of what `builder` describes is at `offset` of its transport, and partial.
Front needs(const FrameBuilder& builder, uint16_t offset, Front front = {}) {
    front.flags = kNeeds;
    front.start = static_cast<uint16_t>(builder.l4_offset());
    front.offset = offset;
    return front;
}

/// The frame as a guest gives it to its card: only the pseudo header's sum is in the checksum
/// field.
ByteVector partial(const FrameBuilder& builder, size_t field) {
    ByteVector frame = builder.build();
    const size_t ip = builder.ip_offset();
    const size_t at = builder.l4_offset();
    const bool ipv6 = frame[ip] >> 4 == 6;
    const size_t addresses = ip + (ipv6 ? 8 : 12);
    const size_t packet_end =
        ip + (ipv6 ? 40u + load_be16(&frame[ip + 4]) : load_be16(&frame[ip + 2]));
    const auto from = frame.begin() + static_cast<ptrdiff_t>(addresses);
    ByteVector pseudo(from, from + (ipv6 ? 32 : 8));
    test::append32(pseudo, static_cast<uint32_t>(packet_end - at));
    test::append32(pseudo, field == 16 ? 6 : field == 6 ? 17 : 58);
    test::put16(frame, at + field, static_cast<uint16_t>(~test::slow_checksum(pseudo)));
    return frame;
}

struct Result {
    VnetProblem problem;
    std::vector<ByteVector> frames;
};

class OffloadTest : public testing::Test {
  protected:
    Result run(const Front& front, const ByteVector& bytes) {
        Frame frame = pool_.copy_with_front(front.bytes(), bytes);
        return run(frame);
    }
    Result run(Frame& frame) {
        std::vector<Frame> out;
        Result result{offload_.expand(frame, out), {}};
        for (const Frame& piece : out) {
            EXPECT_TRUE(piece.front().empty());
            EXPECT_EQ(piece.wire_size(), piece.size());
            result.frames.emplace_back(piece.bytes().begin(), piece.bytes().end());
        }
        return result;
    }

    FramePool pool_;
    Offload offload_{pool_, FlowHash(1, 2)};
};

FrameBuilder numbered_v4() {
    return FrameBuilder().ipv4("10.0.0.1", "10.0.0.2").ip_id(0xfffe).dont_fragment().tos(3);
}
ByteVector slice(const ByteVector& bytes, size_t offset, size_t size) {
    const auto begin = bytes.begin() + static_cast<ptrdiff_t>(offset);
    return {begin, begin + static_cast<ptrdiff_t>(std::min(size, bytes.size() - offset))};
}

/// What a stack without a card would have sent of `payload`: one frame each `size` bytes.
std::vector<ByteVector> sent_without_card(const FrameBuilder& builder, const ByteVector& payload,
                                          size_t size, uint32_t seq, uint8_t flags, uint32_t id) {
    std::vector<ByteVector> frames;
    for (size_t offset = 0; offset == 0 || offset < payload.size(); offset += size) {
        const bool is_last = offset + size >= payload.size();
        uint8_t now = flags;
        if (!is_last) now &= static_cast<uint8_t>(~(tcp_flag::kFin | tcp_flag::kPsh));
        if (offset > 0) now &= static_cast<uint8_t>(~tcp_flag::kCwr);
        frames.push_back(FrameBuilder(builder)
                             .seq(static_cast<uint32_t>(seq + offset))
                             .flags(now)
                             .ip_id(id++ & 0xffff)
                             .payload(slice(payload, offset, size))
                             .build());
    }
    return frames;
}

// --- What needs nothing
// -----------------------------------------------------------------------------

TEST_F(OffloadTest, FrameWithNothingToDoIsTheSameBuffer) {
    const auto bytes = numbered_v4().tcp(1, 2).payload("x").wrong_checksum().build();
    Front data_valid;
    data_valid.flags = vnet_flag::kDataValid;
    for (const Front& front : {Front{}, data_valid}) {
        for (const size_t size : {10, 12, 20}) {
            Front sized = front;
            sized.size = size;
            Frame frame = pool_.copy_with_front(sized.bytes(), bytes);
            const Frame held = frame.share();
            std::vector<Frame> out;
            EXPECT_EQ(offload_.expand(frame, out), VnetProblem::kNone);
            EXPECT_FALSE(frame);
            ASSERT_EQ(out.size(), 1u);
            EXPECT_EQ(out[0].data(), held.data());
            EXPECT_TRUE(out[0].front().empty());
            EXPECT_TRUE(std::ranges::equal(out[0].bytes(), bytes));
            EXPECT_EQ(held.front().size(), size);
        }
    }
    EXPECT_EQ(offload_.counters().passed, 6u);
}

TEST_F(OffloadTest, FrameWithoutAHeaderPasses) {
    Frame frame = pool_.copy(pattern(60), 1500);
    std::vector<Frame> out;
    EXPECT_EQ(offload_.expand(frame, out), VnetProblem::kNone);
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(out[0].wire_size(), 1500u);
}

// --- One checksum
// -----------------------------------------------------------------------------------

struct ChecksumCase {
    const char* name;
    FrameBuilder builder;
    uint16_t field;
};

const std::vector<ChecksumCase>& checksum_cases() {
    static const std::vector<ChecksumCase> cases = {
        {"tcp4", numbered_v4().tcp(80, 40000).payload(pattern(101)), 16},
        {"tcp4, options, tags", numbered_v4().qinq(5, 6).ip_options({1, 1, 1}).tcp(80, 4).options({mss(9)}),
         16},
        {"tcp6", v6().tcp(80, 40000).payload(pattern(100)), 16},
        {"tcp6, extensions", v6().vlan(7).extension(0).extension(60).tcp(80, 4).payload("abc"), 16},
        {"udp4", numbered_v4().udp(80, 40000).payload(pattern(101)), 6},
        {"udp6", v6().udp(80, 40000).payload(pattern(100)), 6},
        {"icmp6", v6().echo(128, 7, 8).payload(pattern(33)), 2},
    };
    return cases;
}

TEST_F(OffloadTest, PartialChecksumIsCompleted) {
    for (const ChecksumCase& c : checksum_cases()) {
        const auto result = run(needs(c.builder, c.field), partial(c.builder, c.field));
        EXPECT_EQ(result.problem, VnetProblem::kNone) << c.name;
        EXPECT_EQ(result.frames, only(c.builder.build())) << c.name;
    }
    EXPECT_EQ(offload_.counters().completed, checksum_cases().size());
}

TEST_F(OffloadTest, SharedBytesAreCompletedInACopy) {
    const FrameBuilder builder = numbered_v4().tcp(80, 4).payload(pattern(50));
    const auto bytes = partial(builder, 16);
    for (const bool shared : {false, true}) {
        Frame frame = pool_.copy_with_front(needs(builder, 16).bytes(), bytes);
        const uint8_t* const where = frame.data();
        Frame held;
        if (shared) held = frame.share();
        std::vector<Frame> out;
        EXPECT_EQ(offload_.expand(frame, out), VnetProblem::kNone);
        EXPECT_FALSE(frame);
        ASSERT_EQ(out.size(), 1u);
        EXPECT_TRUE(std::ranges::equal(out[0].bytes(), builder.build()));
        EXPECT_EQ(out[0].data() == where, !shared);
        if (!shared) continue;
        EXPECT_TRUE(std::ranges::equal(held.bytes(), bytes));
        EXPECT_EQ(held.front().size(), 12u);
    }
}

TEST_F(OffloadTest, PaddingIsNotCovered) {
    const FrameBuilder builder = numbered_v4().udp(1, 2).payload("x").pad_to(60);
    auto padded = partial(builder, 6);
    auto want = builder.build();
    padded.back() = want.back() = 0x77;
    EXPECT_EQ(run(needs(builder, 6), padded).frames, only(want));
}

TEST_F(OffloadTest, ChecksumThatComesOutAsZeroIsWrittenAsItsEqual) {
    FrameBuilder builder = numbered_v4().udp(1, 2).payload(ByteVector(2));
    const auto zero = builder.build();
    ByteVector complement{zero[builder.l4_offset() + 6], zero[builder.l4_offset() + 7]};
    builder.payload(complement);
    const auto want = builder.build();
    ASSERT_EQ(load_be16(&want[builder.l4_offset() + 6]), 0xffff);
    EXPECT_EQ(run(needs(builder, 6), partial(builder, 6)).frames, only(want));
    const Front uso = needs(builder, 6, gso(GsoType::kUdpDatagrams, 100));
    EXPECT_EQ(run(uso, partial(builder, 6)).frames, only(want));
}

TEST_F(OffloadTest, InnerChecksumOfATunnelIsCompletedWhereTheHeaderPoints) {
    const FrameBuilder inner = numbered_v4().tcp(80, 40000).payload(pattern(99));
    const FrameBuilder outer = numbered_v4().udp(5, 4789).no_udp_checksum();
    const auto wrap = [&](const ByteVector& frame) {
        ByteVector payload(8);
        test::append(payload, frame);
        return FrameBuilder(outer).payload(payload).build();
    };
    Front front = needs(inner, 16);
    front.start = static_cast<uint16_t>(front.start + outer.l4_offset() + 16);
    EXPECT_EQ(run(front, wrap(partial(inner, 16))).frames, only(wrap(inner.build())));
}

// --- TCP
// --------------------------------------------------------------------------------------------

struct Shape {
    const char* name;
    FrameBuilder builder;
};

const std::vector<Shape>& tcp_shapes() {
    static const auto stamps = {nop(), nop(), timestamps(1, 2)};
    static const auto full = {timestamps(1, 2), sack({{1, 2}, {3, 4}, {5, 6}}), nop(), nop()};
    static const std::vector<Shape> shapes = {
        {"v4", numbered_v4().tcp(80, 40000)},
        {"v4 timestamps", numbered_v4().tcp(80, 40000).options(stamps)},
        {"v4 all options", numbered_v4().vlan(5, 3).ip_options(ByteVector(40, 1)).tcp(80, 4).options(full)},
        {"v4 two tags", numbered_v4().qinq(5, 6).tcp(80, 40000).options(stamps)},
        {"v6", v6().tcp(80, 40000)},
        {"v6 all options", v6().vlan(5).tcp(80, 40000).options(full)},
        {"v6 extensions", v6().extension(0).extension(43).extension(60).tcp(80, 4).options(stamps)},
    };
    return shapes;
}

Front tso_front(const FrameBuilder& builder, uint16_t size) {
    const bool ipv6 = builder.build()[builder.ip_offset()] >> 4 == 6;
    return gso(ipv6 ? GsoType::kTcpv6 : GsoType::kTcpv4, size);
}

TEST_F(OffloadTest, TcpIsCutIntoWhatTheStackWouldHaveSent) {
    constexpr uint32_t kSeq = 0xfffffe00;  // and across the wrap
    const uint8_t flag_sets[] = {tcp_flag::kAck, tcp_flag::kAck | tcp_flag::kPsh | tcp_flag::kFin,
                                 tcp_flag::kAck | tcp_flag::kCwr | tcp_flag::kEce, 0xff & ~0x26};
    for (const Shape& shape : tcp_shapes()) {
        for (const size_t total : {0, 1, 999, 1000, 1001, 2000, 5001}) {
            for (const uint8_t flags : flag_sets) {
                SCOPED_TRACE(std::string(shape.name) + ", " + std::to_string(total));
                const auto payload = pattern(total);
                auto builder = FrameBuilder(shape.builder).ack(77).seq(kSeq).flags(flags);
                const auto want = sent_without_card(builder, payload, 1000, kSeq, flags, 0xfffe);
                builder.payload(payload);
                Front front = tso_front(builder, 1000);
                EXPECT_EQ(run(front, builder.build()).frames, want);
                front = needs(builder, 16, front);
                front.type |= kEcn;
                EXPECT_EQ(run(front, partial(builder, 16)).frames, want);
            }
        }
    }
}

TEST_F(OffloadTest, FragmentHeaderOfAWholePacketIsKept) {
    const auto builder = v6().atomic_fragment().ip_id(9).tcp(80, 4);
    std::vector<ByteVector> want;
    for (const uint32_t seq : {0, 10}) {
        want.push_back(FrameBuilder(builder).seq(seq).payload(slice(pattern(20), seq, 10)).build());
    }
    const auto frame = FrameBuilder(builder).payload(pattern(20)).build();
    EXPECT_EQ(run(gso(GsoType::kTcpv6, 10), frame).frames, want);
}

TEST_F(OffloadTest, PiecesAreCounted) {
    const FrameBuilder builder = numbered_v4().tcp(80, 4).payload(pattern(2500));
    run(tso_front(builder, 1000), builder.build());
    run(tso_front(builder, 2500), builder.build());
    EXPECT_EQ(offload_.counters().cut, 2u);
    EXPECT_EQ(offload_.counters().pieces, 4u);
    EXPECT_EQ(offload_.counters().passed, 0u);
}

TEST_F(OffloadTest, FrameThatIsCutLeavesOtherHandlesAlone) {
    const FrameBuilder builder = numbered_v4().tcp(80, 4).payload(pattern(2500));
    const auto bytes = partial(builder, 16);
    const Front tso = needs(builder, 16, tso_front(builder, 1000));
    const Front ufo = needs(numbered_v4().udp(1, 2), 6, gso(GsoType::kUdpFragments, 1000));
    const auto datagram = partial(numbered_v4().udp(1, 2).payload(pattern(2500)), 6);
    for (const auto& [front, data] : {std::pair{tso, bytes}, std::pair{ufo, datagram}}) {
        Frame frame = pool_.copy_with_front(front.bytes(), data);
        const Frame held = frame.share();
        EXPECT_EQ(run(frame).frames.size(), 3u);
        EXPECT_FALSE(frame);
        EXPECT_TRUE(std::ranges::equal(held.bytes(), data));
    }
}

TEST_F(OffloadTest, EthernetPaddingIsNoPayload) {
    const FrameBuilder builder = numbered_v4().tcp(80, 4).payload("0123456789").pad_to(100);
    const auto want =
        sent_without_card(numbered_v4().tcp(80, 4), test::to_bytes("0123456789"), 8, 0, 0, 0xfffe);
    EXPECT_EQ(run(tso_front(builder, 8), builder.build()).frames, want);
}

TEST_F(OffloadTest, WrongIpChecksumOfAFrameToBeCutIsNotCopied) {
    const FrameBuilder builder = numbered_v4().tcp(80, 4).payload(pattern(20));
    auto frame = builder.build();
    test::put16(frame, 14 + 10, 0);
    EXPECT_EQ(run(tso_front(builder, 100), frame).frames, only(builder.build()));
}

TEST_F(OffloadTest, LongestPacketIsCut) {
    for (const bool ipv6 : {false, true}) {
        const FrameBuilder empty = ipv6 ? v6().tcp(80, 4) : numbered_v4().tcp(80, 4);
        const auto payload = pattern(65535 - 20 - (ipv6 ? 0 : 20));
        const auto frame = FrameBuilder(empty).payload(payload).build();
        for (const uint16_t size : {8, 1448, 65535}) {
            EXPECT_EQ(run(tso_front(empty, size), frame).frames,
                      sent_without_card(empty, payload, size, 0, 0, 0xfffe))
                << size;
        }
    }
}

// --- UDP
// --------------------------------------------------------------------------------------------

TEST_F(OffloadTest, UdpIsCutIntoDatagrams) {
    const std::vector<Shape> shapes = {
        {"v4", numbered_v4().udp(80, 40000)},
        {"v4 tags", numbered_v4().qinq(5, 6).ip_options({7, 4, 4, 0}).udp(80, 40000)},
        {"v6", v6().udp(80, 40000)},
        {"v6 extension", v6().vlan(5).extension(60).udp(80, 40000)},
    };
    for (const Shape& shape : shapes) {
        for (const size_t total : {0, 1, 1000, 1001, 5001}) {
            SCOPED_TRACE(std::string(shape.name) + ", " + std::to_string(total));
            const auto payload = pattern(total);
            const auto want = sent_without_card(shape.builder, payload, 1000, 0, 0, 0xfffe);
            const auto builder = FrameBuilder(shape.builder).ip_id(0xfffe).payload(payload);
            const Front front = gso(GsoType::kUdpDatagrams, 1000);
            EXPECT_EQ(run(front, builder.build()).frames, want);
            EXPECT_EQ(run(needs(builder, 6, front), partial(builder, 6)).frames, want);
        }
    }
}

TEST_F(OffloadTest, UdpWithoutChecksumStaysWithoutOne) {
    const auto builder = numbered_v4().udp(80, 40000).no_udp_checksum();
    const auto payload = pattern(25);
    const auto frame = FrameBuilder(builder).payload(payload).build();
    EXPECT_EQ(run(gso(GsoType::kUdpDatagrams, 10), frame).frames,
              sent_without_card(builder, payload, 10, 0, 0, 0xfffe));
    // The fragments also lose "don't fragment".
    const auto fragments = FrameBuilder()
                               .ipv4("10.0.0.1", "10.0.0.2")
                               .ip_id(0xfffe)
                               .tos(3)
                               .udp(80, 40000)
                               .no_udp_checksum()
                               .payload(payload);
    EXPECT_EQ(run(gso(GsoType::kUdpFragments, 16), frame).frames, fragments.fragments(16));
}

TEST_F(OffloadTest, ZeroInAPartialChecksumIsNoAbsentOne) {
    const auto builder = numbered_v4().udp(80, 40000);
    const auto payload = pattern(25);
    const auto whole = FrameBuilder(builder).payload(payload);
    auto frame = whole.build();
    test::put16(frame, whole.l4_offset() + 6, 0);
    EXPECT_EQ(run(needs(whole, 6, gso(GsoType::kUdpDatagrams, 10)), frame).frames,
              sent_without_card(builder, payload, 10, 0, 0, 0xfffe));
}

// --- Fragments
// --------------------------------------------------------------------------------------

TEST_F(OffloadTest, DatagramIsFragmented) {
    const FrameBuilder plain4 = FrameBuilder().ipv4("10.0.0.1", "10.0.0.2").ip_id(0x1234);
    struct Case {
        const char* name;
        FrameBuilder builder;
        size_t fragment_header;  ///< 0: IPv4
    };
    const Case cases[] = {
        {"v4", FrameBuilder(plain4).udp(80, 4), 0},
        {"v4 tags, options", FrameBuilder(plain4).qinq(5, 6).ip_options({1, 1}).udp(80, 4), 0},
        {"v6", v6().udp(80, 4), 54},
        {"v6 up to routing", v6().extension(0).extension(60).extension(43).udp(80, 4), 78},
        {"v6 options behind", v6().vlan(5).extension(0).inner_extension(60).udp(80, 4), 66},
        {"v6 long options", v6().inner_extension(60, ByteVector(14)).udp(80, 4), 54},
    };
    for (const Case& c : cases) {
        for (const size_t total : {1500, 1600, 5000}) {
            for (const uint16_t size : {8, 600, 1447}) {
                SCOPED_TRACE(std::string(c.name) + ", " + std::to_string(total));
                auto builder = FrameBuilder(c.builder).payload(pattern(total));
                const auto got = run(gso(GsoType::kUdpFragments, size), builder.build()).frames;
                ASSERT_FALSE(got.empty());
                if (c.fragment_header) builder.ip_id(load_be32(&got[0][c.fragment_header + 4]));
                EXPECT_EQ(got, builder.fragments(size / 8 * 8u));
            }
        }
    }
}

TEST_F(OffloadTest, ChecksumOfAFragmentedDatagramIsCompletedFirst) {
    for (const bool ipv6 : {false, true}) {
        auto builder = ipv6 ? v6() : FrameBuilder().ipv4("10.0.0.1", "10.0.0.2");
        builder.udp(80, 40000).payload(pattern(3001));
        const Front front = needs(builder, 6, gso(GsoType::kUdpFragments, 1448));
        const auto got = run(front, partial(builder, 6)).frames;
        ASSERT_EQ(got.size(), 3u);
        if (ipv6) builder.ip_id(load_be32(&got[0][14 + 40 + 4]));
        EXPECT_EQ(got, builder.fragments(1448));
    }
}

TEST_F(OffloadTest, DatagramThatFitsIsNotFragmented) {
    for (const FrameBuilder& base : {numbered_v4(), v6()}) {
        const auto builder = FrameBuilder(base).udp(80, 40000).payload(pattern(92));
        const auto whole = only(builder.build());
        const Front fits = gso(GsoType::kUdpFragments, 100);
        EXPECT_EQ(run(fits, builder.build()).frames, whole);
        EXPECT_EQ(run(needs(builder, 6, fits), partial(builder, 6)).frames, whole);
        EXPECT_EQ(run(gso(GsoType::kUdpFragments, 99), builder.build()).frames.size(), 2u);
    }
}

TEST_F(OffloadTest, DatagramsHaveIdentificationsOfTheirOwn) {
    const auto id_of = [](Offload& offload, FramePool& pool, const FrameBuilder& builder) {
        Frame frame = pool.copy_with_front(gso(GsoType::kUdpFragments, 1000).bytes(),
                                           FrameBuilder(builder).payload(pattern(2000)).build());
        std::vector<Frame> out;
        EXPECT_EQ(offload.expand(frame, out), VnetProblem::kNone);
        EXPECT_EQ(out.size(), 3u);
        for (const Frame& piece : out) {
            EXPECT_EQ(load_be32(piece.data() + 58), load_be32(out[0].data() + 58));
        }
        return load_be32(out[0].data() + 58);
    };
    const auto builder = v6().udp(80, 40000);
    const uint32_t first = id_of(offload_, pool_, builder);
    EXPECT_EQ(id_of(offload_, pool_, builder), first + 1);
    Offload other(pool_, FlowHash(3, 4));
    EXPECT_NE(id_of(other, pool_, builder), first);
}

// --- Refusals
// ---------------------------------------------------------------------------------------

TEST_F(OffloadTest, RefusedFrameStaysWithTheCallerAndIsCounted) {
    const FrameBuilder tcp = numbered_v4().tcp(80, 4).payload(pattern(100));
    const auto with_flags = [&](uint8_t flags) { return FrameBuilder(tcp).flags(flags).build(); };
    const FrameBuilder udp = numbered_v4().udp(80, 4).payload(pattern(100));
    const FrameBuilder deep = v6().extension(60, ByteVector(118)).tcp(80, 4).payload(pattern(100));
    const Front tso = gso(GsoType::kTcpv4, 50);
    Front elsewhere = needs(tcp, 16, tso);
    elsewhere.start += 2;
    Front outside = needs(tcp, 16);
    outside.offset = 0xffff;
    Front eleven;
    eleven.size = 11;
    struct Case {
        const char* name;
        VnetProblem problem;
        Front front;
        ByteVector frame;
    };
    const Case cases[] = {
        {"size", VnetProblem::kFrontSize, eleven, tcp.build()},
        {"field", VnetProblem::kChecksumOutside, outside, tcp.build()},
        {"type", VnetProblem::kGsoType, gso(GsoType::kTcpv6, 50), tcp.build()},
        {"zero", VnetProblem::kGsoSizeZero, gso(GsoType::kTcpv4, 0), tcp.build()},
        {"elsewhere", VnetProblem::kChecksumElsewhere, elsewhere, partial(tcp, 16)},
        {"one byte", VnetProblem::kGsoSizeSmall, gso(GsoType::kTcpv4, 1), tcp.build()},
        {"seven bytes", VnetProblem::kGsoSizeSmall, gso(GsoType::kUdpFragments, 7), udp.build()},
        {"headers", VnetProblem::kHeadersLong, gso(GsoType::kTcpv6, 50), deep.build()},
        {"SYN", VnetProblem::kTcpFlags, tso, with_flags(tcp_flag::kSyn)},
        {"RST", VnetProblem::kTcpFlags, tso, with_flags(tcp_flag::kRst | tcp_flag::kAck)},
        {"URG", VnetProblem::kTcpFlags, tso, with_flags(tcp_flag::kUrg | tcp_flag::kAck)},
    };
    Offload::Counters want;
    for (const Case& c : cases) {
        SCOPED_TRACE(c.name);
        const auto front = c.front.bytes();
        Frame frame = pool_.copy_with_front(front, c.frame);
        const Result result = run(frame);
        EXPECT_EQ(result.problem, c.problem) << to_string(result.problem);
        EXPECT_TRUE(result.frames.empty());
        ASSERT_TRUE(frame);
        EXPECT_TRUE(std::ranges::equal(frame.bytes(), c.frame));
        EXPECT_TRUE(std::ranges::equal(frame.front(), front));
        ++want.refused[static_cast<size_t>(c.problem)];
        EXPECT_EQ(offload_.counters().refused, want.refused);
        EXPECT_EQ(offload_.counters().refused_for(c.problem), want.refused_for(c.problem));
    }
    EXPECT_EQ(offload_.counters().passed + offload_.counters().completed, 0u);
    EXPECT_EQ(offload_.counters().cut, 0u);
}

TEST_F(OffloadTest, SegmentThatNeedsNoCutMayHaveAnyFlag) {
    const auto frame =
        numbered_v4().tcp(80, 4).flags(tcp_flag::kSyn | tcp_flag::kUrg).payload(pattern(50)).build();
    EXPECT_EQ(run(gso(GsoType::kTcpv4, 50), frame).frames, only(frame));
}

TEST_F(OffloadTest, HeadersUpToTheLimitAreCopied) {
    // 14 + 40 + 112 + 24: headers are multiples of 4 behind Ethernet's, so 190 is the most below
    // 192.
    const auto builder =
        v6().extension(60, ByteVector(110)).tcp(80, 4).options({mss(9)}).payload(pattern(100));
    ASSERT_EQ(builder.build().size(), 190u + 100);
    EXPECT_EQ(run(gso(GsoType::kTcpv6, 50), builder.build()).frames.size(), 2u);
}

TEST_F(OffloadTest, FrameLongerThanAnyIsRefused) {
    ReceiveBuffer buffer(pool_);
    const Front front = needs(numbered_v4().tcp(1, 2), 16);
    const MutableBytes space = buffer.space();
    const auto header = front.bytes();
    std::fill(space.begin(), space.begin() + kMaxFrameBytes + 100, uint8_t{0});
    std::copy(header.begin(), header.end(), space.begin());
    buffer.commit(kMaxFrameBytes + 100);
    Frame frame = buffer.take(12, kMaxFrameBytes + 1);
    EXPECT_EQ(run(frame).problem, VnetProblem::kFrameTooLong);
    EXPECT_TRUE(frame);
}

TEST_F(OffloadTest, NoFrameBecomesMoreThanTheBoundSays) {
    // The longest headers that are copied, the shortest pieces.
    const auto base = v6().qinq(5, 6).extension(60, ByteVector(102)).tcp(80, 4);
    const auto payload = pattern(65535 - 104 - 20);
    const auto result = run(gso(GsoType::kTcpv6, 8), FrameBuilder(base).payload(payload).build());
    EXPECT_EQ(result.frames.size(), (payload.size() + 7) / 8);
    size_t bytes = 0;
    for (const auto& frame : result.frames) bytes += frame.size();
    EXPECT_LE(bytes, 1'700'000u);
    EXPECT_LE(result.frames.size(), 65535u / Offload::kMinGsoSize);
}

// --- Hostile headers
// --------------------------------------------------------------------------------

/// What a receiver makes of a piece: lengths that fit, an IPv4 header checksum that is right.
void expect_sound_ip(const ByteVector& frame) {
    ASSERT_GE(frame.size(), 34u);
    if (frame[14] >> 4 == 6) {
        ASSERT_GE(frame.size(), 54u);
        EXPECT_EQ(size_t{load_be16(&frame[18])} + 54, frame.size());
        return;
    }
    EXPECT_EQ(size_t{load_be16(&frame[16])} + 14, frame.size());
    EXPECT_EQ(test::slow_checksum(slice(frame, 14, (frame[14] & 15u) * 4)), 0);
}

/// A buffer class is filled to its end, so that a byte too far is the sanitizer's.
ByteVector filled(FrameBuilder builder, size_t front) {
    const size_t headers = builder.build().size();
    return builder.payload(pattern(256 - front - headers)).build();
}

TEST_F(OffloadTest, EveryFieldMayLie) {
    const uint16_t values[] = {0,  1,  7,  8,   13,  14,  15,  16,  33,     34,     35,     36,
                               54, 70, 74, 199, 200, 241, 242, 243, 0x7fff, 0x8000, 0xfff0, 0xffff};
    const uint8_t types[] = {0, 1, 2, 3, 4, 5, 6, 0x20, 0x7f, 0x80, 0x81, 0x83, 0x84, 0x85, 0xff};
    const FrameBuilder builders[] = {numbered_v4().tcp(80, 4), v6().tcp(80, 4), numbered_v4().udp(80, 4),
                                     v6().extension(0).udp(80, 4), numbered_v4().echo(8, 1, 1)};
    uint64_t runs = 0;
    for (const FrameBuilder& builder : builders) {
        const auto bytes = filled(builder, 12);
        for (const uint8_t type : types) {
            for (const uint8_t flags : {0, 1, 2, 3, 0xff}) {
                for (const uint16_t a : values) {
                    for (const uint16_t b : values) {
                        // Sizes with starts, then starts with offsets.
                        for (const Front& front :
                             {Front{flags, type, b, a, b, 16}, Front{flags, type, 0, 100, a, b}}) {
                            ++runs;
                            const auto result = run(front, bytes);
                            const bool is_gso = (type & 0x7f) != 0;
                            ASSERT_EQ(result.frames.empty(), result.problem != VnetProblem::kNone);
                            if (!is_gso) continue;
                            for (const auto& frame : result.frames) expect_sound_ip(frame);
                        }
                    }
                }
            }
        }
    }
    const auto& counters = offload_.counters();
    uint64_t seen = counters.passed + counters.completed + counters.cut;
    for (const uint64_t refused : counters.refused) seen += refused;
    EXPECT_EQ(seen, runs);
}

TEST_F(OffloadTest, EveryByteOfThePacketMayLie) {
    const FrameBuilder builders[] = {
        numbered_v4().vlan(5).tcp(80, 4).options({timestamps(1, 2)}).payload(pattern(60)),
        v6().extension(0).extension(43).extension(60).tcp(80, 4).payload(pattern(60)),
        numbered_v4().udp(80, 4).payload(pattern(60)),
        v6().extension(0).extension(60).udp(80, 4).payload(pattern(60))};
    for (const FrameBuilder& builder : builders) {
        const auto sample = builder.build();
        for (size_t at = 12; at < builder.l4_offset() + 20; ++at) {
            for (const uint8_t value : {0x00, 0x01, 0x2c, 0x3c, 0x45, 0x4f, 0x60, 0x7f, 0xff}) {
                auto lie = sample;
                lie[at] = value;
                for (const uint8_t type : {0, 1, 3, 4, 5}) {
                    for (const uint8_t flags : {0, 1}) {
                        Front front = needs(builder, type == 1 || type == 4 ? 16 : 6);
                        front.flags = flags;
                        front.type = type;
                        front.gso_size = 8;
                        const auto result = run(front, lie);
                        ASSERT_EQ(result.frames.empty(), result.problem != VnetProblem::kNone);
                    }
                }
            }
        }
    }
}

TEST_F(OffloadTest, CutOffAnywhereIsRefusedOrSmall) {
    const auto builder = numbered_v4().tcp(80, 4).payload(pattern(60));
    const auto sample = partial(builder, 16);
    const Front front = needs(builder, 16, gso(GsoType::kTcpv4, 8));
    for (size_t size = 0; size < sample.size(); ++size) {
        EXPECT_NE(run(front, slice(sample, 0, size)).problem, VnetProblem::kNone) << size;
    }
}

// --- Properties
// -------------------------------------------------------------------------------------

FrameBuilder any_network(bool ipv6) {
    FrameBuilder builder;
    for (int tags = *rc::gen::inRange(0, 3); tags > 0; --tags) builder.vlan(5);
    if (!ipv6) {
        const auto options = *rc::gen::inRange<size_t>(0, 11);
        return builder.ipv4("10.0.0.1", "10.0.0.2").ip_options(ByteVector(options * 4, 1));
    }
    builder.ipv6("2001:db8::1", "2001:db8::2");
    for (const uint8_t type : {0, 43}) {
        if (*rc::gen::arbitrary<bool>()) builder.extension(type);
    }
    return builder;
}

Frame frame_for(FramePool& pool, Front front, const ByteVector& bytes) {
    front.size = *rc::gen::element<size_t>(10, 12, 20);
    front.header_length = *rc::gen::arbitrary<uint16_t>();
    return pool.copy_with_front(front.bytes(), bytes);
}

std::vector<ByteVector> expanded(FramePool& pool, Frame frame) {
    Offload offload(pool, FlowHash(1, 2));
    std::vector<Frame> out;
    Frame held;
    if (*rc::gen::arbitrary<bool>()) held = frame.share();
    const ByteVector before(frame.bytes().begin(), frame.bytes().end());
    RC_ASSERT(offload.expand(frame, out) == VnetProblem::kNone);
    if (held) RC_ASSERT(std::ranges::equal(held.bytes(), before));
    std::vector<ByteVector> frames;
    for (const Frame& piece : out) {
        frames.emplace_back(piece.bytes().begin(), piece.bytes().end());
    }
    return frames;
}

RC_GTEST_PROP(OffloadProperty, CuttingEqualsSendingInPieces, (uint32_t seq, uint16_t id)) {
    const bool ipv6 = *rc::gen::arbitrary<bool>();
    const bool tcp = *rc::gen::arbitrary<bool>();
    FrameBuilder builder = any_network(ipv6);
    const auto flags = static_cast<uint8_t>(*rc::gen::arbitrary<uint8_t>() & 0xd9);
    if (tcp) {
        const auto options = *rc::gen::inRange<size_t>(0, 11);
        builder.tcp(80, 40000).options({ByteVector(options * 4, 1)});
    } else {
        builder.udp(80, 40000);
    }
    const auto payload = pattern(*rc::gen::inRange<size_t>(0, 9000), seq);
    const auto size = *rc::gen::inRange<uint16_t>(8, 9000);
    const auto want = sent_without_card(builder, payload, size, seq, flags, id);
    builder.payload(payload).seq(seq).flags(flags).ip_id(id);
    Front front = gso(!tcp   ? GsoType::kUdpDatagrams
                      : ipv6 ? GsoType::kTcpv6
                             : GsoType::kTcpv4,
                      size);
    const uint16_t field = tcp ? 16 : 6;
    const bool needed = *rc::gen::arbitrary<bool>();
    if (needed) front = needs(builder, field, front);
    FramePool pool;
    RC_ASSERT(expanded(pool, frame_for(pool, front,
                                       needed ? partial(builder, field) : builder.build())) ==
              want);
}

RC_GTEST_PROP(OffloadProperty, FragmentingEqualsSendingFragments, (uint16_t id)) {
    const bool ipv6 = *rc::gen::arbitrary<bool>();
    FrameBuilder builder = any_network(ipv6);
    const auto payload = pattern(*rc::gen::inRange<size_t>(0, 9000), id);
    builder.udp(80, 40000).payload(payload).ip_id(id);
    const auto size = *rc::gen::inRange<uint16_t>(8, 9000);
    Front front = gso(GsoType::kUdpFragments, size);
    const bool needed = *rc::gen::arbitrary<bool>();
    if (needed) front = needs(builder, 6, front);
    FramePool pool;
    const auto got =
        expanded(pool, frame_for(pool, front, needed ? partial(builder, 6) : builder.build()));
    if (payload.size() + 8 <= size) {
        RC_ASSERT(got == only(builder.build()));
        return;
    }
    if (ipv6) builder.ip_id(load_be32(&got.at(0)[builder.l4_offset() + 4]));
    RC_ASSERT(got == builder.fragments(size / 8 * 8u));
}

RC_GTEST_PROP(OffloadProperty, CompletingEqualsBuilding, (uint16_t id)) {
    const bool tcp = *rc::gen::arbitrary<bool>();
    FrameBuilder builder = any_network(*rc::gen::arbitrary<bool>());
    tcp ? builder.tcp(80, id) : builder.udp(80, id);
    builder.payload(pattern(*rc::gen::inRange<size_t>(0, 9000), id));
    const uint16_t field = tcp ? 16 : 6;
    FramePool pool;
    RC_ASSERT(expanded(pool, frame_for(pool, needs(builder, field), partial(builder, field))) ==
              only(builder.build()));
}

}  // namespace
}  // namespace colo
