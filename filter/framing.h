// SPDX-License-Identifier: GPL-2.0-or-later
// QEMU's framing of packets on a stream: u32be length, on request u32be length of the vnet header, then
// as many bytes as the first one says: the vnet header, and the frame.
#pragma once

#include <cstdint>

#include "packet/bytes.h"
#include "packet/frame.h"

namespace colo {

enum class Framing : uint8_t {
    kPlain,
    kVnet,  ///< vnet_hdr_support=on
};

inline constexpr uint32_t kMaxPrefix = 8;
static_assert(kMaxPrefix <= Frame::kReadableBefore);

constexpr uint32_t prefix_size(Framing framing) { return framing == Framing::kVnet ? 8 : 4; }

/// As virtio has it; 0: none.
constexpr bool is_vnet_header_size(uint32_t size) { return size == 0 || size == 10 || size == 12 || size == 20; }

/// Why a stream cannot be read any further.
enum class FramingError : uint8_t { kNone, kZeroLength, kTooLong, kVnetTooLong, kVnetUnknown };

constexpr const char* describe(FramingError error) {
    switch (error) {
        case FramingError::kNone: return "no error";
        case FramingError::kZeroLength: return "a frame of length zero";
        case FramingError::kTooLong: return "a frame longer than 69632 bytes";
        case FramingError::kVnetTooLong: return "a vnet header longer than its frame";
        case FramingError::kVnetUnknown: return "a vnet header of neither 0, 10, 12 nor 20 bytes";
    }
    return "";
}

}  // namespace colo
