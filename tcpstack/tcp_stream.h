// SPDX-License-Identifier: GPL-2.0-or-later
// One direction of one TCP flow, as position and mode. Eight bytes, so that an idle flow stays
// small; all behaviour is in Reassembler.
#pragma once

#include <cstdint>

#include "packet/seq.h"

namespace colo {

class TcpStream {
  public:
    TcpStream() = default;
    explicit TcpStream(Seq next) : next_(next) {}

    /// First byte not yet delivered.
    Seq next() const { return next_; }
    /// True while libslirp has the flow: a gap, an overlap or reordering is being resolved.
    bool reassembling() const { return episode_ != kNone; }

  private:
    friend class Reassembler;
    static constexpr uint32_t kNone = UINT32_MAX;

    Seq next_;
    uint32_t episode_ = kNone;
};

}  // namespace colo
