// SPDX-License-Identifier: GPL-2.0-or-later
// What a queue of frames may hold.
#pragma once

#include <cstddef>

namespace colo {

struct QueueLimits {
    size_t bytes = 64u << 20;
    size_t frames = 1u << 18;
};

}  // namespace colo
