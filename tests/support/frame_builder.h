// SPDX-License-Identifier: GPL-2.0-or-later
// Builds Ethernet frames for tests, field by field, with correct lengths and checksums:
//
//     ByteVector syn = FrameBuilder()
//                          .ipv4("10.0.0.1", "10.0.0.2")
//                          .tcp(40000, 80)
//                          .seq(1000)
//                          .flags(tcp_flag::kSyn)
//                          .options({tcp_option::mss(1460), tcp_option::sack_permitted()})
//                          .build();
//
// Order of the calls does not matter but for vlan() and extension(), which add one header each from
// the outside in. A builder is a value: copy it and change one field to get the variant. Tests that
// need a lying header build a true one and then patch it (ip_offset() and l4_offset() say where).
//
// The checksums are computed the slow and obvious way on purpose: they are the tests' oracle for
// packet/checksum.h.
#pragma once

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "packet/view.h"

namespace colo::test {

using ByteVector = std::vector<uint8_t>;

inline ByteVector to_bytes(std::string_view text) {
    return {text.begin(), text.end()};
}

/// `size` bytes that differ from their neighbours and from a pattern with another `seed`.
inline ByteVector pattern(size_t size, uint32_t seed = 1) {
    ByteVector bytes(size);
    uint32_t state = seed * 2654435761u + 12345;
    for (uint8_t& byte : bytes) {
        state = state * 1664525u + 1013904223u;
        byte = static_cast<uint8_t>(state >> 24);
    }
    return bytes;
}

inline void append(ByteVector& to, const ByteVector& bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
}
inline void append8(ByteVector& to, uint32_t v) {
    to.push_back(static_cast<uint8_t>(v));
}
inline void append16(ByteVector& to, uint32_t v) {
    append8(to, v >> 8);
    append8(to, v);
}
inline void append32(ByteVector& to, uint32_t v) {
    append16(to, v >> 16);
    append16(to, v);
}

inline void put16(ByteVector& bytes, size_t at, uint32_t v) {
    bytes.at(at) = static_cast<uint8_t>(v >> 8);
    bytes.at(at + 1) = static_cast<uint8_t>(v);
}
inline void put32(ByteVector& bytes, size_t at, uint32_t v) {
    put16(bytes, at, v >> 16);
    put16(bytes, at + 2, v);
}

/// RFC 1071, two bytes at a time; 0 over bytes that contain their own checksum.
inline uint16_t slow_checksum(const ByteVector& bytes) {
    uint32_t sum = 0;
    for (size_t i = 0; i < bytes.size(); ++i) sum += i % 2 ? bytes[i] : bytes[i] << 8;
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(~sum);
}

/// Options for FrameBuilder::options(); the builder pads with zeros (end of list) to a full word.
namespace tcp_option {

inline ByteVector nop() {
    return {1};
}
inline ByteVector mss(uint16_t value) {
    ByteVector option{2, 4};
    append16(option, value);
    return option;
}
inline ByteVector window_scale(uint8_t shift) {
    return {3, 3, shift};
}
inline ByteVector sack_permitted() {
    return {4, 2};
}
inline ByteVector sack(std::initializer_list<std::pair<uint32_t, uint32_t>> blocks) {
    ByteVector option{5, static_cast<uint8_t>(2 + 8 * blocks.size())};
    for (auto [left, right] : blocks) {
        append32(option, left);
        append32(option, right);
    }
    return option;
}
inline ByteVector timestamps(uint32_t value, uint32_t echo) {
    ByteVector option{8, 10};
    append32(option, value);
    append32(option, echo);
    return option;
}
inline ByteVector fast_open(std::string_view cookie = "") {
    ByteVector option{34, static_cast<uint8_t>(2 + cookie.size())};
    append(option, to_bytes(cookie));
    return option;
}
inline ByteVector raw(uint8_t kind, const ByteVector& body) {
    ByteVector option{kind, static_cast<uint8_t>(2 + body.size())};
    append(option, body);
    return option;
}

}  // namespace tcp_option

class FrameBuilder {
  public:
    using Mac = std::array<uint8_t, 6>;

