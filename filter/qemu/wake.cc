// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/qemu/wake.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "io/system_failure.h"

namespace colo {

Wake::Wake() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (!fd_) throw_errno("eventfd");
}

/// A counter that is full is as good as one that has been raised.
void Wake::raise() {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(fd_.get(), &one, sizeof one);
}

void Wake::lower() {
    uint64_t count;
    [[maybe_unused]] const ssize_t got = read(fd_.get(), &count, sizeof count);
}

}  // namespace colo
