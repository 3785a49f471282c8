// SPDX-License-Identifier: GPL-2.0-or-later
// Finds the frames in what has been read from a stream.
#pragma once

#include "filter/framing.h"
#include "packet/receive_buffer.h"

namespace colo {

/// Takes the next frame off `buffer`. An empty one: there is none yet, or, with `error`, never again. The
/// frame's prefix stays where it came, right before its front().
inline Frame next_frame(ReceiveBuffer& buffer, Framing framing, FramingError& error);

namespace framing_detail {

inline FramingError check_vnet(uint32_t length, uint32_t front) {
    if (front > length) return FramingError::kVnetTooLong;
    return is_vnet_header_size(front) ? FramingError::kNone : FramingError::kVnetUnknown;
}

}  // namespace framing_detail

inline Frame next_frame(ReceiveBuffer& buffer, Framing framing, FramingError& error) {
    const Bytes pending = buffer.pending();
    if (pending.size() < 4) return {};
    const uint32_t length = load_be32(pending.data());
    if (length - 1 >= kMaxFrameBytes) [[unlikely]] {
        error = length == 0 ? FramingError::kZeroLength : FramingError::kTooLong;
        return {};
    }
    uint32_t front = 0;
    if (framing == Framing::kVnet) {
        if (pending.size() < 8) return {};
        front = load_be32(pending.data() + 4);
        error = framing_detail::check_vnet(length, front);
        if (error != FramingError::kNone) [[unlikely]] return {};
    }
    const uint32_t prefix = prefix_size(framing);
    if (pending.size() - prefix < length) return {};
    buffer.skip(prefix);
    return buffer.take(front, length - front);
}

}  // namespace colo
