// SPDX-License-Identifier: GPL-2.0-or-later
// What comes out at outdev, held against what must come: each flow's bytes, all of them, in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "tests/bench/tcp_traffic.h"

namespace colo::bench {

struct ReleasedCounters {
    uint64_t frames = 0;  ///< without SYN-ACKs
    uint64_t syns = 0;
    uint64_t out_of_order = 0;  ///< behind what the flow has released already
    uint64_t gaps = 0;          ///< ahead of what is next
    uint64_t altered = 0;
    uint64_t alien = 0;
};

class ReleasedStream {
  public:
    /// `released`: told of each frame's flow.
    ReleasedStream(int fd, const TcpTraffic& traffic, uint32_t flows,
                   std::function<void(uint32_t flow)> released);

    int fd() const { return fd_; }
    /// Reads until there is nothing. Throws std::runtime_error at the end, and on what is no frame.
    void read_all();
    const ReleasedCounters& counters() const { return counters_; }

  private:
    void take_frames();
    void take(Bytes frame);
    void check_position(const ReleasedSegment& segment);

    int fd_;
    const TcpTraffic& traffic_;
    std::function<void(uint32_t flow)> released_;
    ReleasedCounters counters_;
    std::vector<uint64_t> next_;  ///< position, a flow
    std::vector<uint8_t> buffer_;
    size_t begin_ = 0;
    size_t end_ = 0;
};

}  // namespace colo::bench
