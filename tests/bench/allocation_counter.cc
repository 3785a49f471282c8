// SPDX-License-Identifier: GPL-2.0-or-later
// For LD_PRELOAD: counts a program's allocations in the file that COLO_ALLOCATIONS names, where another
// process reads them (a 64-bit number, as the machine stores it).
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "tests/bench/allocations.h"

namespace {

using Count = std::atomic<uint64_t>;

__attribute__((constructor)) void count_in_file() {
    const char* const path = std::getenv("COLO_ALLOCATIONS");
    if (!path) return;
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void* memory = MAP_FAILED;
    if (fd >= 0 && ftruncate(fd, sizeof(Count)) == 0) {
        memory = mmap(nullptr, sizeof(Count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    if (memory == MAP_FAILED) {
        std::perror(path);
        std::exit(1);
    }
    close(fd);
    colo::bench::count_allocations_at(*static_cast<Count*>(memory));
}

}  // namespace
