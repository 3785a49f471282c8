// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/start_progress.h"

#include <algorithm>
#include <cstdio>

#include "io/log.h"
#include "link/stream_pump.h"

namespace colo {

namespace {

constexpr uint64_t kBarWidth = 20;

}  // namespace

/// What the VM writes meanwhile is to be sent again: the bar can go back.
std::string start_progress_text(const MigrationProgress& progress) {
    const uint64_t remaining = std::min(progress.remaining, progress.total);
    const double done = progress.total == 0 ? 0 : 1 - static_cast<double>(remaining) / static_cast<double>(progress.total);
    const auto filled = static_cast<size_t>(done * kBarWidth);
    char percent[16];
    std::snprintf(percent, sizeof(percent), "%3d%%", static_cast<int>(done * 100));
    char rate[32];
    std::snprintf(rate, sizeof(rate), "%.1f MB/s", static_cast<double>(progress.rate) / 1e6);
    return "[" + std::string(filled, '#') + std::string(kBarWidth - filled, '-') + "] " + percent + ", " +
           bytes_text(progress.transferred) + ", " + bytes_text(progress.remaining) + " remaining, " + rate;
}

/// Before the first byte and behind the last QEMU tells nothing of RAM.
void StartProgress::show(const MigrationProgress& progress) {
    if (progress.total == 0) return;
    if (line_.is_on_terminal()) return line_.show(start_progress_text(progress));
    if (loop_.now() < next_message_) return;
    next_message_ = loop_.now() + kInterval;
    log_notice("start", start_progress_text(progress));
}

void StartProgress::end() {
    line_.end();
    next_message_ = Time{0};
}

}  // namespace colo
