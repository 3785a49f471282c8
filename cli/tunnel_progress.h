// SPDX-License-Identifier: GPL-2.0-or-later
// A line that says how far a tunnel is, on a terminal; elsewhere nothing.
#pragma once

#include "cli/status_line.h"
#include "cli/tunnel_streams.h"

namespace colo {

class TunnelProgress {
  public:
    TunnelProgress(EventLoop& loop, const TunnelStreams& streams);

    static constexpr Time kInterval = seconds(1);

  private:
    void show();

    EventLoop& loop_;
    const TunnelStreams& streams_;
    const Time started_;
    uint64_t last_bytes_ = 0;
    StatusLine line_;
    Timer timer_;
};

/// "2 streams, 1,204,224 bytes, 115.3 MB/s, 0:12"
std::string progress_line(size_t streams, uint64_t bytes, uint64_t bytes_a_second, Time elapsed);

}  // namespace colo
