// SPDX-License-Identifier: GPL-2.0-or-later
// What tells flows apart, and the keyed hash that finds them. The peer chooses its ports and
// addresses, so the hash is keyed per process: SipHash-1-3 over the words that count.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "packet/siphash.h"
#include "packet/view.h"

namespace colo {

/// How a key's fields are to be read.
enum class KeyKind : uint8_t {
    kIpv4,  ///< addresses in the first 4 bytes
    kIpv6,
    kEthernet,  ///< no IP header to go by: MACs in the first 6 bytes, guest_port = EtherType
};

/// Guest and peer as the comparator sees them: guest is the side whose output is compared.
/// Hashed and compared as words: no padding, unused bytes are zero.
struct FlowKey {
    std::array<uint8_t, 16> guest{};
    std::array<uint8_t, 16> peer{};
    uint16_t guest_port = 0;  ///< ICMP: type << 8; ICMP code is not part of a flow
    uint16_t peer_port = 0;   ///< ICMP: identifier
    uint16_t vlan_outer = kNoVlan;
    uint16_t vlan_inner = kNoVlan;
    uint8_t protocol = 0;
    KeyKind kind = KeyKind::kIpv4;
    uint16_t reserved = 0;

    /// As words: this is the inner loop of every look-up, and memcmp() of 44 bytes is a call. One by one,
    /// what differs most first: read as vectors, what has just been stored as words would not be
    /// forwarded.
    friend bool operator==(const FlowKey& a, const FlowKey& b) {
        const auto* left = reinterpret_cast<const uint8_t*>(&a);
        const auto* right = reinterpret_cast<const uint8_t*>(&b);
        const auto same = [left, right](size_t at) {
            return load_native<uint64_t>(left + at) == load_native<uint64_t>(right + at);
        };
        return same(32) && same(16) && same(0) && same(8) && same(24) &&
               load_native<uint32_t>(left + 40) == load_native<uint32_t>(right + 40);
    }

    bool is_tcp() const { return kind != KeyKind::kEthernet && protocol == 6; }
    bool has_ports() const {
        return kind != KeyKind::kEthernet && (protocol == 6 || protocol == 17);
    }
    /// The same conversation seen from the other end (TCP and UDP only).
    FlowKey reversed() const;
};
static_assert(sizeof(FlowKey) == 44 && std::has_unique_object_representations_v<FlowKey>);

/// The key of a frame sent by the guest. Frames without a usable transport header are keyed by what
/// there is: addresses and protocol, else MACs and EtherType.
FlowKey key_of_output(const PacketView& view);
/// The key of a frame sent to the guest; equals key_of_output() of the answer for TCP and UDP.
FlowKey key_of_input(const PacketView& view);

/// "tcp", "udp", "icmp", "icmpv6", "ip-N", "eth-XXXX" (hex EtherType).
std::string protocol_name(const FlowKey& key);
/// "10.0.0.2:80", "[2001:db8::1]:80", "10.0.0.2", "2001:db8::1", "52:54:00:12:34:56".
std::string guest_name(const FlowKey& key);
std::string peer_name(const FlowKey& key);

class FlowHash {
  public:
    /// Two secret words; the same for all tables whose hashes are to agree.
    FlowHash(uint64_t secret0, uint64_t secret1) : secret_{secret0, secret1} {}
    /// Keyed from the kernel's random pool; throws std::system_error when there is none.
    static FlowHash random();

    uint64_t operator()(const FlowKey& key) const {
        // Kind and protocol go into the initial state: no two kinds share messages, and a short key
        // has only words that carry something.
        const uint64_t domain = static_cast<uint64_t>(key.kind) << 8 | key.protocol;
        SipHash13 hash(secret_[0], secret_[1], domain);
        const auto* bytes = reinterpret_cast<const uint8_t*>(&key);
        if (key.kind == KeyKind::kIpv4) {
            hash.add(static_cast<uint64_t>(load_native<uint32_t>(key.peer.data())) << 32 |
                     load_native<uint32_t>(key.guest.data()));
        } else {
            for (size_t at = 0; at < kPorts; at += 8) hash.add(load_native<uint64_t>(bytes + at));
        }
        hash.add(load_native<uint64_t>(bytes + kPorts));
        return hash.finish();
    }
    /// Of another kind of key, whole words without padding, under the same secret.
    template <typename Key>
    uint64_t of_words(const Key& key) const {
        static_assert(sizeof(Key) % 8 == 0 && std::has_unique_object_representations_v<Key>);
        SipHash13 hash(secret_[0], secret_[1], kOtherKeys + sizeof(Key));
        const auto* bytes = reinterpret_cast<const uint8_t*>(&key);
        for (size_t at = 0; at < sizeof(Key); at += 8) hash.add(load_native<uint64_t>(bytes + at));
        return hash.finish();
    }

  private:
    /// Above the domains of flow keys.
    static constexpr uint64_t kOtherKeys = 1u << 16;
    /// Ports and VLANs, one word.
    static constexpr size_t kPorts = offsetof(FlowKey, guest_port);
    static_assert(offsetof(FlowKey, vlan_inner) == kPorts + 6);

    uint64_t secret_[2];
};

}  // namespace colo
