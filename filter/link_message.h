// SPDX-License-Identifier: GPL-2.0-or-later
// What the filters of two hosts say on their link, beside the link's own kinds of packets (docs/link.md).
// Numbers are on the wire.
#pragma once

#include <cstdint>

namespace colo {

/// A packet: a question of the SVM for a neighbour, for the primary's uplink (semantics.md, 7).
inline constexpr uint32_t kQuestionPacket = 16;
/// A packet: a frame behind its vnet header, which u8 says the length of.
inline constexpr uint32_t kVnetFramePacket = 17;

/// A control message: the secondary's proxy is at a limit. Text, why.
inline constexpr uint32_t kWantsCheckpointMessage = 6;

}  // namespace colo
