// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/workload.h"

#include <cstring>

#include "packet/bytes.h"
#include "packet/view.h"

namespace colo::bench {

namespace {

constexpr uint32_t kIp = 14;
constexpr uint32_t kTcp = 34;
constexpr uint32_t kPayload = 66;  // 12 bytes of timestamps, as modern stacks send
constexpr uint32_t kGuestAddress = 0x0a4d0002;
constexpr uint32_t kFirstPeer = 0x0a800000;
constexpr uint16_t kGuestPort = 80;
constexpr uint32_t kPortsPerPeer = 50'000;
constexpr uint16_t kFirstPort = 10'000;

uint32_t peer_address(uint32_t flow) { return kFirstPeer + flow / kPortsPerPeer; }
uint16_t peer_port(uint32_t flow) { return static_cast<uint16_t>(kFirstPort + flow % kPortsPerPeer); }

void fill_in(MutableBytes frame, uint32_t payload) {
    std::memset(frame.data(), 0, kPayload);
    store_be16(&frame[12], ether_type::kIpv4);
    frame[kIp] = 0x45;
    store_be16(&frame[kIp + 2], static_cast<uint16_t>(kPayload - kIp + payload));
    frame[kIp + 8] = 64;
    frame[kIp + 9] = ip_protocol::kTcp;
    store_be32(&frame[kIp + 12], kGuestAddress);
    store_be16(&frame[kTcp], kGuestPort);
    frame[kTcp + 12] = 0x80;
    frame[kTcp + 13] = tcp_flag::kAck;
    const uint8_t timestamps[] = {1, 1, 8, 10};
    std::memcpy(&frame[kTcp + 20], timestamps, sizeof timestamps);
    for (uint32_t i = 0; i < payload; ++i) frame[kPayload + i] = static_cast<uint8_t>(i * 31 + 7);
}

}  // namespace

FlowKey key_of_flow(uint32_t flow) {
    FlowKey key;
    store_be32(key.guest.data(), kGuestAddress);
    store_be32(key.peer.data(), peer_address(flow));
    key.guest_port = kGuestPort;
    key.peer_port = peer_port(flow);
    key.protocol = ip_protocol::kTcp;
    return key;
}

FrameRing::FrameRing(FramePool& pool, uint32_t frames, uint32_t payload) {
    for (uint32_t i = 0; i < frames; ++i) {
        frames_.push_back(pool.make(kPayload + payload));
        fill_in(frames_.back().mutable_bytes(), payload);
    }
}

Frame FrameRing::segment(uint32_t place, uint32_t flow, uint32_t position) {
    uint8_t* frame = frames_[place].mutable_bytes().data();
    store_be32(frame + kIp + 16, peer_address(flow));
    store_be16(frame + kTcp + 2, peer_port(flow));
    store_be32(frame + kTcp + 4, position);
    return frames_[place].share();
}

const uint8_t* FrameRing::payload(uint32_t place) const { return frames_[place].data() + kPayload; }

}  // namespace colo::bench
