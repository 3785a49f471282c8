// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/view.h"

#include <algorithm>

#include "packet/header_fields.h"
#include "packet/hot.h"

namespace colo {

namespace {

constexpr uint32_t kMacHeader = 14;
constexpr uint32_t kTag = 4;
constexpr int kMaxTags = 2;
/// ICMP's payload for comparing: what follows type, code and checksum.
constexpr uint32_t kIcmpPayload = 4;
constexpr int kMaxExtensions = 8;

/// Copied, not constructed: g++ clears the structure with "rep stos", which costs more than
/// parsing.
constexpr PacketView kBlank;

void set_payload(PacketView& view, uint32_t offset, uint32_t size) {
    view.payload_offset = offset;
    view.payload_size = size;
    view.payload_captured = std::min(size, view.captured - offset);
}

/// A payload lies behind a header at least.
bool has_payload(const PacketView& view) {
    return view.payload_offset != 0;
}

/// No transport header takes its part: the payload is all behind the last header that can be trusted.
void set_rest_as_payload(PacketView& view, uint32_t end) {
    if (view.level >= Level::kIp) {
        set_payload(view, view.l4_offset, view.l4_size);
    } else {
        set_payload(view, view.l3_offset, end - view.l3_offset);
    }
}

/// Why the bytes up to `end` are not all here: the packet (which ends at `packet_end`) is too short
/// for them, or the capture is.
Problem missing(uint32_t end, uint32_t packet_end, Problem too_short) {
    return end <= packet_end ? Problem::kCut : too_short;
}

// --- Transport: fills ports and payload, or leaves the level at kIp with a problem.
// -----------------

COLO_HOT void parse_tcp(PacketView& view) {
    const uint32_t at = view.l4_offset;
    if (view.l4_size < kTcpHeader || view.captured - at < kTcpHeader) {
        view.problem = missing(kTcpHeader, view.l4_size, Problem::kTcpHeaderBad);
        return;
    }
    const uint8_t* header = view.data + at;
    const uint32_t header_size = (header[12] >> 4) * 4u;
    if (header_size < kTcpHeader || header_size > view.l4_size) {
        view.problem = Problem::kTcpHeaderBad;
        return;
    }
    if (header_size > view.captured - at) {
        view.problem = Problem::kCut;
        return;
    }
    view.source_port = load_be16(header);
    view.destination_port = load_be16(header + 2);
    view.seq = Seq(load_be32(header + 4));
    view.ack = Seq(load_be32(header + 8));
    view.tcp_header_size = static_cast<uint8_t>(header_size);
    view.tcp_flags = header[13];
    view.window = load_be16(header + 14);
    view.level = Level::kTransport;
    set_payload(view, at + header_size, view.l4_size - header_size);
}

void parse_udp(PacketView& view) {
    const uint32_t at = view.l4_offset;
    if (view.l4_size < kUdpHeader || view.captured - at < kUdpHeader) {
        view.problem = missing(kUdpHeader, view.l4_size, Problem::kUdpLengthBad);
        return;
    }
    const uint8_t* header = view.data + at;
    // Length 0 means "see the jumbogram" (RFC 2675 4); there are none here.
    const uint32_t length = load_be16(header + 4);
    if (length < kUdpHeader || length > view.l4_size) {
        view.problem = Problem::kUdpLengthBad;
        return;
    }
    view.source_port = load_be16(header);
    view.destination_port = load_be16(header + 2);
    view.level = Level::kTransport;
    set_payload(view, at + kUdpHeader, length - kUdpHeader);
}

bool is_echo(Family family, uint8_t type) {
    return family == Family::kIpv4 ? type == 8 || type == 0 : type == 128 || type == 129;
}

void parse_icmp(PacketView& view) {
    const uint32_t at = view.l4_offset;
    if (view.l4_size < kIcmpHeader || view.captured - at < kIcmpHeader) {
        view.problem = missing(kIcmpHeader, view.l4_size, Problem::kIcmpShort);
        return;
    }
    const uint8_t* header = view.data + at;
    view.source_port = load_be16(header);
    if (is_echo(view.family, header[0])) view.destination_port = load_be16(header + 4);
    view.level = Level::kTransport;
    set_payload(view, at + kIcmpPayload, view.l4_size - kIcmpPayload);
}

COLO_HOT void parse_transport(PacketView& view) {
    switch (view.protocol) {
        case ip_protocol::kTcp:
            return parse_tcp(view);
        case ip_protocol::kUdp:
            return parse_udp(view);
        case ip_protocol::kIcmp:
            if (view.family == Family::kIpv4) return parse_icmp(view);
            break;
        case ip_protocol::kIcmpv6:
            if (view.family == Family::kIpv6) return parse_icmp(view);
            break;
        default:
            break;
    }
    view.level = Level::kTransport;
}

/// Everything of the IP packet from `offset` to `end` belongs to `protocol`.
void set_protocol(PacketView& view, uint8_t protocol, uint32_t offset, uint32_t end) {
    view.level = Level::kIp;
    view.protocol = protocol;
    view.l4_offset = offset;
    view.l4_size = end - offset;
}

/// True when the packet is a fragment; its data are then described and no transport is looked for.
bool set_fragment(PacketView& view, uint32_t offset, bool more) {
    if (offset == 0 && !more) return false;
    view.is_fragment = true;
    view.more_fragments = more;
    view.fragment_offset = static_cast<uint16_t>(offset);
    // The ping of death: reassembled, the packet would be longer than IP can say.
    if (offset + view.l4_size > kMaxIpBytes) view.problem = Problem::kIpLengthBad;
    return true;
}

// --- IP: `end` is where the wire's bytes end.
// -------------------------------------------------------

COLO_HOT void parse_ipv4(PacketView& view, uint32_t end) {
    const uint32_t at = view.l3_offset;
    if (view.captured - at < kIpv4Header) {
        view.problem = missing(at + kIpv4Header, end, Problem::kIpHeaderBad);
        return;
    }
    const uint8_t* header = view.data + at;
    const uint32_t header_size = (header[0] & 15) * 4u;
    if (header[0] >> 4 != 4 || header_size < kIpv4Header) {
        view.problem = Problem::kIpHeaderBad;
        return;
    }
    if (header_size > view.captured - at) {
        view.problem = missing(at + header_size, end, Problem::kIpHeaderBad);
        return;
    }
    const uint32_t total = load_be16(header + 2);
    if (total < header_size || total > end - at) {
        view.problem = Problem::kIpLengthBad;
        return;
    }
    view.family = Family::kIpv4;
    view.padding = end - at - total;
    set_protocol(view, header[9], at + header_size, at + total);
    const uint32_t fragment = load_be16(header + 6);
    view.fragment_id = load_be16(header + 4);
    if (!set_fragment(view, (fragment & 0x1fff) * 8, (fragment & 0x2000) != 0)) {
        parse_transport(view);
    }
}

bool is_extension(uint8_t next) {
    switch (next) {
        case ip_extension::kHopByHop:
        case ip_extension::kRouting:
        case ip_protocol::kFragment:
        case ip_extension::kAuthentication:
        case ip_extension::kDestinationOptions:
        case ip_extension::kMobility:
            return true;
        default:
            return false;  // ESP (50) and "no next header" (59) end the chain, too
    }
}

/// RFC 8200 4: units of 8 bytes, the first not counted; RFC 4302 2.2: units of 4, two not counted.
uint32_t extension_size(uint8_t type, uint8_t length) {
    if (type == ip_protocol::kFragment) return kFragmentHeader;
    return type == ip_extension::kAuthentication ? (length + 2u) * 4 : (length + 1u) * 8;
}

/// Walks the extension headers. False on a problem; otherwise the payload is set, to the
/// transport's or to the fragment's data.
bool walk_extensions(PacketView& view, uint32_t packet_end) {
    uint32_t named_at = view.l3_offset + 6;
    uint32_t at = view.l3_offset + kIpv6Header;
    for (int count = 0; is_extension(view.data[named_at]); ++count) {
        const uint8_t type = view.data[named_at];
        if (count == kMaxExtensions || packet_end - at < 8) {
            view.problem = Problem::kExtensionChainBad;
            return false;
        }
        if (view.captured < at + 8) {
            view.problem = Problem::kCut;
            return false;
        }
        const uint32_t next_at = at + extension_size(type, view.data[at + 1]);
        if (next_at > view.captured || next_at > packet_end) {
            view.problem = missing(next_at, packet_end, Problem::kExtensionChainBad);
            return false;
        }
        if (type == ip_protocol::kFragment) {
            view.fragment_header_at = at;
            view.fragment_next_header_at = named_at;
            view.fragment_id = load_be32(view.data + at + 4);
            set_protocol(view, view.data[at], next_at, packet_end);
            const uint32_t field = load_be16(view.data + at + 2);
            if (set_fragment(view, field & 0xfff8, (field & 1) != 0)) return true;
        }
        named_at = at;
        at = next_at;
    }
    set_protocol(view, view.data[named_at], at, packet_end);
    return true;
}

void parse_ipv6(PacketView& view, uint32_t end) {
    const uint32_t at = view.l3_offset;
    if (view.captured - at < kIpv6Header) {
        view.problem = missing(at + kIpv6Header, end, Problem::kIpHeaderBad);
        return;
    }
    const uint8_t* header = view.data + at;
    if (header[0] >> 4 != 6) {
        view.problem = Problem::kIpHeaderBad;
        return;
    }
    const uint32_t payload = load_be16(header + 4);
    const bool jumbogram = payload == 0 && header[6] == ip_extension::kHopByHop;  // RFC 2675 2
    if (jumbogram || payload > end - at - kIpv6Header) {
        view.problem = Problem::kIpLengthBad;
        return;
    }
    view.family = Family::kIpv6;
    const uint32_t packet_end = at + kIpv6Header + payload;
    view.padding = end - packet_end;
    // For a bad chain: all behind the IPv6 header belongs to the first header it names.
    set_protocol(view, header[6], at + kIpv6Header, packet_end);
    if (walk_extensions(view, packet_end) && !view.is_fragment) parse_transport(view);
}

// --- Ethernet
// ---------------------------------------------------------------------------------------

bool is_tag(uint16_t type) {
    return type == ether_type::kVlan || type == ether_type::kQinQ;
}

/// A priority tag (VID 0) names no VLAN (802.1Q 9.6): such a frame belongs to the untagged ones.
void add_vlan(PacketView& view, uint16_t vid) {
    if (vid == 0) return;
    (view.vlan_outer == kNoVlan ? view.vlan_outer : view.vlan_inner) = vid;
}

/// Skips the tags. Returns where the network header begins; ether_type stays a tag's when that tag
/// is cut, reserved or one too many.
uint32_t parse_tags(PacketView& view, uint32_t end) {
    uint32_t at = kMacHeader;
    for (int count = 0; count < kMaxTags && is_tag(view.ether_type); ++count) {
        if (view.captured - at < kTag) {
            view.problem = missing(at + kTag, end, Problem::kEthernetShort);
            break;
        }
        const uint16_t vid = load_be16(view.data + at) & 0x0fff;
        if (vid == kNoVlan) break;
        add_vlan(view, vid);
        view.ether_type = load_be16(view.data + at + 2);
        at += kTag;
    }
    return at;
}

COLO_HOT void parse_network(PacketView& view, uint32_t end) {
    if (view.ether_type == ether_type::kIpv4) {
        parse_ipv4(view, end);
    } else if (view.ether_type == ether_type::kIpv6) {
        parse_ipv6(view, end);
    }
}

}  // namespace

const char* to_string(Problem problem) {
    switch (problem) {
        case Problem::kNone:
            return "none";
        case Problem::kCut:
            return "cut";
        case Problem::kEthernetShort:
            return "ethernet-short";
        case Problem::kIpHeaderBad:
            return "ip-header-bad";
        case Problem::kIpLengthBad:
            return "ip-length-bad";
        case Problem::kExtensionChainBad:
            return "extension-chain-bad";
        case Problem::kTcpHeaderBad:
            return "tcp-header-bad";
        case Problem::kUdpLengthBad:
            return "udp-length-bad";
        case Problem::kIcmpShort:
            return "icmp-short";
        case Problem::kCount:
            break;
    }
    return "?";
}

PacketView parse(Bytes frame, uint32_t wire_size) {
    PacketView view = kBlank;
    view.data = frame.data();
    view.captured = static_cast<uint32_t>(frame.size());
    const uint32_t end = std::max(wire_size, view.captured);
    if (view.captured < kMacHeader) {
        view.problem = missing(kMacHeader, end, Problem::kEthernetShort);
        set_payload(view, 0, end);
        return view;
    }
    view.level = Level::kEthernet;
    view.ether_type = load_be16(view.data + 12);
    view.l3_offset = parse_tags(view, end);
    parse_network(view, end);
    if (!has_payload(view)) set_rest_as_payload(view, end);
    return view;
}

PacketView parse_quoted(const PacketView& carrier, uint32_t offset) {
    PacketView quoted = kBlank;
    quoted.data = carrier.data;
    quoted.captured = carrier.payload_offset + carrier.payload_captured;
    quoted.ether_type = carrier.ether_type;
    quoted.vlan_outer = carrier.vlan_outer;
    quoted.vlan_inner = carrier.vlan_inner;
    quoted.level = Level::kEthernet;
    quoted.l3_offset = std::min(offset, quoted.captured);
    // The quoted packet was as long as it says, whatever is left of it.
    const uint32_t end = quoted.l3_offset + kIpv6Header + kMaxIpBytes;
    parse_network(quoted, end);
    if (!has_payload(quoted)) set_rest_as_payload(quoted, quoted.captured);
    quoted.padding = 0;
    return quoted;
}

}  // namespace colo
