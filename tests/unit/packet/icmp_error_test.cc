// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/icmp_error.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "tests/support/frame_builder.h"

namespace colo {
namespace {

using test::ByteVector;
using test::FrameBuilder;
using test::pattern;
using test::view_of;
using test::v4;
using test::v6;

constexpr size_t kQuote = 14 + 20 + 8;  // where the quoted packet begins, IPv4

/// What the guest (…1) sent to its peer (…2) from port 80 to port 40000.
FrameBuilder guest_tcp(FrameBuilder ip) {
    return ip.tcp(80, 40000).seq(0x01020304).ack(5).payload(pattern(100));
}

TEST(IcmpErrorTest, OnlyErrorTypesQuote) {
    const auto offender4 = guest_tcp(v4()).build();
    const auto offender6 = guest_tcp(v6()).build();
    for (int type = 0; type < 256; ++type) {
        const bool error4 = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
        const bool error6 = type >= 1 && type <= 4;
        const auto frame4 = v4().icmp_error(static_cast<uint8_t>(type), 0, 0, offender4).build();
        const auto frame6 = v6().icmp_error(static_cast<uint8_t>(type), 0, 0, offender6).build();
        EXPECT_EQ(is_icmp_error(view_of(frame4)), error4) << type;
        EXPECT_EQ(is_icmp_error(view_of(frame6)), error6) << type;
        EXPECT_EQ(parse_icmp_error(view_of(frame4)).has_value(), error4) << type;
        EXPECT_EQ(parse_icmp_error(view_of(frame6)).has_value(), error6) << type;
    }
    EXPECT_FALSE(is_icmp_error(view_of(offender4)));
    EXPECT_FALSE(is_icmp_error(view_of({})));
}

TEST(IcmpErrorTest, EightBytesOfTransportAreEnough) {
    const auto frame = FrameBuilder()
                           .ipv4("192.0.2.9", "10.0.0.1")
                           .icmp_error(3, 4, 1400, guest_tcp(v4()).build(), 20 + 8)
                           .build();
    const auto error = parse_icmp_error(view_of(frame));
    ASSERT_TRUE(error);
    EXPECT_EQ(error->type, 3);
    EXPECT_EQ(error->code, 4);
    EXPECT_TRUE(error->has_ports);
    EXPECT_EQ(error->source_port, 80);
    EXPECT_EQ(error->destination_port, 40000);
    EXPECT_EQ(error->seq, Seq(0x01020304));
    EXPECT_EQ(error->mtu(), 1400u);
    EXPECT_EQ(error->quoted.level, Level::kIp);
    EXPECT_EQ(error->quoted.l3_offset, kQuote);
}

TEST(IcmpErrorTest, SevenBytesOfTransportAreNot) {
    const auto frame = v4().icmp_error(3, 1, 0, guest_tcp(v4()).build(), 20 + 7).build();
    const auto error = parse_icmp_error(view_of(frame));
    ASSERT_TRUE(error);
    EXPECT_FALSE(error->has_ports);
    EXPECT_FALSE(error->seq);
    EXPECT_EQ(error->quoted.protocol, ip_protocol::kTcp);
}

TEST(IcmpErrorTest, FullQuoteIsParsedToTheTransport) {
    const auto frame = v6().icmp_error(2, 0, 1280, guest_tcp(v6()).build()).build();
    const auto error = parse_icmp_error(view_of(frame));
    ASSERT_TRUE(error);
    EXPECT_TRUE(error->quoted.is_tcp());
    EXPECT_EQ(error->quoted.ack, Seq(5));
    EXPECT_EQ(error->mtu(), 1280u);
}

TEST(IcmpErrorTest, OnlyTooBigErrorsHaveAnMtu) {
    const auto offender4 = guest_tcp(v4()).build();
    const auto offender6 = guest_tcp(v6()).build();
    const auto mtu = [](const ByteVector& frame) {
        return parse_icmp_error(view_of(frame))->mtu();
    };
    EXPECT_FALSE(mtu(v4().icmp_error(3, 1, 1400, offender4).build()));
    EXPECT_FALSE(mtu(v4().icmp_error(11, 4, 1400, offender4).build()));
    EXPECT_FALSE(mtu(v6().icmp_error(1, 0, 1400, offender6).build()));
    EXPECT_EQ(mtu(v4().icmp_error(3, 4, 0x00070578, offender4).build()), 1400u);
    EXPECT_EQ(mtu(v6().icmp_error(2, 0, 0x00010000, offender6).build()), 0x10000u);
}

TEST(IcmpErrorTest, ErrorToTheGuestBelongsToTheGuestsFlow) {
    for (const FrameBuilder& ip : {v4(), v6(), v6().extension(60)}) {
        for (const FrameBuilder& transport :
             {guest_tcp(ip), FrameBuilder(ip).udp(53, 5000), FrameBuilder(ip).echo(8, 7, 1)}) {
            const auto offender = transport.build();
            const bool ipv6 = view_of(offender).family == Family::kIpv6;
            const auto frame =
                FrameBuilder(ip).swap_ends().icmp_error(ipv6 ? 1 : 3, 0, 0, offender);
            const auto bytes = frame.build();
            const auto error = parse_icmp_error(view_of(bytes));
            ASSERT_TRUE(error);
            EXPECT_EQ(quoted_flow(*error, QuotedSender::kGuest), key_of_output(view_of(offender)));
        }
    }
}

TEST(IcmpErrorTest, ErrorFromTheGuestBelongsToTheFlowItRefuses) {
    const FrameBuilder request = v4().udp(53, 5000);  // of the guest's, were there any
    const auto offender = FrameBuilder(request).swap_ends().payload("query").build();
    const auto frame = v4().icmp_error(3, 3, 0, offender, 28).build();
    const auto error = parse_icmp_error(view_of(frame));
    ASSERT_TRUE(error);
    const auto answer = request.build();
    EXPECT_EQ(quoted_flow(*error, QuotedSender::kPeer), key_of_output(view_of(answer)));
}

TEST(IcmpErrorTest, TagsOfTheCarrierCount) {
    const auto offender = guest_tcp(v4()).build();
    const auto frame = FrameBuilder()
                           .qinq(5, 6)
                           .ipv4("10.0.0.2", "10.0.0.1")
                           .icmp_error(3, 0, 0, offender)
                           .build();
    const auto error = parse_icmp_error(view_of(frame));
    ASSERT_TRUE(error);
    const FlowKey key = quoted_flow(*error, QuotedSender::kGuest);
    EXPECT_EQ(key.vlan_outer, 5);
    EXPECT_EQ(key.vlan_inner, 6);
}

TEST(IcmpErrorTest, OnlyTheFirstFragmentHasPorts) {
    const FrameBuilder datagram = v4().udp(53, 5000).payload(pattern(100));
    const auto quote = [&](size_t offset) {
        const auto offender = datagram.fragment(offset, 40, true);
        const auto frame = v4().icmp_error(11, 1, 0, offender).build();
        return parse_icmp_error(view_of(frame));
    };
    ASSERT_TRUE(quote(0) && quote(40));
    EXPECT_TRUE(quote(0)->has_ports);
    EXPECT_EQ(quote(0)->source_port, 53);
    EXPECT_FALSE(quote(40)->has_ports);
}

TEST(IcmpErrorTest, QuoteWithoutUsableIpHeaderIsNone) {
    const auto offender = guest_tcp(v4()).build();
    const auto truncated = v4().icmp_error(3, 0, 0, offender, 19).build();
    EXPECT_FALSE(parse_icmp_error(view_of(truncated)));
    const auto empty = v4().icmp_error(3, 0, 0, offender, 0).build();
    EXPECT_FALSE(parse_icmp_error(view_of(empty)));
    auto other_family = v4().icmp_error(3, 0, 0, offender).build();
    other_family[kQuote] = 0x60;
    EXPECT_FALSE(parse_icmp_error(view_of(other_family)));
}

TEST(IcmpErrorTest, PaddingIsNotPartOfTheQuote) {
    const auto frame =
        v4().icmp_error(3, 0, 0, guest_tcp(v4()).build(), 20 + 4).pad_to(100).build();
    const auto error = parse_icmp_error(view_of(frame));
    ASSERT_TRUE(error);
    EXPECT_FALSE(error->has_ports);
}

TEST(IcmpErrorTest, EveryPrefixAndEveryByteStaysInBounds) {
    const ByteVector samples[] = {
        v4().icmp_error(3, 4, 1400, guest_tcp(v4()).build(), 60).build(),
        v6().icmp_error(2, 0, 1400, guest_tcp(v6().extension(60).atomic_fragment()).build())
            .build(),
    };
    const auto check = [](const ByteVector& bytes) {
        const auto exact = std::make_unique<uint8_t[]>(bytes.size());
        std::copy(bytes.begin(), bytes.end(), exact.get());
        const PacketView view = parse({exact.get(), bytes.size()}, 0);
        const auto error = parse_icmp_error(view);
        if (!error) return;
        ASSERT_LE(error->quoted.payload_offset + error->quoted.payload_captured, bytes.size());
        quoted_flow(*error, QuotedSender::kPeer);
    };
    for (const ByteVector& sample : samples) {
        const bool ipv6 = view_of(sample).family == Family::kIpv6;
        for (size_t size = 0; size < sample.size(); ++size) {
            ByteVector prefix(sample.begin(), sample.begin() + static_cast<ptrdiff_t>(size));
            check(prefix);
            // Also with an outer length that fits, so that the quote is what is short.
            if (size < 54) continue;
            test::put16(prefix, ipv6 ? 18 : 16, static_cast<uint32_t>(size - (ipv6 ? 54 : 14)));
            check(prefix);
        }
        for (size_t at = 14; at < sample.size(); ++at) {
            for (const uint8_t value : {0x00, 0x0f, 0x2c, 0x3c, 0x4f, 0x60, 0xff}) {
                ByteVector lie = sample;
                lie[at] = value;
                check(lie);
            }
        }
    }
}

}  // namespace
}  // namespace colo
