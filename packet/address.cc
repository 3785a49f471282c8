// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "packet/arp.h"

namespace colo {

namespace {

/// inet_pton() wants a terminated string; no address is longer than this.
template <typename Address>
std::optional<Address> parse_ip(int family, std::string_view text) {
    char terminated[INET6_ADDRSTRLEN];
    if (text.size() >= sizeof terminated) return {};
    // An embedded zero byte would hide what follows it.
    if (text.find('\0') != std::string_view::npos) return {};
    text.copy(terminated, text.size());
    terminated[text.size()] = '\0';
    Address address;
    if (inet_pton(family, terminated, address.data()) != 1) return {};
    return address;
}

std::string ip_text(int family, const uint8_t* bytes) {
    char text[INET6_ADDRSTRLEN];
    return inet_ntop(family, bytes, text, sizeof text);
}

/// Whom the frame is from; nothing for frames that do not say.
struct Sender {
    const PacketView& view;

    bool operator()(const MacAddress& mac) const {
        return view.level >= Level::kEthernet &&
               std::memcmp(view.source_mac(), mac.data(), mac.size()) == 0;
    }
    bool operator()(const Ipv4Address& address) const {
        const uint8_t* sender = nullptr;
        if (const auto arp = parse_arp(view)) {
            sender = arp->sender_ip;
        } else if (view.level >= Level::kIp && view.family == Family::kIpv4) {
            sender = view.source_address();
        }
        return sender && std::memcmp(sender, address.data(), address.size()) == 0;
    }
    bool operator()(const Ipv6Address& address) const {
        return view.level >= Level::kIp && view.family == Family::kIpv6 &&
               std::memcmp(view.source_address(), address.data(), address.size()) == 0;
    }
};

struct Text {
    std::string operator()(const MacAddress& mac) const { return mac_text(mac.data()); }
    std::string operator()(const Ipv4Address& ip) const { return ipv4_text(ip.data()); }
    std::string operator()(const Ipv6Address& ip) const { return ipv6_text(ip.data()); }
};

}  // namespace

std::optional<MacAddress> parse_mac(std::string_view text) {
    MacAddress mac;
    const char* at = text.data();
    const char* const end = at + text.size();
    for (size_t i = 0; i < mac.size(); ++i) {
        if (i > 0) {
            if (at == end || (*at != ':' && *at != '-')) return {};
            ++at;
        }
        const auto [next, error] = std::from_chars(at, std::min(at + 2, end), mac[i], 16);
        if (error != std::errc()) return {};
        at = next;
    }
    if (at != end) return {};
    return mac;
}

std::optional<Ipv4Address> parse_ipv4_address(std::string_view text) {
    return parse_ip<Ipv4Address>(AF_INET, text);
}

std::optional<Ipv6Address> parse_ipv6_address(std::string_view text) {
    return parse_ip<Ipv6Address>(AF_INET6, text);
}

std::string mac_text(const uint8_t* bytes) {
    char text[18];
    std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2],
                  bytes[3], bytes[4], bytes[5]);
    return text;
}

std::string ipv4_text(const uint8_t* bytes) {
    return ip_text(AF_INET, bytes);
}
std::string ipv6_text(const uint8_t* bytes) {
    return ip_text(AF_INET6, bytes);
}

std::optional<GuestAddress> GuestAddress::from_text(std::string_view text, std::string& error) {
    if (const auto mac = parse_mac(text)) return GuestAddress(*mac);
    if (const auto ip = parse_ipv4_address(text)) return GuestAddress(*ip);
    if (const auto ip = parse_ipv6_address(text)) return GuestAddress(*ip);
    error =
        std::string("'").append(text.substr(0, 64)) +
        "' is not an address: want a MAC (52:54:00:12:34:56), an IPv4 address (192.0.2.1) or an "
        "IPv6 address (2001:db8::1)";
    return {};
}

bool GuestAddress::is_from(const PacketView& view) const {
    return std::visit(Sender{view}, address_);
}

std::string GuestAddress::text() const {
    return std::visit(Text{}, address_);
}

}  // namespace colo
