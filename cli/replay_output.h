// SPDX-License-Identifier: GPL-2.0-or-later
// A replay's result, for programs (ReplayJson) and for people (ReplayReport). Checkpoints come while
// the replay runs, the rest at its end: only then is anything written, so that a replay that fails
// prints no verdict. Memory is bounded whatever the number of checkpoints.
#pragma once

#include <cstdio>

#include "cli/replay.h"

namespace colo {

class ReplayOutput {
  public:
    virtual ~ReplayOutput() = default;

    virtual void checkpoint(const ReplayCheckpoint& checkpoint) = 0;
    /// What `out` does not take leaves its error indicator set.
    virtual void print(const ReplayOptions& options, const ReplayResult& result,
                       std::FILE* out) = 0;
};

}  // namespace colo
