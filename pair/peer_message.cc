// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair/peer_message.h"

#include <algorithm>

namespace colo {

namespace {

constexpr uint8_t kNoPhase = 0xff;
constexpr size_t kIdentityBytes = 16;
constexpr size_t kHealthBytes = 10;

void append_be32(std::vector<uint8_t>& bytes, uint32_t value) {
    bytes.resize(bytes.size() + 4);
    store_be32(&bytes[bytes.size() - 4], value);
}

void append_be64(std::vector<uint8_t>& bytes, uint64_t value) {
    append_be32(bytes, static_cast<uint32_t>(value >> 32));
    append_be32(bytes, static_cast<uint32_t>(value));
}

uint64_t load_be64(const uint8_t* at) {
    return static_cast<uint64_t>(load_be32(at)) << 32 | load_be32(at + 4);
}

/// Whole milliseconds, as many as fit.
uint32_t ms_of(Time time) {
    return static_cast<uint32_t>(std::clamp<int64_t>(time / milliseconds(1), 0, UINT32_MAX));
}

}  // namespace

std::vector<uint8_t> encode(const PeerIdentity& identity) {
    std::vector<uint8_t> bytes;
    append_be64(bytes, identity.process);
    append_be64(bytes, identity.pair);
    return bytes;
}

std::optional<PeerIdentity> decode_identity(Bytes payload) {
    if (payload.size() != kIdentityBytes) return std::nullopt;
    const PeerIdentity identity{load_be64(payload.data()), load_be64(payload.data() + 8)};
    if (identity.process == 0) return std::nullopt;
    return identity;
}

std::vector<uint8_t> encode(const VmHealth& health) {
    std::vector<uint8_t> bytes{static_cast<uint8_t>(health.is_gone),
                               health.phase ? static_cast<uint8_t>(*health.phase) : kNoPhase};
    append_be32(bytes, ms_of(health.qmp_silence));
    append_be32(bytes, ms_of(health.channel_silence));
    return bytes;
}

std::optional<VmHealth> decode_health(Bytes payload) {
    if (payload.size() != kHealthBytes || payload[0] > 1) return std::nullopt;
    const uint8_t phase = payload[1];
    if (phase != kNoPhase && phase > static_cast<uint8_t>(ColoPhase::kBroken)) return std::nullopt;
    VmHealth health;
    health.is_gone = payload[0] == 1;
    if (phase != kNoPhase) health.phase = static_cast<ColoPhase>(phase);
    health.qmp_silence = milliseconds(load_be32(payload.data() + 2));
    health.channel_silence = milliseconds(load_be32(payload.data() + 6));
    return health;
}

}  // namespace colo
