// SPDX-License-Identifier: GPL-2.0-or-later
#include "tcpstack/allocator.h"

#include <malloc.h>

namespace colo {

namespace {

/// Above libslirp's 128 KiB buffers, so that they come from the heap.
constexpr int kMmapThresholdBytes = 1 << 20;
/// Free memory kept at the top of the heap, so that freeing such a buffer gives nothing back.
constexpr int kTrimThresholdBytes = 64 << 20;

}  // namespace

bool tune_allocator() {
    const bool mmap_set = mallopt(M_MMAP_THRESHOLD, kMmapThresholdBytes) == 1;
    const bool trim_set = mallopt(M_TRIM_THRESHOLD, kTrimThresholdBytes) == 1;
    return mmap_set && trim_set;
}

}  // namespace colo
