// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/replay_merge.h"

#include <algorithm>
#include <utility>

namespace colo {

namespace {

Time first_time(const Recording& recording) {
    return recording.front() ? recording.front()->time : kNever;
}

}  // namespace

ReplayMerge::ReplayMerge(Recording& primary, Recording& secondary, bool align)
    : primary_(primary),
      secondary_(secondary),
      primary_start_(first_time(primary)),
      secondary_start_(first_time(secondary)) {
    if (align) return;
    primary_start_ = secondary_start_ = std::min(primary_start_, secondary_start_);
}

bool ReplayMerge::primary_is_next() const {
    if (!secondary_.front()) return true;
    if (!primary_.front()) return false;
    if (primary_time() != secondary_time()) return primary_time() < secondary_time();
    return !primary_.front()->output;
}

std::optional<MergedFrame> ReplayMerge::next() {
    if (!primary_.front() && !secondary_.front()) return std::nullopt;
    const bool is_primary = primary_is_next();
    const Time time = is_primary ? primary_time() : secondary_time();
    MergedFrame merged{is_primary ? Side::kPrimary : Side::kSecondary,
                       (is_primary ? primary_ : secondary_).take()};
    merged.recorded.time = time;
    return merged;
}

}  // namespace colo
