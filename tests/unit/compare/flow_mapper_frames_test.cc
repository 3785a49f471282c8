// SPDX-License-Identifier: GPL-2.0-or-later
// What a FlowMapper does to frames that are no plain segments, and to whose bytes.
#include "compare/flow_mapper.h"

#include <gtest/gtest.h>

#include "tests/support/mapper_handshake.h"

namespace colo::test {
namespace {

// --- ICMP errors

/// An error of `from` about a whole segment that it was sent.
ByteVector error_about(const MapperRig& rig, bool ipv6, bool from_guest,
                       const ByteVector& segment) {
    FrameBuilder carrier = from_guest ? rig.vm() : rig.client();
    return carrier.icmp_error(ipv6 ? 1 : 3, ipv6 ? 4 : 3, 0, segment).build();
}

TEST(MapperErrors, QuotedNumbersAreThoseThatTheQuotedPacketsSenderUsed) {
    for (const bool ipv6 : {false, true}) {
        MapperRig rig(Learning::kFromAcks, 100, ipv6 ? Wrapping::kIpv6 : Wrapping::kIpv4);
        open(rig);
        talk(rig);
        // The guest's error quotes the client's segment as the guest got it.
        const auto asked = stamped(rig.client().seq(kClientIsn + 1).ack(1101).payload("q"), 9, 110);
        const ByteVector given = bytes_of(rig.input_frame(asked.build()));
        EXPECT_NE(given, asked.build());
        EXPECT_EQ(bytes_of(rig.output_frame(error_about(rig, ipv6, true, given))),
                  error_about(rig, ipv6, true, asked.build()));
        // The network's error quotes the guest's segment as the network saw it.
        const auto sent = stamped(rig.vm().seq(5101).ack(kClientIsn + 1).payload("a"), 910, 9);
        const ByteVector left = bytes_of(rig.output_frame(sent.build()));
        EXPECT_NE(left, sent.build());
        EXPECT_EQ(bytes_of(rig.input_frame(error_about(rig, ipv6, false, left))),
                  error_about(rig, ipv6, false, sent.build()));
    }
}

TEST(MapperErrors, AboutNoMappedFlowPassAsTheyAre) {
    MapperRig rig;
    rig.output(syn_ack(rig));
    for (const uint16_t port : {40000, 50000}) {
        const ByteVector error = error_about(rig, false, false, rig.vm(port).seq(1).build());
        EXPECT_EQ(bytes_of(rig.input_frame(error)), error);
    }
    EXPECT_EQ(rig.counters().input_mapped, 0u);
}

// --- Frames

TEST(MapperFrames, WhatNeedsNoChangeIsPassedAsItIs) {
    MapperRig rig;
    open(rig);
    const FrameBuilder others[] = {rig.vm().udp(1, 2).payload("x"), rig.vm(9).seq(1).ack(2),
                                   rig.vm().icmp(8, 0, 1),
                                   FrameBuilder().arp(1, "10.0.0.1", "10.0.0.9")};
    for (const FrameBuilder& other : others) {
        Frame frame = rig.pool().copy(other.build());
        const uint8_t* bytes = frame.data();
        const Frame handle = frame.share();
        EXPECT_EQ(rig.mapper().output(std::move(frame), rig.now()).data(), bytes);
        EXPECT_EQ(bytes_of(handle), other.build());
    }
    const Frame syn = rig.input_frame(rig.client().seq(1).flags(kSyn).build());
    EXPECT_EQ(bytes_of(syn), rig.client().seq(1).flags(kSyn).build());
    EXPECT_EQ(rig.counters().copied, 0u);
}

TEST(MapperFrames, AreChangedInPlaceUnlessOthersHoldThem) {
    MapperRig rig;
    open(rig);
    const ByteVector bytes = rig.vm().seq(5001).ack(kClientIsn + 1).payload("x").build();
    for (const bool shared : {false, true}) {
        Frame frame = rig.pool().copy(bytes);
        const uint8_t* at = frame.data();
        const Frame handle = shared ? frame.share() : Frame();
        const Frame mapped = rig.mapper().output(std::move(frame), rig.now());
        EXPECT_EQ(seen(mapped).seq, 1001u);
        EXPECT_EQ(mapped.data() == at, !shared);
        if (shared) {
            EXPECT_EQ(bytes_of(handle), bytes);
        }
    }
    EXPECT_EQ(rig.counters().copied, 1u);
}

TEST(MapperFrames, SharedErrorsAreCopiedToo) {
    MapperRig rig;
    open(rig);
    const ByteVector bytes = error_about(rig, false, false, rig.vm().seq(1001).build());
    Frame frame = rig.pool().copy(bytes);
    const Frame handle = frame.share();
    const Frame mapped = rig.mapper().input(std::move(frame), rig.now());
    EXPECT_EQ(bytes_of(mapped), error_about(rig, false, false, rig.vm().seq(5001).build()));
    EXPECT_EQ(bytes_of(handle), bytes);
}

/// A virtio_net_hdr of 10 bytes: flags, no GSO, csum_start, csum_offset.
ByteVector vnet(uint8_t flags, size_t start, uint16_t offset) {
    return {flags,
            0,
            0,
            0,
            0,
            0,
            static_cast<uint8_t>(start),
            static_cast<uint8_t>(start >> 8),
            static_cast<uint8_t>(offset),
            0};
}

TEST(MapperFrames, ChecksumThatIsStillToBeMadeIsLeftAlone) {
    for (const uint8_t flags : {0, 1}) {
        for (const bool shared : {false, true}) {
            MapperRig rig;
            open(rig);
            const FrameBuilder data = rig.vm().seq(5001).ack(kClientIsn + 1).payload("x");
            const ByteVector bytes = data.build();
            const ByteVector front = vnet(flags, data.l4_offset(), 16);
            Frame frame = rig.pool().copy_with_front(front, bytes);
            const Frame handle = shared ? frame.share() : Frame();
            const Frame mapped = rig.mapper().output(std::move(frame), rig.now());
            ByteVector want = rig.vm().seq(1001).ack(kClientIsn + 1).payload("x").build();
            const size_t checksum = data.l4_offset() + 16;
            if (flags) test::put16(want, checksum, load_be16(&bytes[checksum]));
            EXPECT_EQ(bytes_of(mapped), want);
            EXPECT_EQ(ByteVector(mapped.front().begin(), mapped.front().end()), front);
        }
    }
}

TEST(MapperFrames, ChecksumOfAnErrorThatIsStillToBeMadeIsLeftAlone) {
    MapperRig rig;
    open(rig);
    // Cut before the quoted checksum, which would make up for the change.
    const auto error = [&](uint32_t seq) {
        return rig.client().icmp_error(3, 3, 0, rig.vm().seq(seq).build(), 28).build();
    };
    const size_t icmp = rig.vm().l4_offset();
    for (const uint8_t flags : {0, 1}) {
        Frame frame = rig.pool().copy_with_front(vnet(flags, icmp, 2), error(1001));
        const Frame mapped = rig.mapper().input(std::move(frame), rig.now());
        ByteVector want = error(5001);
        if (flags) test::put16(want, icmp + 2, load_be16(&error(1001)[icmp + 2]));
        EXPECT_EQ(bytes_of(mapped), want);
    }
}

TEST(MapperFrames, CorruptedSegmentStaysCorrupted) {
    MapperRig rig;
    open(rig);
    ByteVector bytes = rig.vm().seq(5001).ack(1).payload("x").build();
    bytes.back() ^= 1;
    const Frame mapped = rig.output_frame(bytes);
    EXPECT_FALSE(transport_checksum_ok(parse(mapped.bytes(), 0)));
}

TEST(MapperFrames, FragmentsAndMalformedOnesPassAndAreCounted) {
    MapperRig rig;
    open(rig);
    const FrameBuilder big = rig.vm().seq(5001).ack(1).payload(pattern(3000));
    for (const ByteVector& fragment : big.fragments(1400)) {
        EXPECT_EQ(bytes_of(rig.output_frame(fragment)), fragment);
    }
    EXPECT_EQ(rig.counters().fragments, 3u);
    const ByteVector whole = rig.client().seq(kClientIsn + 1).ack(1001).build();
    for (size_t size = 0; size < whole.size(); ++size) {
        const ByteVector cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
        EXPECT_EQ(bytes_of(rig.input_frame(cut)), cut);
    }
    EXPECT_EQ(rig.counters().malformed, whole.size());
}

TEST(MapperFrames, EveryCounterHasAName) {
    size_t count = 0;
    MapperCounters().for_each([&](const char* name, uint64_t value) {
        EXPECT_NE(std::string(name), "");
        EXPECT_EQ(value, 0u);
        ++count;
    });
    EXPECT_EQ(count * sizeof(uint64_t), sizeof(MapperCounters));
}

}  // namespace
}  // namespace colo::test
