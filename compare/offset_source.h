// SPDX-License-Identifier: GPL-2.0-or-later
// Where a flow's offset comes from when the comparator cannot learn it from two SYNs.
#pragma once

#include <optional>

#include "packet/flow_key.h"
#include "packet/seq.h"

namespace colo {

/// How a flow that is first seen in its middle is taken up.
struct InitialOffset {
    Seq origin;          ///< the primary's lowest position: stream offset 0
    SeqDelta delta = 0;  ///< secondary's numbers above the primary's
};

class OffsetSource {
  public:
    /// Nothing where both sides' SYNs are there to be learnt from, or nothing is known.
    virtual std::optional<InitialOffset> initial_offset(const FlowKey& flow) const = 0;

  protected:
    ~OffsetSource() = default;
};

}  // namespace colo
