// SPDX-License-Identifier: GPL-2.0-or-later
// Counts what the program allocates, all of it: malloc, calloc and realloc are replaced.
#pragma once

#include <atomic>
#include <cstdint>

namespace colo::bench {

/// Calls of malloc, calloc and realloc so far.
uint64_t allocations();

/// From now on they are counted there; `place` must stay for ever.
void count_allocations_at(std::atomic<uint64_t>& place);

}  // namespace colo::bench
