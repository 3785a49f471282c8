// SPDX-License-Identifier: GPL-2.0-or-later
// Takes frames, a batch at a time.
#pragma once

#include "packet/frame.h"
#include "packet/time.h"

namespace colo {

class FrameSink {
  public:
    virtual void frame(Frame&& frame, Time now) = 0;
    /// After the frames that came with one wakeup, once.
    virtual void batch_end(Time now) { (void)now; }

  protected:
    ~FrameSink() = default;
};

/// What became of a frame that was handed over for sending. Only the first means that it may arrive;
/// all others are counted by the endpoint.
enum class SendResult {
    kQueued,
    kNotConnected,
    kFull,    ///< the output queue is at its cap
    kFailed,  ///< the device would not take it
};

}  // namespace colo
