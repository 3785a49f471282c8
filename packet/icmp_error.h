// SPDX-License-Identifier: GPL-2.0-or-later
// ICMP and ICMPv6 errors: they belong to the flow of the packet they quote (RFC 792: at least its
// IP header and 8 bytes; RFC 1812 4.3.2.3 and RFC 4443 2.4: as much as fits).
#pragma once

#include <cstdint>
#include <optional>

#include "packet/flow_key.h"
#include "packet/seq.h"
#include "packet/view.h"

namespace colo {

struct IcmpError {
    /// The quoted packet; its offsets count from the carrier frame's first byte. Nearly always cut:
    /// its level is then kIp for TCP, and the fields below are what there is.
    PacketView quoted;
    /// Second word of the ICMP header: MTU, pointer, gateway or unused, as type and code say.
    uint32_t word = 0;
    uint16_t source_port = 0;  ///< valid with has_ports
    uint16_t destination_port = 0;
    uint8_t type = 0;
    uint8_t code = 0;
    bool has_ports = false;  ///< TCP or UDP, not a later fragment, and the first 8 bytes are here
    std::optional<Seq> seq;  ///< of a quoted TCP segment, in its sender's number space

    /// Next-hop MTU of "fragmentation needed" (RFC 1191 4) and "packet too big" (RFC 4443 3.2).
    std::optional<uint32_t> mtu() const;
};

/// True for the types that quote a packet: ICMP 3, 4, 5, 11, 12; ICMPv6 1 to 4.
bool is_icmp_error(const PacketView& view);

/// Nothing when the view is no error or quotes no usable IP header.
std::optional<IcmpError> parse_icmp_error(const PacketView& view);

/// Who sent the quoted packet. An error that the guest sends is about a packet of its peer; an
/// error sent to the guest is about one of the guest's.
enum class QuotedSender : uint8_t { kGuest, kPeer };

/// The flow the quoted packet belongs to, as key_of_output() gives it for the guest's frames.
FlowKey quoted_flow(const IcmpError& error, QuotedSender sender);

}  // namespace colo
