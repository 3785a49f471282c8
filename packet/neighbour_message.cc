// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/neighbour_message.h"

#include <algorithm>
#include <cstring>

#include "packet/arp.h"
#include "packet/checksum.h"
#include "packet/header_fields.h"

namespace colo {

namespace {

constexpr uint32_t kMacs = 12;
constexpr uint16_t kRarp = 0x8035;
constexpr uint16_t kRarpRequest = 3;

constexpr uint8_t kSolicitation = 135;
constexpr uint8_t kAdvertisement = 136;
/// Behind type, code and checksum: four bytes of flags, the target, options.
constexpr size_t kTargetAt = 4;
constexpr size_t kOptionsAt = 20;
constexpr uint8_t kSourceLinkAddress = 1;
constexpr uint8_t kTargetLinkAddress = 2;
constexpr uint8_t kHopLimit = 255;  ///< RFC 4861 7.1: no router has forwarded it
constexpr uint8_t kSolicited = 0x40;
constexpr uint8_t kOverride = 0x20;

constexpr MacAddress kEverybody{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
constexpr MacAddress kAllNodesMac{0x33, 0x33, 0, 0, 0, 1};
constexpr Ipv6Address kAllNodes{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

MacAddress mac_at(const uint8_t* bytes) {
    MacAddress mac;
    std::memcpy(mac.data(), bytes, mac.size());
    return mac;
}

/// A station's own address: neither multicast nor zero.
bool is_station(const MacAddress& mac) {
    return (mac[0] & 1) == 0 && mac != MacAddress{};
}

/// The frame's link without an address; nothing when it has more tags than are understood.
std::optional<LinkAddress> link_of(const PacketView& view) {
    if (view.level == Level::kNone || view.problem != Problem::kNone) return std::nullopt;
    const uint32_t tag_bytes = view.l3_offset - kMacs - 2;
    LinkAddress link;
    if (tag_bytes > link.tags.size()) return std::nullopt;
    link.tag_bytes = static_cast<uint8_t>(tag_bytes);
    std::memcpy(link.tags.data(), view.data + kMacs, tag_bytes);
    for (size_t at = 2; at < tag_bytes; at += 4) link.tags[at] &= 0x0f;
    return link;
}

LinkAddress on(LinkAddress link, Family family, const uint8_t* ip) {
    link.family = family;
    std::memcpy(link.ip.data(), ip, link.ip_bytes());
    return link;
}

std::optional<NeighbourMessage> parse_arp_message(const PacketView& view, const LinkAddress& link) {
    const auto arp = parse_arp(view);
    if (!arp) return std::nullopt;
    const LinkAddress sender = on(link, Family::kIpv4, arp->sender_ip);
    const LinkAddress target = on(link, Family::kIpv4, arp->target_ip);
    const MacAddress mac = mac_at(arp->sender_mac);
    if (!is_station(mac)) return std::nullopt;
    const bool tells = arp->operation == arp_operation::kReply || sender == target;
    if (tells) return NeighbourMessage{NeighbourMessage::Kind::kAnswer, sender, sender, mac};
    if (arp->operation != arp_operation::kRequest) return std::nullopt;
    return NeighbourMessage{NeighbourMessage::Kind::kQuestion, target, sender, mac};
}

/// The link-layer address option of a kind; nothing when there is none, or an option lies.
std::optional<MacAddress> link_option(Bytes options, uint8_t kind) {
    while (options.size() >= 8) {
        const size_t size = options[1] * size_t{8};
        if (size == 0 || size > options.size()) return std::nullopt;
        if (options[0] == kind) return mac_at(&options[2]);
        options = options.subspan(size);
    }
    return std::nullopt;
}

std::optional<NeighbourMessage> parse_discovery(const PacketView& view, const LinkAddress& link) {
    const bool asks = view.icmp_type() == kSolicitation;
    if (!asks && view.icmp_type() != kAdvertisement) return std::nullopt;
    const bool from_link = view.data[view.l3_offset + 7] == kHopLimit && view.icmp_code() == 0;
    const Bytes body = view.payload();
    if (!from_link || body.size() < kOptionsAt) return std::nullopt;
    const LinkAddress target = on(link, Family::kIpv6, &body[kTargetAt]);
    const LinkAddress sender = on(link, Family::kIpv6, view.source_address());
    const auto told = link_option(body.subspan(kOptionsAt), asks ? kSourceLinkAddress : kTargetLinkAddress);
    const MacAddress mac = told.value_or(mac_at(view.source_mac()));
    if (!is_station(mac)) return std::nullopt;
    const auto kind = asks ? NeighbourMessage::Kind::kQuestion : NeighbourMessage::Kind::kAnswer;
    return NeighbourMessage{kind, target, sender, mac};
}

bool names_somebody(const LinkAddress& address) {
    if (address.is_unspecified()) return false;
    if (address.family == Family::kIpv4) return address.ip[0] != 127 && address.ip[0] < 224;
    constexpr Ipv6Address kLoopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return address.ip[0] != 0xff && address.ip != kLoopback;
}

/// Zeros but for the Ethernet header.
Frame make_frame(FramePool& pool, const LinkAddress& link, const MacAddress& to,
                 const MacAddress& from, uint16_t ether_type, uint32_t body_bytes) {
    const uint32_t header = kMacs + link.tag_bytes + 2;
    Frame frame = pool.make(std::max(header + body_bytes, kSmallestFrame));
    uint8_t* at = frame.mutable_bytes().data();
    std::memset(at, 0, frame.size());
    std::memcpy(at, to.data(), to.size());
    std::memcpy(at + 6, from.data(), from.size());
    std::memcpy(at + kMacs, link.tags.data(), link.tag_bytes);
    store_be16(at + kMacs + link.tag_bytes, ether_type);
    return frame;
}

uint8_t* body_of(Frame& frame, const LinkAddress& link) {
    return frame.mutable_bytes().data() + kMacs + link.tag_bytes + 2;
}

struct Discovery {
    const LinkAddress& target;
    MacAddress to_mac;
    const uint8_t* to;
    uint8_t flags;
};

/// From the address it is about.
Frame make_advertisement(FramePool& pool, const Discovery& what, const MacAddress& mac) {
    constexpr uint32_t kIcmpBytes = 32;
    Frame frame = make_frame(pool, what.target, what.to_mac, mac, ether_type::kIpv6, 40 + kIcmpBytes);
    uint8_t* ip = body_of(frame, what.target);
    ip[0] = 0x60;
    store_be16(ip + 4, kIcmpBytes);
    ip[6] = ip_protocol::kIcmpv6;
    ip[7] = kHopLimit;
    std::memcpy(ip + 8, what.target.ip.data(), 16);
    std::memcpy(ip + 24, what.to, 16);
    uint8_t* icmp = ip + 40;
    icmp[0] = kAdvertisement;
    icmp[4] = what.flags;
    std::memcpy(icmp + 8, what.target.ip.data(), 16);
    icmp[24] = kTargetLinkAddress;
    icmp[25] = 1;
    std::memcpy(icmp + 26, mac.data(), mac.size());
    const PacketView view = parse(frame.bytes(), frame.size());
    const Bytes covered(icmp, kIcmpBytes);
    const auto sum = static_cast<uint16_t>(~ones_sum(covered, pseudo_header_sum(view, kIcmpBytes)));
    store_be16(icmp + 2, sum);
    return frame;
}

struct ArpMessage {
    uint16_t operation;
    const MacAddress& to;
    const uint8_t* sender_ip;
    const MacAddress& target_mac;
    const uint8_t* target_ip;
};

Frame make_arp(FramePool& pool, const LinkAddress& link, uint16_t ether_type,
               const ArpMessage& message, const MacAddress& mac) {
    Frame frame = make_frame(pool, link, message.to, mac, ether_type, kArpBytes);
    write_arp(body_of(frame, link), {message.operation, mac.data(), message.sender_ip,
                                     message.target_mac.data(), message.target_ip});
    return frame;
}

}  // namespace

std::optional<NeighbourMessage> parse_neighbour_message(const PacketView& view) {
    const bool is_arp = view.level == Level::kEthernet && view.ether_type == ether_type::kArp;
    const bool is_icmpv6 = view.level == Level::kTransport && view.family == Family::kIpv6 &&
                           view.protocol == ip_protocol::kIcmpv6;
    if (!is_arp && !is_icmpv6) return std::nullopt;
    const auto link = link_of(view);
    if (!link) return std::nullopt;
    const auto message = is_arp ? parse_arp_message(view, *link) : parse_discovery(view, *link);
    return message && names_somebody(message->target) ? message : std::nullopt;
}

std::optional<LinkAddress> source_of(const PacketView& view) {
    if (view.level < Level::kIp) return std::nullopt;
    const auto link = link_of(view);
    if (!link) return std::nullopt;
    const LinkAddress source = on(*link, view.family, view.source_address());
    return names_somebody(source) ? std::optional(source) : std::nullopt;
}

std::optional<LinkAddress> station_of(const PacketView& view) {
    auto link = link_of(view);
    if (!link || !is_station(mac_at(view.source_mac()))) return std::nullopt;
    link->station = mac_at(view.source_mac());
    return link;
}

Frame make_answer(FramePool& pool, const NeighbourMessage& question, const MacAddress& mac) {
    const LinkAddress& target = question.target;
    if (target.family == Family::kIpv6) {
        return make_advertisement(
            pool, {target, question.mac, question.sender.ip.data(), kSolicited | kOverride}, mac);
    }
    return make_arp(pool, target, ether_type::kArp,
                    {arp_operation::kReply, question.mac, target.ip.data(), question.mac,
                     question.sender.ip.data()},
                    mac);
}

Frame make_announcement(FramePool& pool, const LinkAddress& address, const MacAddress& mac) {
    if (address.family == Family::kIpv6) {
        return make_advertisement(pool, {address, kAllNodesMac, kAllNodes.data(), kOverride}, mac);
    }
    if (address.family == Family::kIpv4) {
        return make_arp(pool, address, ether_type::kArp,
                        {arp_operation::kRequest, kEverybody, address.ip.data(), MacAddress{},
                         address.ip.data()},
                        mac);
    }
    return make_arp(pool, address, kRarp,
                    {kRarpRequest, kEverybody, address.ip.data(), mac, address.ip.data()}, mac);
}

}  // namespace colo
