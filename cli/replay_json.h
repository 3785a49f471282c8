// SPDX-License-Identifier: GPL-2.0-or-later
// The result as one JSON object on one line, as contracts.md has it.
#pragma once

#include "cli/replay_output.h"
#include "cli/replay_spool.h"

namespace colo {

class ReplayJson final : public ReplayOutput {
  public:
    void checkpoint(const ReplayCheckpoint& checkpoint) override;
    void print(const ReplayOptions& options, const ReplayResult& result, std::FILE* out) override;

  private:
    ReplaySpool checkpoints_;  ///< array elements
};

}  // namespace colo
