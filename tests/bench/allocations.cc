// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/allocations.h"

#include <cstddef>

namespace {

uint64_t count = 0;

}  // namespace

// Everything, libslirp and GLib included, ends in malloc, calloc or realloc; these pass it on to glibc.
extern "C" {

void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);

void* malloc(size_t size) {
    ++count;
    return __libc_malloc(size);
}
void* calloc(size_t number, size_t size) {
    ++count;
    return __libc_calloc(number, size);
}
void* realloc(void* memory, size_t size) {
    ++count;
    return __libc_realloc(memory, size);
}

}  // extern "C"

namespace colo::bench {

uint64_t allocations() { return count; }

}  // namespace colo::bench
