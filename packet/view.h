// SPDX-License-Identifier: GPL-2.0-or-later
// One frame, parsed once: where its headers are and what they say. Every bound is checked here;
// after parse() an offset in the view lies inside the captured bytes, so nobody checks again and
// nobody touches raw bytes without a view.
//
// Sources: IEEE 802.3 / 802.1Q / 802.1ad, RFC 791, RFC 8200 (extension headers), RFC 9293, RFC 768,
// RFC 792, RFC 4443, RFC 826.
//
// A frame that lies about a length is not rejected: it is described as far as it can be trusted
// (`level`), with the first problem found (`problem`). The comparator treats it as an opaque
// datagram.
#pragma once

#include <cstdint>

#include "packet/bytes.h"
#include "packet/seq.h"

namespace colo {

namespace ether_type {
inline constexpr uint16_t kIpv4 = 0x0800;
inline constexpr uint16_t kArp = 0x0806;
inline constexpr uint16_t kVlan = 0x8100;
inline constexpr uint16_t kIpv6 = 0x86dd;
inline constexpr uint16_t kQinQ = 0x88a8;
inline constexpr uint16_t kLldp = 0x88cc;
}  // namespace ether_type

namespace ip_protocol {
inline constexpr uint8_t kIcmp = 1;
inline constexpr uint8_t kIgmp = 2;
inline constexpr uint8_t kTcp = 6;
inline constexpr uint8_t kUdp = 17;
inline constexpr uint8_t kFragment = 44;
inline constexpr uint8_t kIcmpv6 = 58;
}  // namespace ip_protocol

namespace tcp_flag {
inline constexpr uint8_t kFin = 0x01;
inline constexpr uint8_t kSyn = 0x02;
inline constexpr uint8_t kRst = 0x04;
inline constexpr uint8_t kPsh = 0x08;
inline constexpr uint8_t kAck = 0x10;
inline constexpr uint8_t kUrg = 0x20;
inline constexpr uint8_t kEce = 0x40;
inline constexpr uint8_t kCwr = 0x80;
}  // namespace tcp_flag

/// A VLAN tag that is not there. VID 4095 is reserved (802.1Q 9.6) and never a tag's.
inline constexpr uint16_t kNoVlan = 0x0fff;

enum class Level : uint8_t {
    kNone,       ///< not even an Ethernet header
    kEthernet,   ///< ether_type and VLANs are valid
    kIp,         ///< addresses, protocol, l4_offset and l4_size too
    kTransport,  ///< ports / ICMP fields and the payload too
};

enum class Family : uint8_t { kNone, kIpv4, kIpv6 };

enum class Problem : uint8_t {
    kNone,
    kCut,            ///< the capture's snaplen cut a header
    kEthernetShort,  ///< fewer bytes than an Ethernet header or its tags need
    kIpHeaderBad,    ///< version, IHL or header length does not fit
    kIpLengthBad,    ///< total / payload length larger than the frame or smaller than its headers
    kExtensionChainBad,  ///< IPv6 extension headers run past the packet or are too many
    kTcpHeaderBad,       ///< data offset under 5 or past the segment
    kUdpLengthBad,       ///< UDP length under 8 or past the packet
    kIcmpShort,          ///< fewer than 8 bytes
    kCount
};

const char* to_string(Problem problem);

/// Offsets count from the frame's first byte; sizes are in bytes.
struct PacketView {
    const uint8_t* data = nullptr;
    uint32_t captured = 0;  ///< bytes that are here
    uint32_t l3_offset = 0;
    uint32_t l4_offset = 0;
    /// First payload byte behind the transport header (TCP, UDP) or behind type, code and checksum
    /// (ICMP); behind the IP header for other protocols. At most `captured`.
    uint32_t payload_offset = 0;
    uint32_t payload_size = 0;      ///< as the headers say; more than what is here in a cut frame
    uint32_t payload_captured = 0;  ///< of these, here
    uint32_t l4_size = 0;           ///< transport header and payload, as the headers say
    uint32_t padding = 0;           ///< Ethernet padding behind the IP packet

    uint16_t ether_type = 0;
    uint16_t vlan_outer = kNoVlan;  ///< a priority tag (VID 0) names no VLAN and is skipped
    uint16_t vlan_inner = kNoVlan;

    Level level = Level::kNone;
    Problem problem = Problem::kNone;
    Family family = Family::kNone;
    uint8_t protocol = 0;  ///< of the transport, behind all extension headers

    // Fragmentation (either family).
    bool is_fragment = false;  ///< not a whole packet: the rest of the transport fields is not set
    bool more_fragments = false;
    uint16_t fragment_offset = 0;  ///< bytes
    uint32_t fragment_id = 0;
    /// IPv6: where the fragment header's predecessor names it (the next-header byte to mend when
    /// the packet is made whole), and the fragment header's own offset.
    uint32_t fragment_next_header_at = 0;
    uint32_t fragment_header_at = 0;

    // TCP, UDP; ICMP: source_port = type << 8 | code, destination_port = identifier (echo) or 0.
    uint16_t source_port = 0;
    uint16_t destination_port = 0;

    // TCP.
    Seq seq;
    Seq ack;
    uint16_t window = 0;
    uint8_t tcp_flags = 0;
    uint8_t tcp_header_size = 0;

    bool has(uint8_t flag) const { return (tcp_flags & flag) != 0; }
    bool is_tcp() const { return level == Level::kTransport && protocol == ip_protocol::kTcp; }
    /// ICMP or ICMPv6.
    bool is_icmp() const {
        return level == Level::kTransport &&
               protocol == (family == Family::kIpv4 ? ip_protocol::kIcmp : ip_protocol::kIcmpv6);
    }
    uint8_t icmp_type() const { return static_cast<uint8_t>(source_port >> 8); }
    uint8_t icmp_code() const { return static_cast<uint8_t>(source_port); }

    const uint8_t* source_mac() const { return data + 6; }
    const uint8_t* destination_mac() const { return data; }
    uint32_t address_size() const { return family == Family::kIpv6 ? 16 : 4; }
    const uint8_t* source_address() const {
        return data + l3_offset + (family == Family::kIpv6 ? 8 : 12);
    }
    const uint8_t* destination_address() const { return source_address() + address_size(); }
    /// The payload bytes that are here.
    Bytes payload() const { return {data + payload_offset, payload_captured}; }
    /// TCP options (may be cut short only together with the header, which is a problem).
    Bytes tcp_options() const {
        return {data + l4_offset + 20, static_cast<size_t>(tcp_header_size - 20)};
    }
    /// Sequence space the segment takes, SYN and FIN included (RFC 9293: SEG.LEN).
    uint32_t tcp_length() const { return payload_size + has(tcp_flag::kSyn) + has(tcp_flag::kFin); }
};

/// Describes `frame`. `wire_size` is the length before a snaplen cut it (at least frame.size()).
/// The view points into `frame` and lives no longer.
PacketView parse(Bytes frame, uint32_t wire_size);

/// Describes the IP packet (of the carrier's family) that an ICMP error quotes from `offset` of the
/// frame on; its offsets count from the carrier frame's first byte, too. A quote is usually a
/// packet's beginning only: what is missing counts as cut, and a cut TCP header leaves the level at
/// kIp.
PacketView parse_quoted(const PacketView& carrier, uint32_t offset);

}  // namespace colo
