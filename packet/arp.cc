// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/arp.h"

#include <cstring>

namespace colo {

namespace {

/// Ethernet, IPv4, and the sizes of their addresses.
constexpr uint8_t kEthernetIpv4[] = {0, 1, 8, 0, 6, 4};
constexpr size_t kOperationAt = 6;
constexpr size_t kSenderMacAt = 8;
constexpr size_t kSenderIpAt = 14;
constexpr size_t kTargetMacAt = 18;
constexpr size_t kTargetIpAt = 24;

}  // namespace

std::optional<ArpFields> parse_arp(const PacketView& view) {
    if (view.level != Level::kEthernet || view.ether_type != ether_type::kArp) return std::nullopt;
    const Bytes body = view.payload();
    if (body.size() < kArpBytes) return std::nullopt;
    if (std::memcmp(body.data(), kEthernetIpv4, sizeof kEthernetIpv4) != 0) return std::nullopt;
    return ArpFields{load_be16(&body[kOperationAt]), &body[kSenderMacAt], &body[kSenderIpAt],
                     &body[kTargetMacAt], &body[kTargetIpAt]};
}

void write_arp(uint8_t* body, const ArpFields& fields) {
    std::memcpy(body, kEthernetIpv4, sizeof kEthernetIpv4);
    store_be16(body + kOperationAt, fields.operation);
    std::memcpy(body + kSenderMacAt, fields.sender_mac, 6);
    std::memcpy(body + kSenderIpAt, fields.sender_ip, 4);
    std::memcpy(body + kTargetMacAt, fields.target_mac, 6);
    std::memcpy(body + kTargetIpAt, fields.target_ip, 4);
}

}  // namespace colo
