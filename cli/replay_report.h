// SPDX-License-Identifier: GPL-2.0-or-later
// The result as lines for a terminal.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/replay_lines.h"
#include "cli/replay_output.h"
#include "packet/flow_key.h"

namespace colo {

class ReplayReport final : public ReplayOutput {
  public:
    static constexpr size_t kShownCheckpoints = 20;
    static constexpr size_t kShownDivergences = 3;  ///< with both sides' bytes
    /// Of how many flows the checkpoints are counted; of those that come later nobody knows.
    static constexpr size_t kCountedFlows = 10'000;

    /// `colour`: with ANSI colours.
    explicit ReplayReport(bool colour);

    void checkpoint(const ReplayCheckpoint& checkpoint) override;
    void print(const ReplayOptions& options, const ReplayResult& result, std::FILE* out) override;

  private:
    void add_summary(ReplayLines& lines, const ReplayOptions& options,
                     const ReplayResult& result) const;
    void add_checkpoints(ReplayLines& lines, uint64_t count) const;
    void add_flows(ReplayLines& lines, const ReplayResult& result) const;
    std::string checkpoints_of(const FlowKey& flow) const;

    bool colour_;
    std::vector<ReplayCheckpoint> shown_;
    std::array<uint64_t, kReasons> by_reason_{};
    boost::unordered_flat_map<FlowKey, uint64_t, FlowHash> by_flow_;
};

}  // namespace colo
