// SPDX-License-Identifier: GPL-2.0-or-later
// What the proxies get from their kernel, and what would make two runs differ: in this program
// CLOCK_MONOTONIC and getrandom() are the model's, for us and for GLib.
#pragma once

#include <cstdint>

#include "packet/time.h"

namespace colo::sim::pair {

void set_clock(Time now);
/// All that getrandom() gives from now on.
void seed_chance(uint64_t seed);

}  // namespace colo::sim::pair