    static constexpr Mac kGuestMac{0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
    static constexpr Mac kPeerMac{0x52, 0x55, 0x0a, 0x00, 0x02, 0x02};

    // --- Ethernet
    // ---------------------------------------------------------------------------------

    FrameBuilder& macs(const Mac& source, const Mac& destination) {
        source_mac_ = source;
        destination_mac_ = destination;
        return *this;
    }
    /// Adds a tag inside those already there. tpid 0x88a8 makes it a service tag.
    FrameBuilder& vlan(uint16_t vid, uint8_t priority = 0, uint16_t tpid = ether_type::kVlan) {
        append16(tags_, tpid);
        append16(tags_, static_cast<uint32_t>(priority << 13 | vid));
        return *this;
    }
    FrameBuilder& qinq(uint16_t outer, uint16_t inner) {
        return vlan(outer, 0, ether_type::kQinQ).vlan(inner);
    }
    /// Zeros behind the packet until the frame has at least `size` bytes (60 is Ethernet's
    /// minimum).
    FrameBuilder& pad_to(size_t size) {
        pad_to_ = size;
        return *this;
    }
    /// Any EtherType, or an 802.3 length; payload() follows it.
    FrameBuilder& ethernet(uint16_t type) {
        ether_type_ = type;
        family_ = Family::kNone;
        return *this;
    }
    /// operation 1 = request, 2 = reply. The hardware addresses are those of macs().
    FrameBuilder& arp(uint16_t operation, std::string_view sender, std::string_view target) {
        ethernet(ether_type::kArp);
        payload_ = {0, 1, 8, 0, 6, 4};
        append16(payload_, operation);
        payload_.insert(payload_.end(), source_mac_.begin(), source_mac_.end());
        append(payload_, address(AF_INET, sender));
        append(payload_, operation == 1
                             ? ByteVector(6)
                             : ByteVector(destination_mac_.begin(), destination_mac_.end()));
        append(payload_, address(AF_INET, target));
        return *this;
    }

    // --- IP
    // ---------------------------------------------------------------------------------------

    FrameBuilder& ipv4(std::string_view source, std::string_view destination) {
        return ip(Family::kIpv4, ether_type::kIpv4, address(AF_INET, source),
                  address(AF_INET, destination));
    }
    FrameBuilder& ipv6(std::string_view source, std::string_view destination) {
        return ip(Family::kIpv6, ether_type::kIpv6, address(AF_INET6, source),
                  address(AF_INET6, destination));
    }
    FrameBuilder& ttl(uint8_t value) {
        ttl_ = value;
        return *this;
    }
    FrameBuilder& tos(uint8_t value) {
        tos_ = value;
        return *this;
    }
    /// IPv4 identification, or the IPv6 fragment header's.
    FrameBuilder& ip_id(uint32_t id) {
        ip_id_ = id;
        return *this;
    }
    FrameBuilder& dont_fragment() {
        dont_fragment_ = true;
        return *this;
    }
    /// IPv4 options; padded with zeros to a full word.
    FrameBuilder& ip_options(ByteVector options) {
        options.resize((options.size() + 3) / 4 * 4);
        ip_options_ = std::move(options);
        return *this;
    }
    /// Adds an IPv6 extension header inside those already there and in front of any fragment
    /// header: `body` follows the next-header and length bytes and is padded to the header's unit.
    FrameBuilder& extension(uint8_t type, const ByteVector& body = ByteVector(6)) {
        extensions_.push_back({type, body});
        return *this;
    }
    /// The same, in the part that is fragmented.
    FrameBuilder& inner_extension(uint8_t type, const ByteVector& body = ByteVector(6)) {
        inner_extensions_.push_back({type, body});
        return *this;
    }
    /// IPv6: a fragment header on a whole packet (RFC 6946).
    FrameBuilder& atomic_fragment() {
        atomic_fragment_ = true;
        return *this;
    }

    // --- Transport
    // --------------------------------------------------------------------------------

    /// A transport the builder knows nothing of: payload() is all of the IP payload.
    FrameBuilder& protocol(uint8_t number) {
        transport_ = Transport::kNone;
        protocol_ = number;
        return *this;
    }
    FrameBuilder& tcp(uint16_t source_port, uint16_t destination_port) {
        return transport(Transport::kTcp, ip_protocol::kTcp, source_port, destination_port);
    }
    FrameBuilder& seq(uint32_t value) {
        seq_ = value;
        return *this;
    }
    /// Sets the ACK flag too.
    FrameBuilder& ack(uint32_t value) {
        ack_ = value;
        flags_ |= tcp_flag::kAck;
        return *this;
    }
    FrameBuilder& flags(uint8_t bits) {
        flags_ = bits;
        return *this;
    }
    FrameBuilder& window(uint16_t value) {
        window_ = value;
        return *this;
    }
    FrameBuilder& options(std::initializer_list<ByteVector> list) {
        options_.clear();
        for (const ByteVector& option : list) append(options_, option);
        options_.resize((options_.size() + 3) / 4 * 4);
        return *this;
    }
    FrameBuilder& udp(uint16_t source_port, uint16_t destination_port) {
        return transport(Transport::kUdp, ip_protocol::kUdp, source_port, destination_port);
    }
    /// UDP checksum 0: not computed (RFC 768).
    FrameBuilder& no_udp_checksum() {
        udp_checksum_ = false;
        return *this;
    }
    /// ICMP or ICMPv6 as the IP family says. `word` is the second header word: identifier and
    /// sequence, MTU or pointer. payload() follows it.
    FrameBuilder& icmp(uint8_t type, uint8_t code, uint32_t word) {
        icmp_type_ = type;
        icmp_code_ = code;
        icmp_word_ = word;
        return transport(Transport::kIcmp, 0, 0, 0);
    }
    FrameBuilder& echo(uint8_t type, uint16_t identifier, uint16_t sequence) {
        return icmp(type, 0, static_cast<uint32_t>(identifier << 16 | sequence));
    }
    /// An error about `offender` (a whole frame without tags), of which `quoted` IP bytes are kept.
    FrameBuilder& icmp_error(uint8_t type, uint8_t code, uint32_t word, const ByteVector& offender,
                             size_t quoted = 1232) {
        const size_t end = std::min(offender.size(), 14 + quoted);
        payload_.assign(offender.begin() + 14, offender.begin() + static_cast<ptrdiff_t>(end));
        return icmp(type, code, word);
    }
    FrameBuilder& payload(ByteVector bytes) {
        payload_ = std::move(bytes);
        return *this;
    }
    FrameBuilder& payload(std::string_view text) { return payload(to_bytes(text)); }
    /// Makes the transport checksum wrong by `amount` (not 0, not 0xffff).
    FrameBuilder& wrong_checksum(uint16_t amount = 0x1111) {
        checksum_error_ = amount;
        return *this;
    }
    /// Same conversation, other direction: swaps MACs, addresses and ports.
    FrameBuilder& swap_ends() {
        std::swap(source_mac_, destination_mac_);
        std::swap(source_, destination_);
        std::swap(source_port_, destination_port_);
        return *this;
    }

    // --- Results
    // ----------------------------------------------------------------------------------

    ByteVector build() const {
        if (family_ == Family::kNone) return framed(payload_);
        if (!atomic_fragment_) return framed(packet(fragmentable(), false, 0, false));
        return framed(packet(fragmentable(), true, 0, false));
    }

    /// The bytes that fragmentation cuts up: transport header, payload and inner extensions.
    ByteVector fragmentable() const {
        ByteVector bytes;
        for (size_t i = 0; i < inner_extensions_.size(); ++i) {
            append(bytes, header_of(inner_extensions_[i],
                                    next_after(inner_extensions_, i, transport_protocol())));
        }
        append(bytes, transport_bytes());
        return bytes;
    }

    /// One fragment: `size` bytes of fragmentable() from `offset` (a multiple of 8), with the
    /// more-fragments bit as told. Bytes beyond the end are zeros.
    ByteVector fragment(size_t offset, size_t size, bool more) const {
        ByteVector all = fragmentable();
        all.resize(std::max(all.size(), offset + size));
        const auto begin = all.begin() + static_cast<ptrdiff_t>(offset);
        return framed(
            packet(ByteVector(begin, begin + static_cast<ptrdiff_t>(size)), true, offset, more));
    }

    /// The whole as fragments of at most `size` data bytes each (a multiple of 8), in order.
    std::vector<ByteVector> fragments(size_t size) const {
        const size_t total = fragmentable().size();
        std::vector<ByteVector> list;
        for (size_t offset = 0; offset < total; offset += size) {
            const size_t take = std::min(size, total - offset);
            list.push_back(fragment(offset, take, offset + take < total));
        }
        return list;
    }

    size_t ip_offset() const { return 14 + tags_.size(); }
    /// Of the transport header in build().
    size_t l4_offset() const {
        size_t offset = ip_offset() + (family_ == Family::kIpv6 ? 40 : 20 + ip_options_.size());
        for (const Extension& e : extensions_) offset += header_of(e, 0).size();
        for (const Extension& e : inner_extensions_) offset += header_of(e, 0).size();
        return offset + (atomic_fragment_ && family_ == Family::kIpv6 ? 8 : 0);
    }

    /// 4 or 16 bytes; throws std::invalid_argument on bad text.
    static ByteVector address(int family, std::string_view text) {
        ByteVector bytes(family == AF_INET6 ? 16 : 4);
        if (inet_pton(family, std::string(text).c_str(), bytes.data()) != 1)
            throw std::invalid_argument("not an address: " + std::string(text));
        return bytes;
    }

  private:
    enum class Transport { kNone, kTcp, kUdp, kIcmp };
    struct Extension {
        uint8_t type;
        ByteVector body;
    };
    static constexpr uint8_t kAuthentication = 51;

    FrameBuilder& ip(Family family, uint16_t type, ByteVector source, ByteVector destination) {
        family_ = family;
        ether_type_ = type;
        source_ = std::move(source);
        destination_ = std::move(destination);
        return *this;
    }
    FrameBuilder& transport(Transport kind, uint8_t number, uint16_t source, uint16_t destination) {
        transport_ = kind;
        protocol_ = number;
        source_port_ = source;
        destination_port_ = destination;
        return *this;
    }

    uint8_t transport_protocol() const {
        if (transport_ != Transport::kIcmp) return protocol_;
        return family_ == Family::kIpv6 ? ip_protocol::kIcmpv6 : ip_protocol::kIcmp;
    }

    static uint8_t next_after(const std::vector<Extension>& list, size_t i, uint8_t last) {
        return i + 1 < list.size() ? list[i + 1].type : last;
    }
    static ByteVector header_of(const Extension& extension, uint8_t next) {
        ByteVector header{next, 0};
        append(header, extension.body);
        header.resize((header.size() + 7) / 8 * 8);
        // RFC 8200 4.3: 8-byte units behind the first; RFC 4302 2.2: 4-byte units minus 2.
        const size_t length =
            extension.type == kAuthentication ? header.size() / 4 - 2 : header.size() / 8 - 1;
        header[1] = static_cast<uint8_t>(length);
        return header;
    }

    ByteVector framed(const ByteVector& packet) const {
        ByteVector frame(destination_mac_.begin(), destination_mac_.end());
        frame.insert(frame.end(), source_mac_.begin(), source_mac_.end());
        append(frame, tags_);
        append16(frame, ether_type_);
        append(frame, packet);
        frame.resize(std::max(frame.size(), pad_to_));
        return frame;
    }

    ByteVector packet(const ByteVector& data, bool fragmented, size_t offset, bool more) const {
        if (family_ == Family::kIpv6) return ipv6_packet(data, fragmented, offset, more);
        return ipv4_packet(data, offset, more);
    }

    ByteVector ipv4_packet(const ByteVector& data, size_t offset, bool more) const {
        const size_t header_size = 20 + ip_options_.size();
        ByteVector header;
        append8(header, static_cast<uint32_t>(0x40 | header_size / 4));
        append8(header, tos_);
        append16(header, static_cast<uint32_t>(header_size + data.size()));
        append16(header, ip_id_);
        append16(header, (dont_fragment_ ? 0x4000u : 0u) | (more ? 0x2000u : 0u) |
                             static_cast<uint32_t>(offset / 8));
        append8(header, ttl_);
        append8(header, transport_protocol());
        append16(header, 0);
        append(header, source_);
        append(header, destination_);
        append(header, ip_options_);
        put16(header, 10, slow_checksum(header));
        append(header, data);
        return header;
    }

    ByteVector ipv6_packet(const ByteVector& data, bool fragmented, size_t offset,
                           bool more) const {
        const uint8_t inner =
            inner_extensions_.empty() ? transport_protocol() : inner_extensions_[0].type;
        const uint8_t behind = fragmented ? ip_protocol::kFragment : inner;
        ByteVector chain;
        for (size_t i = 0; i < extensions_.size(); ++i)
            append(chain, header_of(extensions_[i], next_after(extensions_, i, behind)));
        if (fragmented) {
            append16(chain, static_cast<uint32_t>(inner << 8));
            append16(chain, static_cast<uint32_t>(offset) | (more ? 1u : 0u));
            append32(chain, ip_id_);
        }
        ByteVector packet;
        append32(packet, 6u << 28 | static_cast<uint32_t>(tos_ << 20));
        append16(packet, static_cast<uint32_t>(chain.size() + data.size()));
        append8(packet, extensions_.empty() ? behind : extensions_[0].type);
        append8(packet, ttl_);
        append(packet, source_);
        append(packet, destination_);
        append(packet, chain);
        append(packet, data);
        return packet;
    }

    ByteVector transport_bytes() const {
        ByteVector bytes;
        switch (transport_) {
            case Transport::kNone:
                return payload_;
            case Transport::kTcp:
                append_tcp_header(bytes);
                break;
            case Transport::kUdp:
                append_udp_header(bytes);
                break;
            case Transport::kIcmp:
                append_icmp_header(bytes);
                break;
        }
        append(bytes, payload_);
        const size_t at = transport_ == Transport::kTcp   ? 16
                          : transport_ == Transport::kUdp ? 6
                                                          : 2;
        if (transport_ == Transport::kUdp && !udp_checksum_) return bytes;
        uint16_t sum = checksum_of(bytes);
        if (transport_ == Transport::kUdp && sum == 0) sum = 0xffff;
        put16(bytes, at, static_cast<uint16_t>(sum + checksum_error_));
        return bytes;
    }

    void append_tcp_header(ByteVector& bytes) const {
        append16(bytes, source_port_);
        append16(bytes, destination_port_);
        append32(bytes, seq_);
        append32(bytes, ack_);
        append8(bytes, static_cast<uint32_t>((20 + options_.size()) / 4 << 4));
        append8(bytes, flags_);
        append16(bytes, window_);
        append32(bytes, 0);
        append(bytes, options_);
    }
    void append_udp_header(ByteVector& bytes) const {
        append16(bytes, source_port_);
        append16(bytes, destination_port_);
        append16(bytes, static_cast<uint32_t>(8 + payload_.size()));
        append16(bytes, 0);
    }
    void append_icmp_header(ByteVector& bytes) const {
        append8(bytes, icmp_type_);
        append8(bytes, icmp_code_);
        append16(bytes, 0);
        append32(bytes, icmp_word_);
    }

    /// RFC 9293 3.1, RFC 768, RFC 8200 8.1: with a pseudo header, but for ICMP over IPv4 (RFC 792).
    uint16_t checksum_of(const ByteVector& bytes) const {
        if (transport_ == Transport::kIcmp && family_ == Family::kIpv4) return slow_checksum(bytes);
        ByteVector covered = source_;
        append(covered, destination_);
        append32(covered, static_cast<uint32_t>(bytes.size()));
        append32(covered, transport_protocol());
        append(covered, bytes);
        return slow_checksum(covered);
    }

    Mac source_mac_ = kGuestMac;
    Mac destination_mac_ = kPeerMac;
    ByteVector tags_;
    uint16_t ether_type_ = ether_type::kIpv4;
    size_t pad_to_ = 0;

    Family family_ = Family::kNone;
    ByteVector source_;
    ByteVector destination_;
    uint8_t ttl_ = 64;
    uint8_t tos_ = 0;
    uint32_t ip_id_ = 0;
    bool dont_fragment_ = false;
    bool atomic_fragment_ = false;
    ByteVector ip_options_;
    std::vector<Extension> extensions_;
    std::vector<Extension> inner_extensions_;

    Transport transport_ = Transport::kNone;
    uint8_t protocol_ = 0;
    uint16_t source_port_ = 0;
    uint16_t destination_port_ = 0;
    uint32_t seq_ = 0;
    uint32_t ack_ = 0;
    uint8_t flags_ = 0;
    uint16_t window_ = 65535;
    ByteVector options_;
    bool udp_checksum_ = true;
    uint8_t icmp_type_ = 0;
    uint8_t icmp_code_ = 0;
    uint32_t icmp_word_ = 0;
    ByteVector payload_;
    uint16_t checksum_error_ = 0;
};

/// Between two hosts, of which the first sends.
inline FrameBuilder v4() { return FrameBuilder().ipv4("10.0.0.1", "10.0.0.2"); }
inline FrameBuilder v6() { return FrameBuilder().ipv6("2001:db8::1", "2001:db8::2"); }

inline PacketView view_of(const ByteVector& frame, uint32_t wire_size = 0) {
    return parse(frame, wire_size);
}

}  // namespace colo::test
