// SPDX-License-Identifier: GPL-2.0-or-later
// Two recordings as one: which frame comes next, and when on the clock they share. It starts at the
// earlier one's first frame, or, when they are aligned, at the first frame of each.
#pragma once

#include <optional>

#include "cli/recording.h"
#include "compare/offset_finder.h"
#include "packet/time.h"

namespace colo {

struct MergedFrame {
    Side side;
    RecordedFrame recorded;  ///< its time is that of the shared clock
};

class ReplayMerge {
  public:
    /// Both recordings are at their beginnings, and outlive it. They may be read to their ends and
    /// rewound before next() is first called.
    ReplayMerge(Recording& primary, Recording& secondary, bool align);

    /// Equal times: the primary's input, then the secondary's frames, then the primary's output.
    /// Each recording keeps its order, and time never runs backwards. Nothing at the end of both.
    std::optional<MergedFrame> next();

    /// What the primary's recording calls `time` of the shared clock.
    Time primary_date(Time time) const { return primary_start_ + time; }

  private:
    Time primary_time() const { return primary_.front()->time - primary_start_; }
    Time secondary_time() const { return secondary_.front()->time - secondary_start_; }
    bool primary_is_next() const;

    Recording& primary_;
    Recording& secondary_;
    Time primary_start_;
    Time secondary_start_;
};

}  // namespace colo
