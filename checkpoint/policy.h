// SPDX-License-Identifier: GPL-2.0-or-later
// When a checkpoint is asked for. Requests of the comparator, the peer and the operator come in;
// orders to start one come out, coalesced: one at a time, not earlier than min_interval after the last,
// repeated only after it is over or when nobody answered. Pure: the caller hands in the time, starts
// what is ordered, and says what became of it.
//
//   idle --request--> wanted --min_interval over: order()--> ordered --replied()--> running
//     ^                                                         |  reply_deadline: order() again
//     '------------------------- completed() -------------------+-------------------'
//
// A VM pair that diverges all the time is better off without comparing: see SimpleMode.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "checkpoint/simple_mode.h"
#include "compare/request.h"
#include "packet/time.h"

namespace colo {

struct PolicyConfig {
    Time min_interval = milliseconds(10);
    Time max_interval = seconds(20);       ///< kNever: no periodic checkpoints (replay)
    Time reply_deadline = seconds(1);      ///< an order nobody answered is repeated; kNever: it is not
    SimpleModeConfig simple;
};

struct PolicyCounters {
    std::array<uint64_t, kReasons> by_reason{};  ///< completed checkpoints
    uint64_t requests = 0;
    uint64_t coalesced = 0;                      ///< requests that an earlier one already covered
    uint64_t repeated = 0;                       ///< orders given again for want of an answer
    uint64_t completed = 0;
    Time longest{0};                             ///< from order to completion
};

class CheckpointPolicy {
  public:
    /// `now`: the last checkpoint counts as over at this time.
    CheckpointPolicy(const PolicyConfig& config, Time now);

    /// Somebody wants one. The first of those that one checkpoint covers gives its reason.
    void request(const CheckpointRequest& request);
    /// What is to be started now, if anything. The caller asks QEMU (or, in replay, does it).
    std::optional<CheckpointRequest> order(Time now);
    /// When order() has something to say without a further request.
    Time next_deadline() const;

    /// REPLY: the ordered checkpoint is under way.
    void replied(Time now);
    /// RECEIVED, and all that was held has gone out: what was asked for since REPLY is settled, too.
    void fenced();
    /// LOADED: it is over. Returns what it was for: kPeriodic for one that nobody asked for (QEMU's own
    /// timer).
    CheckpointRequest completed(Time now);
    /// A new pair begins, all equal: nothing is wanted, the VMs are compared.
    void restart(Time now);

    /// What the comparator should do until the next fence.
    bool compares() const { return simple_.compares(); }
    SimpleMode::State mode() const { return simple_.state(); }
    /// At any time.
    void configure(const PolicyConfig& config);
    const PolicyCounters& counters() const { return counters_; }

  private:
    enum class State : uint8_t { kIdle, kWanted, kOrdered, kRunning };

    Time due() const;
    void want(const CheckpointRequest& request);

    PolicyConfig config_;
    PolicyCounters counters_;
    SimpleMode simple_;
    State state_ = State::kIdle;
    std::optional<CheckpointRequest> wanted_;  ///< of the current or next checkpoint
    std::optional<CheckpointRequest> after_;   ///< asked for while one was running
    Time last_over_;
    Time ordered_at_{0};
};

}  // namespace colo
