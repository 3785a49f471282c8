// SPDX-License-Identifier: GPL-2.0-or-later
// Who of a pair has failed, as one proxy can tell: its own VM, the peer's VM by the heartbeats, the
// link. Pure: facts and the time are handed in.
//
// A VM that was silent and answers again has recovered: nothing irrevocable follows from a verdict
// alone (failover.h).
#pragma once

#include <array>
#include <optional>
#include <string>

#include "checkpoint/vm_health.h"

namespace colo {

enum class Suspect : uint8_t { kLocalVm, kPeerVm, kLink };

struct Verdict {
    Suspect who;
    std::optional<std::string> failure;  ///< nothing: it has recovered
};

class FailureDetector {
  public:
    /// `link_deadline`: without a heartbeat for so long the link is lost.
    FailureDetector(Role role, const HealthDeadlines& deadlines, Time link_deadline)
        : role_(role), deadlines_(deadlines), link_deadline_(link_deadline) {}

    // --- The VM beside us

    /// Its QMP owes an answer from now on.
    void qmp_asked(Time now);
    void qmp_answered() { owed_since_.reset(); }
    /// It closed its network or its channel: whatever comes in its place is another one.
    void vm_is_gone() { is_gone_ = true; }
    /// It closed its monitor, which alone may be opened again.
    void monitor_closed() { monitor_is_closed_ = true; }
    void monitor_opened() { monitor_is_closed_ = false; }
    void channel(std::optional<ColoPhase> phase, Time last_progress, Time now);
    /// For a heartbeat.
    VmHealth health(Time now) const;

    // --- The peer

    /// One that was lost is found when the peer has said how its VM does.
    void link_opened(Time now);
    void link_closed(const std::string& why);
    void heard(const VmHealth& peer, Time now);
    /// It is no peer of ours any more: its silence says nothing.
    void peer_left();

    /// What has changed since it was last looked at, one at a time.
    std::optional<Verdict> look(Time now);

    /// At any time; look() tells what follows from it.
    void set_deadlines(const HealthDeadlines& deadlines, Time link_deadline) {
        deadlines_ = deadlines;
        link_deadline_ = link_deadline;
    }

  private:
    std::optional<std::string> failure(Suspect who, Time now) const;
    std::optional<std::string> link_failure(Time now) const;
    std::optional<std::string> local_failure(Time now) const;
    VmHealth peer_health(Time now) const;

    Role role_;
    HealthDeadlines deadlines_;
    Time link_deadline_;
    bool is_gone_ = false;
    bool monitor_is_closed_ = false;
    std::optional<Time> owed_since_;
    std::optional<ColoPhase> phase_;
    Time last_progress_{0};
    VmHealth peer_;
    std::optional<Time> heard_at_;  ///< nothing: there is no link
    std::optional<std::string> link_closed_;
    bool was_cut_off_ = false;     ///< the link has been lost, and the channel with it
    bool is_to_be_heard_ = false;  ///< again, after the link was lost
    std::array<bool, 3> told_{};  ///< who is known to have failed
};

}  // namespace colo
