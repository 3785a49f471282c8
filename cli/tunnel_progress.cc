// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/tunnel_progress.h"

#include <cstdio>
#include <utility>

namespace colo {

std::string progress_line(size_t streams, uint64_t bytes, uint64_t bytes_a_second, Time elapsed) {
    const auto whole = std::chrono::duration_cast<seconds>(elapsed).count();
    char rate[64];
    std::snprintf(rate, sizeof(rate), "%.1f MB/s, %lld:%02lld", static_cast<double>(bytes_a_second) / 1e6,
                  static_cast<long long>(whole / 60), static_cast<long long>(whole % 60));
    return std::to_string(streams) + (streams == 1 ? " stream, " : " streams, ") + bytes_text(bytes) +
           ", " + rate;
}

TunnelProgress::TunnelProgress(EventLoop& loop, const TunnelStreams& streams)
    : loop_(loop), streams_(streams), started_(loop.now()), timer_(loop, [this] { show(); }) {
    if (line_.is_on_terminal()) timer_.set(loop.now() + kInterval);
}

void TunnelProgress::show() {
    const uint64_t bytes = streams_.bytes();
    const uint64_t rate = bytes - std::exchange(last_bytes_, bytes);
    line_.show(progress_line(streams_.size(), bytes, rate, loop_.now() - started_));
    timer_.set(loop_.now() + kInterval);
}

}  // namespace colo
