// SPDX-License-Identifier: GPL-2.0-or-later
// Addresses as text, and the guest's own address (--guest), which tells the guest's frames in a
// capture that has both directions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "packet/view.h"

namespace colo {

using MacAddress = std::array<uint8_t, 6>;
using Ipv4Address = std::array<uint8_t, 4>;  ///< network byte order, as all addresses here
using Ipv6Address = std::array<uint8_t, 16>;

/// Six groups of one or two hex digits with colons (or dashes) between them; nothing else.
std::optional<MacAddress> parse_mac(std::string_view text);
/// Dotted quad, as inet_pton() takes it.
std::optional<Ipv4Address> parse_ipv4_address(std::string_view text);
/// RFC 4291 2.2 text without brackets, prefix length or zone.
std::optional<Ipv6Address> parse_ipv6_address(std::string_view text);

/// `bytes` points at 6, 4 and 16 bytes. IPv6 as RFC 5952 has it.
std::string mac_text(const uint8_t* bytes);
std::string ipv4_text(const uint8_t* bytes);
std::string ipv6_text(const uint8_t* bytes);

class GuestAddress {
  public:
    /// A MAC, an IPv4 or an IPv6 address. On bad text: nothing, and in `error` a sentence for the
    /// user.
    static std::optional<GuestAddress> from_text(std::string_view text, std::string& error);

    /// True when the guest sent the frame. A MAC is the Ethernet source; an IP address is the
    /// packet's source, for ARP the sender's protocol address. What a guest sends from other
    /// addresses (link-local, DHCP's 0.0.0.0, ARP probes) only a MAC can tell.
    bool is_from(const PacketView& view) const;

    std::string text() const;

  private:
    using Address = std::variant<MacAddress, Ipv4Address, Ipv6Address>;

    explicit GuestAddress(const Address& address) : address_(address) {}

    Address address_;
};

}  // namespace colo
