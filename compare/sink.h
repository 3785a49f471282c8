// SPDX-License-Identifier: GPL-2.0-or-later
// Where the comparator's results go. Called from inside the comparator: an implementation must not call
// back into it; it queues what it wants to do (a checkpoint, say) for after the call.
#pragma once

#include "compare/offsets.h"
#include "compare/request.h"
#include "packet/flow_key.h"
#include "packet/frame.h"
#include "packet/time.h"

namespace colo {

class ComparatorSink {
  public:
    /// A frame of the primary goes out, unaltered; within a flow in the order it came in.
    virtual void release(Frame frame, Time now) = 0;
    /// A checkpoint is needed. May be called again before the fence; policy coalesces.
    virtual void request_checkpoint(const CheckpointRequest& request) = 0;
    /// A flow's delta is known (or known anew, after SYN cookies). Comes before any frame that depends
    /// on it is released: the secondary's rewriter must know it first.
    virtual void delta_known(const FlowKey& /*flow*/, const Announcement& /*announced*/) {}

  protected:
    ~ComparatorSink() = default;
};

}  // namespace colo
