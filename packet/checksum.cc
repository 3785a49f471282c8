// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/checksum.h"

namespace colo {

namespace {

uint16_t fold(uint64_t sum) {
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(sum);
}

/// Sum in the host's byte order, which differs from the wire's by a swap of the result only (RFC
/// 1071 section 2(B)). Eight bytes at a time, carries counted aside: they are worth one each.
uint64_t native_sum(Bytes bytes) {
    const uint8_t* at = bytes.data();
    size_t left = bytes.size();
    uint64_t sum = 0;
    uint64_t carries = 0;
    for (; left >= 8; at += 8, left -= 8) {
        carries += __builtin_add_overflow(sum, load_native<uint64_t>(at), &sum);
    }
    uint64_t last = 0;
    if (left > 0) std::memcpy(&last, at, left);  // the rest is zero, also an odd byte's other half
    carries += __builtin_add_overflow(sum, last, &sum);
    return fold(sum) + carries;
}

bool has_pseudo_header(const PacketView& view) {
    return view.protocol != ip_protocol::kIcmp;
}

bool has_checksum(const PacketView& view) {
    switch (view.protocol) {
        case ip_protocol::kTcp:
        case ip_protocol::kUdp:
            return true;
        case ip_protocol::kIcmp:
            return view.family == Family::kIpv4;
        case ip_protocol::kIcmpv6:
            return view.family == Family::kIpv6;
        default:
            return false;
    }
}

/// UDP may be shorter than the IP payload; everything else fills it.
uint32_t covered_size(const PacketView& view) {
    if (view.protocol != ip_protocol::kUdp) return view.l4_size;
    return view.payload_offset - view.l4_offset + view.payload_size;
}

}  // namespace

uint16_t ones_sum(Bytes bytes, uint16_t sum) {
    return fold(__builtin_bswap16(fold(native_sum(bytes))) + uint64_t{sum});
}

uint16_t pseudo_header_sum(const PacketView& view, uint32_t length) {
    const Bytes addresses{view.source_address(), 2 * view.address_size()};
    return fold(uint64_t{ones_sum(addresses)} + length + view.protocol);
}

bool transport_checksum_ok(const PacketView& view) {
    if (view.level != Level::kTransport || !has_checksum(view)) return true;
    const uint32_t size = covered_size(view);
    if (size > view.captured - view.l4_offset) return true;
    const uint8_t* segment = view.data + view.l4_offset;
    const bool udp_over_ipv4 = view.protocol == ip_protocol::kUdp && view.family == Family::kIpv4;
    if (udp_over_ipv4 && load_be16(segment + 6) == 0) return true;
    const uint16_t pseudo = has_pseudo_header(view) ? pseudo_header_sum(view, size) : uint16_t{0};
    return ones_sum({segment, size}, pseudo) == 0xffff;
}

bool ipv4_header_checksum_ok(const PacketView& view) {
    if (view.level < Level::kIp || view.family != Family::kIpv4) return true;
    const uint8_t* header = view.data + view.l3_offset;
    return ones_sum({header, view.l4_offset - view.l3_offset}) == 0xffff;
}

}  // namespace colo
