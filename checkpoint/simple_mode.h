// SPDX-License-Identifier: GPL-2.0-or-later
// Simple checkpointing mode: a pair whose answers differ too often is not compared; all output is held
// and goes out at checkpoints every `interval`. Every `trial` one interval is compared again; when
// nothing asks for a checkpoint in it, the pair is back in lock-step.
//
//   lock-step --more than `enter` checkpoints within `window`--> simple
//   simple --`trial` over, at a checkpoint--> trial --calm for `interval`--> lock-step
//                                             trial --a request of the comparison--> simple
#pragma once

#include <cstdint>
#include <deque>

#include "compare/request.h"
#include "packet/time.h"

namespace colo {

struct SimpleModeConfig {
    uint32_t enter = 20;  ///< 0: never
    Time window = seconds(2);
    Time interval = milliseconds(100);
    Time trial = seconds(5);
};

class SimpleMode {
  public:
    enum class State : uint8_t { kLockstep, kSimple, kTrial };

    explicit SimpleMode(const SimpleModeConfig& config) : config_(config) {}

    void configure(const SimpleModeConfig& config) { config_ = config; }

    /// A checkpoint is wanted.
    void requested(Reason reason, Time now);
    /// A checkpoint is over. State changes towards comparing happen here: only a fence makes both
    /// sides equal.
    void completed(Reason reason, Time now);
    /// Ends a calm trial.
    void tick(Time now);

    State state() const { return state_; }
    bool compares() const { return state_ != State::kSimple; }
    /// When simple mode wants its next periodic checkpoint, the last having ended at `last`.
    Time next_checkpoint(Time last) const;
    /// When tick() has something to do.
    Time next_change() const;

  private:
    void enter_simple(Time now);

    SimpleModeConfig config_;
    State state_ = State::kLockstep;
    std::deque<Time> recent_;  ///< ends of checkpoints the comparison asked for, within the window
    Time since_{0};            ///< of the state
};

}  // namespace colo
