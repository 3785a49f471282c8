// SPDX-License-Identifier: GPL-2.0-or-later
// What a process has used so far.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace colo::bench {

struct TargetUsage {
    uint64_t cpu_ns = 0;       ///< all threads, as the scheduler counts
    uint64_t allocations = 0;  ///< as allocation_counter.cc counts; 0 without it
};

/// Lets the process go idle first: the scheduler adds up when a thread stops running.
TargetUsage read_usage(pid_t process, const std::string& allocations_file);

uint64_t resident_bytes(pid_t process);

}  // namespace colo::bench
