// SPDX-License-Identifier: GPL-2.0-or-later
// Neighbour discovery for FrameBuilder, and neighbours as text.
#pragma once

#include <string>
#include <string_view>

#include "packet/neighbour_message.h"
#include "tests/support/frame_builder.h"

namespace colo::test {

inline constexpr MacAddress kSomeMac{2, 0, 0, 0, 0, 7};

inline ByteVector ipv6_bytes(std::string_view text) {
    const auto address = parse_ipv6_address(text);
    return {address->begin(), address->end()};
}

/// A neighbour solicitation (135) or advertisement (136) about `target`, with `mac` in an option.
inline FrameBuilder discovery(uint8_t type, std::string_view source, std::string_view destination,
                              std::string_view target, const MacAddress& mac = kSomeMac) {
    ByteVector body = ipv6_bytes(target);
    append(body, {static_cast<uint8_t>(type == 135 ? 1 : 2), 1});
    append(body, {mac.begin(), mac.end()});
    return FrameBuilder().ipv6(source, destination).ttl(255).icmp(type, 0, 0).payload(body);
}
inline FrameBuilder solicitation(std::string_view source, std::string_view target) {
    return discovery(135, source, "ff02::1:ff00:9", target);
}

/// "10.0.0.1", "2001:db8::1 vlan 7", "station 52:...".
inline std::string to_text(const LinkAddress& address) {
    std::string text = address.family == Family::kNone ? "station " + mac_text(address.station.data())
                       : address.family == Family::kIpv4 ? ipv4_text(address.ip.data())
                                                         : ipv6_text(address.ip.data());
    for (size_t at = 2; at < address.tag_bytes; at += 4) {
        text += " vlan " + std::to_string(load_be16(&address.tags[at]));
    }
    return text;
}
inline std::string to_text(const NeighbourMessage& message) {
    const std::string mac = mac_text(message.mac.data());
    if (message.kind == NeighbourMessage::Kind::kAnswer) return to_text(message.target) + " at " + mac;
    return "who has " + to_text(message.target) + " tell " + to_text(message.sender) + " at " + mac;
}
inline std::string message_text(Bytes frame) {
    const auto message = parse_neighbour_message(parse(frame, static_cast<uint32_t>(frame.size())));
    return message ? to_text(*message) : "none";
}

}  // namespace colo::test
