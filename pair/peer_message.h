// SPDX-License-Identifier: GPL-2.0-or-later
// What the two proxies of a pair say to each other beside frames: the procedures of the link's control
// channel beyond those of the filters, and the payloads that are not text.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "checkpoint/vm_health.h"
#include "filter/link_message.h"
#include "packet/bytes.h"

namespace colo {

/// Of MESSAGEs and CALLs. Numbers are on the wire.
enum class PeerProcedure : uint32_t {
    kIdentity = 1,        ///< the first message of either side: PeerIdentity
    kProtected = 2,       ///< the primary holds its output from now on: u8 goes solo; none: heard
    kResign = 3,          ///< nothing of the sender's VM will leave any more: text, why. After its packets
    kStandDown = 4,       ///< the sender's operator wants its VM to go on alone
    kRefusal = 5,         ///< the answer to that, when it is no: text, why
    kWantsCheckpoint = kWantsCheckpointMessage,
    kInspect = 16,        ///< CALL, of the primary: u32be, how many NICs it has; the secondary's VmFacts
    kPrepare = 17,        ///< CALL, of the primary: its QEMU is to await COLO; u32be ms, the longest
                          ///< time between two checkpoints
};

/// A packet: a MESSAGE that counts after all packets before it; its port is the PeerProcedure.
inline constexpr uint32_t kMessagePacket = 18;

/// Tells whether whoever has connected is the one the pair was made with.
struct PeerIdentity {
    uint64_t process = 0;  ///< random
    uint64_t pair = 0;     ///< the process of its peer while it is, or was, one of a pair; 0: of none

    friend bool operator==(const PeerIdentity&, const PeerIdentity&) = default;
};

std::vector<uint8_t> encode(const PeerIdentity& identity);
std::vector<uint8_t> encode(const VmHealth& health);

/// Nothing: it is malformed.
std::optional<PeerIdentity> decode_identity(Bytes payload);
std::optional<VmHealth> decode_health(Bytes payload);

}  // namespace colo
