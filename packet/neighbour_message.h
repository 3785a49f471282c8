// SPDX-License-Identifier: GPL-2.0-or-later
// ARP (RFC 826, RFC 5227) and neighbour discovery (RFC 4861 4.3, 4.4), read and written alike: who
// asks for whose link-layer address, and who tells his own.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <type_traits>

#include "packet/address.h"
#include "packet/bytes.h"
#include "packet/frame.h"
#include "packet/view.h"

namespace colo {

/// An IP address on one link: each VLAN is a link of its own. kNone: no address, only a station.
/// Hashed and compared as words: no padding, unused bytes are zero.
struct LinkAddress {
    std::array<uint8_t, 16> ip{};   ///< IPv4 in the first 4 bytes
    std::array<uint8_t, 8> tags{};  ///< as in the frame, priorities cleared
    uint8_t tag_bytes = 0;
    Family family = Family::kNone;
    std::array<uint8_t, 6> station{};  ///< of kNone; else zero

    friend bool operator==(const LinkAddress&, const LinkAddress&) = default;

    uint32_t ip_bytes() const { return family == Family::kIpv6 ? 16 : 4; }
    bool is_unspecified() const { return ip == std::array<uint8_t, 16>{}; }
};
static_assert(sizeof(LinkAddress) == 32 && std::has_unique_object_representations_v<LinkAddress>);

struct NeighbourMessage {
    enum class Kind : uint8_t {
        kQuestion,  ///< ARP request, neighbour solicitation
        kAnswer,    ///< ARP reply or announcement, neighbour advertisement
    };

    Kind kind;
    LinkAddress target;  ///< asked for; told
    /// Who asks or tells; unspecified in a probe for duplicates (RFC 5227 2.1.1, RFC 4862 5.4).
    LinkAddress sender;
    MacAddress mac;  ///< the sender's; of an answer: the target's

    bool is_probe() const { return kind == Kind::kQuestion && sender.is_unspecified(); }
};

/// Nothing where the frame is no such message, or lies.
std::optional<NeighbourMessage> parse_neighbour_message(const PacketView& view);

/// Whom an IP packet is from, on which link; nothing for addresses that name nobody (unspecified,
/// multicast, loopback).
std::optional<LinkAddress> source_of(const PacketView& view);
/// The station that sent the frame, whatever is in it.
std::optional<LinkAddress> station_of(const PacketView& view);

/// The answer to a question that is no probe: `mac` has the address asked for.
Frame make_answer(FramePool& pool, const NeighbourMessage& question, const MacAddress& mac);
/// `mac` has `address`, told to everybody: an ARP announcement (RFC 5227 2.3), an unsolicited
/// advertisement (RFC 4861 7.2.6); for a station without address a RARP request, which teaches
/// switches and nobody else.
Frame make_announcement(FramePool& pool, const LinkAddress& address, const MacAddress& mac);

}  // namespace colo
