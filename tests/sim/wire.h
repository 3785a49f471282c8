// SPDX-License-Identifier: GPL-2.0-or-later
// A packet as the simulated hosts know it, and its form on the wire. Encoder and decoder are the
// simulator's own, so that a mistake in packet/ cannot hide itself.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace colo::sim {

using ByteVector = std::vector<uint8_t>;

inline constexpr uint8_t kFin = 1;
inline constexpr uint8_t kSyn = 2;
inline constexpr uint8_t kRst = 4;
inline constexpr uint8_t kPsh = 8;
inline constexpr uint8_t kAck = 16;

/// One guest and one client address; ports tell conversations apart.
struct Tuple {
    bool udp = false;
    uint16_t guest_port = 0;
    uint16_t client_port = 0;

    friend auto operator<=>(const Tuple&, const Tuple&) = default;
};

/// What the sender meant, in numbers that do not wrap: the SYN is position 0, the first byte 1.
/// Both VMs' positions are directly comparable. Not on the wire; for the oracle only.
struct Truth {
    uint64_t incarnation = 0;
    uint64_t position = 0;
    uint64_t ack = 0;
    bool keep_alive = false;
};

struct Packet {
    Tuple tuple;
    bool from_guest = false;
    uint32_t seq = 0;
    uint32_t ack = 0;
    uint8_t flags = 0;
    uint16_t window = 0;
    uint16_t mss = 0;  ///< 0: no option
    int window_scale = -1;
    bool sack_permitted = false;
    bool timestamps = false;
    uint32_t tsval = 0;
    uint32_t tsecr = 0;
    std::vector<std::pair<uint32_t, uint32_t>> sack;
    ByteVector payload;
    Truth truth;

    bool has(uint8_t flag) const { return (flags & flag) != 0; }
    /// Sequence space taken.
    uint64_t length() const { return payload.size() + has(kSyn) + has(kFin); }
};

ByteVector encode(const Packet& packet);

/// Throws std::runtime_error when a length or checksum is wrong: nothing in a world may damage one.
Packet decode(const ByteVector& frame);

/// packetdrill's notation: direction, flags, seq:end(len) ack N win W <options>.
std::string to_string(const Packet& packet);

}  // namespace colo::sim
