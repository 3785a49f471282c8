// SPDX-License-Identifier: GPL-2.0-or-later
// Monotonic time as the core knows it: handed in by the caller, never read from a clock. A
// wall-clock step can therefore not expire anything (QEMU's colo-compare uses the wall clock).
#pragma once

#include <chrono>

namespace colo {

/// Nanoseconds since a start that the caller chose; also used for differences.
using Time = std::chrono::nanoseconds;

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

inline constexpr Time kNever = Time::max();

}  // namespace colo
