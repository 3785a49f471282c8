// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/icmp_error.h"

#include <algorithm>

#include "packet/header_fields.h"

namespace colo {

namespace {

/// What RFC 792 promises of the quoted transport: ports and, for TCP, the sequence number.
constexpr uint32_t kPromised = 8;

constexpr uint8_t kUnreachable = 3;
constexpr uint8_t kFragmentationNeeded = 4;  // a code
constexpr uint8_t kPacketTooBigV6 = 2;

bool starts_with_ports(const PacketView& quoted) {
    const bool known = quoted.protocol == ip_protocol::kTcp || quoted.protocol == ip_protocol::kUdp;
    const uint32_t here = std::min(quoted.l4_size, quoted.captured - quoted.l4_offset);
    return known && quoted.fragment_offset == 0 && here >= kPromised;
}

}  // namespace

std::optional<uint32_t> IcmpError::mtu() const {
    if (quoted.family == Family::kIpv6) {
        if (type != kPacketTooBigV6) return {};
        return word;
    }
    if (type != kUnreachable || code != kFragmentationNeeded) return {};
    return word & 0xffff;
}

bool is_icmp_error(const PacketView& view) {
    if (!view.is_icmp()) return false;
    const uint8_t type = view.icmp_type();
    if (view.family == Family::kIpv6) return type >= 1 && type <= 4;
    return (type >= 3 && type <= 5) || type == 11 || type == 12;
}

std::optional<IcmpError> parse_icmp_error(const PacketView& view) {
    if (!is_icmp_error(view)) return {};
    IcmpError error;
    error.quoted = parse_quoted(view, view.l4_offset + kIcmpHeader);
    const PacketView& quoted = error.quoted;
    if (quoted.level < Level::kIp) return {};
    error.type = view.icmp_type();
    error.code = view.icmp_code();
    error.word = load_be32(view.data + view.l4_offset + 4);
    error.has_ports = starts_with_ports(quoted);
    if (!error.has_ports) return error;
    const uint8_t* transport = view.data + quoted.l4_offset;
    error.source_port = load_be16(transport);
    error.destination_port = load_be16(transport + 2);
    if (quoted.protocol == ip_protocol::kTcp) error.seq = Seq(load_be32(transport + 4));
    return error;
}

FlowKey quoted_flow(const IcmpError& error, QuotedSender sender) {
    const bool from_guest = sender == QuotedSender::kGuest;
    FlowKey key = from_guest ? key_of_output(error.quoted) : key_of_input(error.quoted);
    if (error.has_ports) {
        key.guest_port = from_guest ? error.source_port : error.destination_port;
        key.peer_port = from_guest ? error.destination_port : error.source_port;
    }
    return key;
}

}  // namespace colo
