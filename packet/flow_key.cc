// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/flow_key.h"

#include <sys/random.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "packet/address.h"

namespace colo {

namespace {

constexpr size_t kMacSize = 6;

/// The two ends of a view in the order asked for.
struct Ends {
    const uint8_t* guest;
    const uint8_t* peer;
    uint16_t guest_port;
    uint16_t peer_port;
};

FlowKey ethernet_key(const PacketView& view, bool output) {
    FlowKey key;
    key.kind = KeyKind::kEthernet;
    if (view.level == Level::kNone) return key;
    key.vlan_outer = view.vlan_outer;
    key.vlan_inner = view.vlan_inner;
    key.guest_port = view.ether_type;
    std::memcpy(key.guest.data(), output ? view.source_mac() : view.destination_mac(), kMacSize);
    std::memcpy(key.peer.data(), output ? view.destination_mac() : view.source_mac(), kMacSize);
    return key;
}

void set_ports(FlowKey& key, uint16_t guest, uint16_t peer, const PacketView& view) {
    const uint64_t word = guest | uint64_t{peer} << 16 | uint64_t{view.vlan_outer} << 32 |
                          uint64_t{view.vlan_inner} << 48;
    store_native(reinterpret_cast<uint8_t*>(&key) + offsetof(FlowKey, guest_port), word);
}

void set_protocol(FlowKey& key, uint8_t protocol, KeyKind kind) {
    const uint32_t word = protocol | static_cast<uint32_t>(kind) << 8;
    store_native(reinterpret_cast<uint8_t*>(&key) + offsetof(FlowKey, protocol), word);
}

/// In whole words, as the key is hashed and compared: narrower stores would have to reach memory before
/// the words can be read, which costs more than all the rest.
FlowKey ip_key(const PacketView& view, const Ends& ends) {
    uint16_t guest_port = 0;
    uint16_t peer_port = 0;
    if (view.level == Level::kTransport) {
        const bool icmp = view.is_icmp();
        guest_port = icmp ? static_cast<uint16_t>(view.icmp_type() << 8) : ends.guest_port;
        peer_port = icmp ? view.destination_port : ends.peer_port;
    }
    FlowKey key;
    const KeyKind kind = view.family == Family::kIpv4 ? KeyKind::kIpv4 : KeyKind::kIpv6;
    if (kind == KeyKind::kIpv4) {
        store_native<uint64_t>(key.guest.data(), load_native<uint32_t>(ends.guest));
        store_native<uint64_t>(key.peer.data(), load_native<uint32_t>(ends.peer));
    } else {
        std::memcpy(key.guest.data(), ends.guest, 16);
        std::memcpy(key.peer.data(), ends.peer, 16);
    }
    set_ports(key, guest_port, peer_port, view);
    set_protocol(key, view.protocol, kind);
    return key;
}

std::string name_of(const FlowKey& key, const std::array<uint8_t, 16>& address, uint16_t port) {
    if (key.kind == KeyKind::kEthernet) return mac_text(address.data());
    const bool ipv6 = key.kind == KeyKind::kIpv6;
    const std::string host = ipv6 ? ipv6_text(address.data()) : ipv4_text(address.data());
    // Those of a fragment, or of what is cut, are not known.
    const bool has_none = key.guest_port == 0 && key.peer_port == 0;
    if (!key.has_ports() || has_none) return host;
    return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace

FlowKey FlowKey::reversed() const {
    FlowKey key = *this;
    key.guest = peer;
    key.peer = guest;
    key.guest_port = peer_port;
    key.peer_port = guest_port;
    return key;
}

FlowKey key_of_output(const PacketView& view) {
    if (view.level < Level::kIp) return ethernet_key(view, true);
    return ip_key(view, {view.source_address(), view.destination_address(), view.source_port,
                         view.destination_port});
}

FlowKey key_of_input(const PacketView& view) {
    if (view.level < Level::kIp) return ethernet_key(view, false);
    return ip_key(view, {view.destination_address(), view.source_address(), view.destination_port,
                         view.source_port});
}

std::string protocol_name(const FlowKey& key) {
    if (key.kind == KeyKind::kEthernet) {
        char text[16];
        std::snprintf(text, sizeof text, "eth-%04x", key.guest_port);
        return text;
    }
    switch (key.protocol) {
        case ip_protocol::kTcp:
            return "tcp";
        case ip_protocol::kUdp:
            return "udp";
        case ip_protocol::kIcmp:
            return "icmp";
        case ip_protocol::kIcmpv6:
            return "icmpv6";
        default:
            return "ip-" + std::to_string(key.protocol);
    }
}

std::string guest_name(const FlowKey& key) {
    return name_of(key, key.guest, key.guest_port);
}
std::string peer_name(const FlowKey& key) {
    return name_of(key, key.peer, key.peer_port);
}

FlowHash FlowHash::random() {
    uint64_t secret[2];
    // Up to 256 bytes come whole or not at all once the pool is ready; only waiting for it can be
    // interrupted (getrandom(2)).
    while (getrandom(secret, sizeof secret, 0) != static_cast<ssize_t>(sizeof secret)) {
        if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "getrandom");
    }
    return {secret[0], secret[1]};
}

}  // namespace colo
