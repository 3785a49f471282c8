// SPDX-License-Identifier: GPL-2.0-or-later
// A FlowMapper between a VM and a client that are scripted segment by segment:
//
//     MapperRig rig;
//     rig.output(rig.vm().seq(5000).ack(71).flags(syn | ack));
//     EXPECT_EQ(rig.input(rig.client().seq(71).ack(1001)).ack, 5001);
//
// Every frame that comes out of the mapper must have a right checksum.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compare/flow_mapper.h"
#include "packet/checksum.h"
#include "packet/tcp_options.h"
#include "tests/support/frame_builder.h"

namespace colo::test {

/// What surrounds the TCP segment.
enum class Wrapping { kIpv4, kIpv6, kVlan, kQinq, kVlanIpv6, kCount };

/// A connection without its numbers; source is the guest.
inline FrameBuilder wrapped(Wrapping wrapping, uint16_t guest_port = 80,
                            uint16_t peer_port = 40000) {
    FrameBuilder frame;
    frame.macs(FrameBuilder::kGuestMac, FrameBuilder::kPeerMac);
    if (wrapping == Wrapping::kVlan || wrapping == Wrapping::kVlanIpv6) frame.vlan(7, 3);
    if (wrapping == Wrapping::kQinq) frame.qinq(7, 8);
    if (wrapping == Wrapping::kIpv6 || wrapping == Wrapping::kVlanIpv6) {
        frame.ipv6("2001:db8::1", "2001:db8::9");
    } else {
        frame.ipv4("10.0.0.1", "10.0.0.9");
    }
    return frame.tcp(guest_port, peer_port);
}

/// A segment's numbers as read off the wire.
struct Seen {
    uint32_t seq = 0;
    uint32_t ack = 0;
    uint32_t tsval = 0;
    uint32_t tsecr = 0;
    std::optional<SackBlocks> sack;
};

inline ByteVector bytes_of(const Frame& frame) {
    return {frame.bytes().begin(), frame.bytes().end()};
}

inline Seen seen(const Frame& frame) {
    const PacketView view = parse(frame.bytes(), frame.wire_size());
    EXPECT_TRUE(view.is_tcp());
    EXPECT_TRUE(transport_checksum_ok(view));
    const TcpOptions options = parse_tcp_options(view);
    const Timestamps stamps = options.timestamps.value_or(Timestamps{});
    return {view.seq.raw(), view.ack.raw(), stamps.value, stamps.echo, options.sack};
}

/// The number of the client's SYN.
inline constexpr uint32_t kClientIsn = 70'000;

inline FrameBuilder stamped(FrameBuilder frame, uint32_t value, uint32_t echo) {
    return frame.options(
        {tcp_option::nop(), tcp_option::nop(), tcp_option::timestamps(value, echo)});
}

class MapperRig {
  public:
    explicit MapperRig(Learning learning = Learning::kFromAcks, uint32_t max_flows = 100,
                       Wrapping wrapping = Wrapping::kIpv4)
        : mapper_(max_flows, learning, FlowHash(1, 2), pool_), wrapping_(wrapping) {}

    FrameBuilder vm(uint16_t peer_port = 40000) const { return wrapped(wrapping_, 80, peer_port); }
    FrameBuilder client(uint16_t peer_port = 40000) const { return vm(peer_port).swap_ends(); }
    FlowKey key(uint16_t peer_port = 40000) const {
        const ByteVector frame = vm(peer_port).build();
        return key_of_output(parse(Bytes(frame), 0));
    }

    Frame input_frame(const ByteVector& bytes) { return mapper_.input(pool_.copy(bytes), now_); }
    Frame output_frame(const ByteVector& bytes) { return mapper_.output(pool_.copy(bytes), now_); }
    Seen input(const FrameBuilder& frame) { return seen(input_frame(frame.build())); }
    Seen output(const FrameBuilder& frame) { return seen(output_frame(frame.build())); }

    void pass_time(Time time) { now_ += time; }
    void failover() { mapper_.failover(now_); }
    void learn(const Announcement& announced, uint16_t peer_port = 40000) {
        mapper_.learn(key(peer_port), announced, now_);
    }
    std::vector<std::pair<FlowKey, Offset>> bases() {
        std::vector<std::pair<FlowKey, Offset>> all;
        mapper_.bases([&](const FlowKey& flow, const Base& base) {
            all.push_back({flow, base.offset});
        });
        return all;
    }

    FlowMapper& mapper() { return mapper_; }
    FramePool& pool() { return pool_; }
    const MapperCounters& counters() const { return mapper_.counters(); }
    Time now() const { return now_; }

  private:
    FramePool pool_;
    FlowMapper mapper_;
    Wrapping wrapping_;
    Time now_ = seconds(1000);
};

}  // namespace colo::test
