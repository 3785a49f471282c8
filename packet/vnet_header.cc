// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/vnet_header.h"

#include <algorithm>

#include "packet/header_fields.h"

namespace colo {

namespace {

/// virtio_net_hdr, virtio_net_hdr_mrg_rxbuf, virtio_net_hdr_v1_hash. The fields behind the first
/// ten bytes (buffers, hash) say nothing about the frame.
constexpr size_t kSizes[] = {10, 12, 20};

constexpr uint8_t kEcnBit = 0x80;

uint16_t load_le16(const uint8_t* p) {
    return static_cast<uint16_t>(p[0] | p[1] << 8);
}

bool is_udp(const PacketView& view) {
    return view.level == Level::kTransport && view.protocol == ip_protocol::kUdp;
}

bool checksum_lies_inside(const VnetHeader& header, const PacketView& view) {
    return view.level >= Level::kEthernet && header.checksum_start >= view.l3_offset &&
           header.checksum_at() + 2 <= packet_end(view);
}

bool is_transports_checksum(const VnetHeader& header, const PacketView& view) {
    return header.checksum_start == view.l4_offset &&
           header.checksum_offset == (view.is_tcp() ? kTcpChecksum : kUdpChecksum);
}

bool type_agrees(GsoType type, const PacketView& view) {
    switch (type) {
        case GsoType::kTcpv4:
            return view.is_tcp() && view.family == Family::kIpv4;
        case GsoType::kTcpv6:
            return view.is_tcp() && view.family == Family::kIpv6;
        case GsoType::kUdpFragments:
            // What is fragmented already can't be again.
            return is_udp(view) && view.fragment_header_at == 0;
        case GsoType::kUdpDatagrams:
            return is_udp(view);
        case GsoType::kNone:
            break;
    }
    return false;
}

/// All of the packet is here, and the transport takes all of it.
bool is_whole(const PacketView& view) {
    return view.payload_captured == view.payload_size &&
           view.payload_offset + view.payload_size == view.l4_offset + view.l4_size;
}

VnetProblem check_gso(const VnetHeader& header, const PacketView& view) {
    if (!type_agrees(header.gso_type, view)) return VnetProblem::kGsoType;
    if (!is_whole(view)) return VnetProblem::kPacketBad;
    if (header.gso_size == 0) return VnetProblem::kGsoSizeZero;
    if (header.needs_checksum() && !is_transports_checksum(header, view)) {
        return VnetProblem::kChecksumElsewhere;
    }
    return VnetProblem::kNone;
}

}  // namespace

const char* to_string(VnetProblem problem) {
    switch (problem) {
        case VnetProblem::kNone:
            return "none";
        case VnetProblem::kFrontSize:
            return "front-size";
        case VnetProblem::kFrameTooLong:
            return "frame-too-long";
        case VnetProblem::kChecksumOutside:
            return "checksum-outside";
        case VnetProblem::kGsoType:
            return "gso-type";
        case VnetProblem::kPacketBad:
            return "packet-bad";
        case VnetProblem::kGsoSizeZero:
            return "gso-size-zero";
        case VnetProblem::kChecksumElsewhere:
            return "checksum-elsewhere";
        case VnetProblem::kGsoSizeSmall:
            return "gso-size-small";
        case VnetProblem::kHeadersLong:
            return "headers-long";
        case VnetProblem::kTcpFlags:
            return "tcp-flags";
        case VnetProblem::kCount:
            break;
    }
    return "?";
}

std::optional<VnetHeader> parse_vnet_header(Bytes front) {
    if (std::ranges::find(kSizes, front.size()) == std::end(kSizes)) return {};
    VnetHeader header;
    header.flags = front[0];
    header.gso_type = static_cast<GsoType>(front[1] & ~kEcnBit);
    header.ecn = (front[1] & kEcnBit) != 0;
    header.header_length = load_le16(&front[2]);
    header.gso_size = load_le16(&front[4]);
    header.checksum_start = load_le16(&front[6]);
    header.checksum_offset = load_le16(&front[8]);
    return header;
}

uint32_t packet_end(const PacketView& view) {
    if (view.level < Level::kIp) return view.captured;
    return std::min(view.captured, view.l4_offset + view.l4_size);
}

VnetProblem check(const VnetHeader& header, const PacketView& view) {
    if (header.needs_checksum() && !checksum_lies_inside(header, view)) {
        return VnetProblem::kChecksumOutside;
    }
    return header.is_gso() ? check_gso(header, view) : VnetProblem::kNone;
}

ChecksumKind checksum_kind(Bytes front, const PacketView& view) {
    const auto header = parse_vnet_header(front);
    const bool partial = header && header->needs_checksum() && (view.is_tcp() || is_udp(view)) &&
                         is_transports_checksum(*header, view);
    return partial ? ChecksumKind::kPseudoHeaderOnly : ChecksumKind::kFull;
}

}  // namespace colo
