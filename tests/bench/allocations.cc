// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/allocations.h"

#include <atomic>
#include <cstddef>

namespace {

// The target may have threads. Set up before any constructor: malloc comes first.
constinit std::atomic<uint64_t> own_count{0};
constinit std::atomic<uint64_t>* count = &own_count;

void count_one() { count->fetch_add(1, std::memory_order_relaxed); }

}  // namespace

// Everything, libslirp and GLib included, ends in malloc, calloc or realloc; these pass it on to glibc.
extern "C" {

void* __libc_malloc(size_t size);
void* __libc_calloc(size_t number, size_t size);
void* __libc_realloc(void* memory, size_t size);

void* malloc(size_t size) {
    count_one();
    return __libc_malloc(size);
}
void* calloc(size_t number, size_t size) {
    count_one();
    return __libc_calloc(number, size);
}
void* realloc(void* memory, size_t size) {
    count_one();
    return __libc_realloc(memory, size);
}

}  // extern "C"

namespace colo::bench {

uint64_t allocations() { return count->load(); }

void count_allocations_at(std::atomic<uint64_t>& place) { count = &place; }

}  // namespace colo::bench
