// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/pure_ack.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "packet/checksum.h"
#include "packet/header_fields.h"

namespace colo {

namespace {

constexpr uint8_t kHops = 64;
constexpr uint32_t kStampBytes = 12;

uint32_t tcp_bytes(const PureAck& ack) {
    return kTcpHeader + (ack.stamps ? kStampBytes : 0);
}

/// MACs, tags and EtherType as they are, or with the MACs changed over.
void write_ethernet(uint8_t* out, const PacketView& segment, AckSender sender) {
    std::memcpy(out, segment.data, segment.l3_offset);
    if (sender == AckSender::kOther) std::swap_ranges(out, out + 6, out + 6);
}

void write_addresses(uint8_t* out, const PacketView& segment, AckSender sender) {
    const uint32_t size = segment.address_size();
    std::memcpy(out, segment.source_address(), 2 * size);
    if (sender == AckSender::kOther) std::swap_ranges(out, out + size, out + size);
}

void write_ipv4(uint8_t* out, uint32_t payload_bytes) {
    out[0] = 0x45;
    store_be16(out + 2, static_cast<uint16_t>(20 + payload_bytes));
    store_be16(out + 6, 0x4000);  // don't fragment: the ID is free (RFC 6864)
    out[8] = kHops;
    out[9] = ip_protocol::kTcp;
    store_be16(out + 10, internet_checksum({out, 20}));
}

void write_ipv6(uint8_t* out, uint32_t payload_bytes) {
    out[0] = 0x60;
    store_be16(out + 4, static_cast<uint16_t>(payload_bytes));
    out[6] = ip_protocol::kTcp;
    out[7] = kHops;
}

void write_tcp(uint8_t* out, const PacketView& segment, AckSender sender, const PureAck& ack) {
    const bool same = sender == AckSender::kSame;
    store_be16(out, same ? segment.source_port : segment.destination_port);
    store_be16(out + 2, same ? segment.destination_port : segment.source_port);
    store_be32(out + 4, ack.seq.raw());
    store_be32(out + 8, ack.ack.raw());
    out[12] = static_cast<uint8_t>(tcp_bytes(ack) / 4 << 4);
    out[13] = tcp_flag::kAck;
    store_be16(out + 14, ack.window);
    if (!ack.stamps) return;
    constexpr uint8_t kLayout[4] = {1, 1, 8, 10};  // RFC 7323, appendix A
    std::memcpy(out + kTcpHeader, kLayout, sizeof kLayout);
    store_be32(out + kTcpHeader + 4, ack.stamps->value);
    store_be32(out + kTcpHeader + 8, ack.stamps->echo);
}

void add_tcp_checksum(Frame& frame, uint32_t at, uint32_t size) {
    const PacketView view = parse(frame.bytes(), frame.size());
    const Bytes covered = frame.bytes().subspan(at, size);
    const auto sum = static_cast<uint16_t>(~ones_sum(covered, pseudo_header_sum(view, size)));
    store_be16(frame.mutable_bytes().data() + at + kTcpChecksum, sum);
}

}  // namespace

Frame make_pure_ack(FramePool& pool, const PacketView& segment, AckSender sender,
                    const PureAck& ack) {
    const bool is_ipv6 = segment.family == Family::kIpv6;
    const uint32_t ip_at = segment.l3_offset;
    const uint32_t tcp_at = ip_at + (is_ipv6 ? 40 : 20);
    Frame frame = pool.make(std::max(tcp_at + tcp_bytes(ack), kSmallestFrame));
    uint8_t* out = frame.mutable_bytes().data();
    std::memset(out, 0, frame.size());
    write_ethernet(out, segment, sender);
    write_addresses(out + ip_at + (is_ipv6 ? 8 : 12), segment, sender);
    is_ipv6 ? write_ipv6(out + ip_at, tcp_bytes(ack)) : write_ipv4(out + ip_at, tcp_bytes(ack));
    write_tcp(out + tcp_at, segment, sender, ack);
    add_tcp_checksum(frame, tcp_at, tcp_bytes(ack));
    return frame;
}

}  // namespace colo
