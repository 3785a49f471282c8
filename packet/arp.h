// SPDX-License-Identifier: GPL-2.0-or-later
// The body of an ARP message about IPv4 over Ethernet (RFC 826).
#pragma once

#include <cstdint>
#include <optional>

#include "packet/view.h"

namespace colo {

namespace arp_operation {
inline constexpr uint16_t kRequest = 1;
inline constexpr uint16_t kReply = 2;
}  // namespace arp_operation

inline constexpr uint32_t kArpBytes = 28;

/// Points into the frame: 6 bytes each MAC, 4 bytes each address.
struct ArpFields {
    uint16_t operation;
    const uint8_t* sender_mac;
    const uint8_t* sender_ip;
    const uint8_t* target_mac;
    const uint8_t* target_ip;
};

/// Nothing where the frame is no ARP, is cut, or speaks of other kinds of addresses.
std::optional<ArpFields> parse_arp(const PacketView& view);
/// Writes kArpBytes; RARP (RFC 903) has the same.
void write_arp(uint8_t* body, const ArpFields& fields);

}  // namespace colo
