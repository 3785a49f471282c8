// SPDX-License-Identifier: GPL-2.0-or-later
// Before a frame's bytes are changed in place.
#pragma once

#include <utility>

#include "packet/frame.h"

namespace colo {

/// The frame, or a copy, with its vnet header, if others hold its buffer. `pool` must outlive it.
inline Frame own_frame(FramePool& pool, Frame frame) {
    if (!frame.is_shared()) return frame;
    return frame.front().empty() ? pool.copy(frame.bytes(), frame.wire_size())
                                 : pool.copy_with_front(frame.front(), frame.bytes());
}

}  // namespace colo
