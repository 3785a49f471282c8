// SPDX-License-Identifier: GPL-2.0-or-later
// Sizes, offsets and type numbers of headers that more than one file here takes apart or writes
// (RFC 791, 8200, 9293, 768, 792). Offsets count from the header's first byte. Not for users of packet/,
// who have PacketView.
#pragma once

#include <cstdint>

namespace colo {

/// The smallest Ethernet frame, without its checksum: what is shorter is padded.
inline constexpr uint32_t kSmallestFrame = 60;

inline constexpr uint32_t kIpv4Header = 20;
inline constexpr uint32_t kIpv6Header = 40;
inline constexpr uint32_t kFragmentHeader = 8;
inline constexpr uint32_t kTcpHeader = 20;
inline constexpr uint32_t kUdpHeader = 8;
inline constexpr uint32_t kIcmpHeader = 8;

inline constexpr uint16_t kTcpChecksum = 16;
inline constexpr uint16_t kUdpChecksum = 6;

/// The largest IP packet without a jumbo payload.
inline constexpr uint32_t kMaxIpBytes = 65535;

/// Next-header values of extension headers (RFC 8200 4.1, RFC 4302, RFC 6275); see ip_protocol for
/// those that a user may meet.
namespace ip_extension {
inline constexpr uint8_t kHopByHop = 0;
inline constexpr uint8_t kRouting = 43;
inline constexpr uint8_t kAuthentication = 51;
inline constexpr uint8_t kDestinationOptions = 60;
inline constexpr uint8_t kMobility = 135;
}  // namespace ip_extension

}  // namespace colo
