// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/tcp_traffic.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

#include "packet/checksum.h"
#include "packet/view.h"

namespace colo::bench {

namespace {

constexpr uint32_t kIp = 14;
constexpr uint32_t kTcp = kIp + 20;
constexpr uint32_t kOptions = kTcp + 20;
constexpr uint32_t kPayload = kOptions + 12;

constexpr uint32_t kGuestAddress = 0x0a4d0002;
constexpr uint32_t kFirstPeer = 0x0a800001;
constexpr uint16_t kGuestPort = 443;
constexpr uint32_t kPortsPerPeer = 40'000;
constexpr uint32_t kFirstPort = 20'000;
constexpr uint32_t kPeerIsn = 77'000;

/// In the lower quarter of the numbers: a wrap is another benchmark's matter.
uint32_t isn_of(uint32_t flow) { return (flow + 1) * 2'654'435'761u >> 2; }
uint32_t peer_address(uint32_t flow) { return kFirstPeer + flow / kPortsPerPeer; }
uint32_t peer_port(uint32_t flow) { return kFirstPort + flow % kPortsPerPeer; }

constexpr std::array<uint8_t, 14> kEthernet = {0x52, 0x54, 0, 0x77, 0, 1,  // to the client
                                               0x52, 0x54, 0, 0x77, 0, 2, 0x08, 0x00};
/// NOP, NOP, timestamps.
constexpr std::array<uint8_t, 12> kDataOptions = {1, 1, 8, 10};
/// MSS 1460, SACK permitted, timestamps, NOP, window scale 7.
constexpr std::array<uint8_t, 20> kSynOptions = {2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0,
                                                 0, 0, 0,    0,    0, 0, 1, 3,  3, 7};

}  // namespace

/// What makes a frame one of a flow.
struct TcpTraffic::Headers {
    uint32_t flow;
    uint32_t seq;
    uint8_t flags;
    Bytes options;
    size_t timestamp_at;  ///< in the options
};

TcpTraffic::TcpTraffic(uint32_t gso_size) : gso_size_(gso_size), pattern_(kPatternSize + kMaxPayload) {
    std::mt19937_64 random(gso_size + 1);
    std::generate(pattern_.begin(), pattern_.begin() + kPatternSize,
                  [&] { return static_cast<uint8_t>(random()); });
    std::copy_n(pattern_.begin(), kMaxPayload, pattern_.begin() + kPatternSize);
}

/// kMaxPayload bytes can be read from there.
const uint8_t* TcpTraffic::stream(uint32_t flow, uint64_t position) const {
    return &pattern_[(uint64_t{flow} * 7919 + position) % kPatternSize];
}

void TcpTraffic::syn_ack(Vm vm, uint32_t flow, std::vector<uint8_t>& out) {
    const Headers headers{flow, isn_of(flow), tcp_flag::kSyn | tcp_flag::kAck, kSynOptions, 8};
    finish_frame(begin_frame(vm, headers, 0, out), headers, 0);
}

void TcpTraffic::segment(Vm vm, const Segment& segment, std::vector<uint8_t>& out) {
    const uint32_t seq = isn_of(segment.flow) + 1 + static_cast<uint32_t>(segment.position);
    const Headers headers{segment.flow, seq, tcp_flag::kAck, kDataOptions, 4};
    uint8_t* const frame = begin_frame(vm, headers, segment.size, out);
    std::memcpy(frame + kPayload, stream(segment.flow, segment.position), segment.size);
    const uint64_t flipped = segment.flipped.value_or(0) - segment.position;
    if (segment.flipped && flipped < segment.size) frame[kPayload + flipped] ^= 1;
    finish_frame(frame, headers, segment.size);
}

/// Room for the frame behind its prefix, with all headers but lengths and checksums.
uint8_t* TcpTraffic::begin_frame(Vm vm, const Headers& headers, uint32_t payload,
                                 std::vector<uint8_t>& out) {
    const uint32_t size = kOptions + static_cast<uint32_t>(headers.options.size()) + payload;
    const size_t begin = out.size();
    out.resize(begin + prefix_size() + size);
    uint8_t* const prefix = &out[begin];
    store_be32(prefix, prefix_size() - (gso_size_ > 0 ? 8 : 4) + size);
    if (gso_size_ > 0) write_vnet_header(prefix + 4, payload);

    uint8_t* const frame = prefix + prefix_size();
    std::memcpy(frame, kEthernet.data(), kEthernet.size());
    frame[kIp] = 0x45;
    store_be16(frame + kIp + 4, packet_ids_[static_cast<size_t>(vm)]++);
    frame[kIp + 8] = 64;
    frame[kIp + 9] = ip_protocol::kTcp;
    store_be32(frame + kIp + 12, kGuestAddress);
    store_be32(frame + kIp + 16, peer_address(headers.flow));
    store_be16(frame + kTcp, kGuestPort);
    store_be16(frame + kTcp + 2, static_cast<uint16_t>(peer_port(headers.flow)));
    store_be32(frame + kTcp + 4, headers.seq);
    store_be32(frame + kTcp + 8, kPeerIsn + 1);
    frame[kTcp + 13] = headers.flags;
    store_be16(frame + kTcp + 14, 502);
    std::copy(headers.options.begin(), headers.options.end(), frame + kOptions);
    store_be32(frame + kOptions + headers.timestamp_at, vm == Vm::kPrimary ? 1'000'000 : 7'000'000);
    return frame;
}

/// The header's length, and the header (VIRTIO 1.2, 5.1.6).
void TcpTraffic::write_vnet_header(uint8_t* at, uint32_t payload) const {
    store_be32(at, kVnetSize);
    uint8_t* const header = at + 4;
    header[0] = 1;  // the checksum is partial
    header[6] = kTcp;
    header[8] = 16;
    if (payload <= gso_size_) return;
    header[1] = 1;  // TCP over IPv4
    header[2] = kPayload;
    header[4] = static_cast<uint8_t>(gso_size_);
    header[5] = static_cast<uint8_t>(gso_size_ >> 8);
}

void TcpTraffic::finish_frame(uint8_t* frame, const Headers& headers, uint32_t payload) const {
    const uint32_t tcp_size = 20 + static_cast<uint32_t>(headers.options.size()) + payload;
    store_be16(frame + kIp + 2, static_cast<uint16_t>(20 + tcp_size));
    store_be16(frame + kIp + 10, internet_checksum({frame + kIp, 20}));
    frame[kTcp + 12] = static_cast<uint8_t>((20 + headers.options.size()) / 4 << 4);

    std::array<uint8_t, 4> pseudo{0, ip_protocol::kTcp};
    store_be16(&pseudo[2], static_cast<uint16_t>(tcp_size));
    uint16_t sum = ones_sum({frame + kIp + 12, 8}, ones_sum(pseudo));
    if (gso_size_ == 0) sum = static_cast<uint16_t>(~ones_sum({frame + kTcp, tcp_size}, sum));
    store_be16(frame + kTcp + 16, sum);
}

std::optional<ReleasedSegment> TcpTraffic::recognize(Bytes frame, uint32_t flows) const {
    if (frame.size() < kPayload) return std::nullopt;
    const uint32_t peer = load_be32(&frame[kIp + 16]) - kFirstPeer;
    const uint32_t port = load_be16(&frame[kTcp + 2]) - kFirstPort;
    const uint64_t flow = uint64_t{peer} * kPortsPerPeer + port;
    if (port >= kPortsPerPeer || flow >= flows) return std::nullopt;

    ReleasedSegment result;
    result.flow = static_cast<uint32_t>(flow);
    result.is_syn = (frame[kTcp + 13] & tcp_flag::kSyn) != 0;
    if (result.is_syn) return result;
    result.position = load_be32(&frame[kTcp + 4]) - isn_of(result.flow) - 1;
    result.size = static_cast<uint32_t>(frame.size()) - kPayload;
    result.is_unaltered =
        result.size <= kMaxPayload &&
        std::memcmp(&frame[kPayload], stream(result.flow, result.position), result.size) == 0;
    return result;
}

}  // namespace colo::bench
