// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/pair/kernel.h"

#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/random.h"

namespace {

colo::Time clock_of_model{0};
colo::sim::Random chance_of_model;

}  // namespace

// The program's own definitions go before the C library's, whoever calls.
extern "C" int clock_gettime(clockid_t clock, struct timespec* time) noexcept {
    if (clock != CLOCK_MONOTONIC) return static_cast<int>(syscall(SYS_clock_gettime, clock, time));
    time->tv_sec = clock_of_model / colo::seconds(1);
    time->tv_nsec = (clock_of_model % colo::seconds(1)).count();
    return 0;
}

extern "C" ssize_t getrandom(void* into, size_t size, unsigned) {
    auto* bytes = static_cast<uint8_t*>(into);
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(chance_of_model.next() >> 32);
    return static_cast<ssize_t>(size);
}

namespace colo::sim::pair {

void set_clock(Time now) { clock_of_model = now; }

void seed_chance(uint64_t seed) { chance_of_model = Random(seed); }

}  // namespace colo::sim::pair
