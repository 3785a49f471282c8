// SPDX-License-Identifier: GPL-2.0-or-later
// Counts what the program allocates, all of it: malloc, calloc and realloc are replaced.
#pragma once

#include <cstdint>

namespace colo::bench {

/// Calls of malloc, calloc and realloc so far.
uint64_t allocations();

}  // namespace colo::bench
