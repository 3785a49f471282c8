// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkpoint/going_on.h"

namespace colo {

void GoingOn::start(Time now) {
    is_running_ = true;
    was_told_ = vm_runs_ = was_yanked_ = redirects_ = false;
    started_ = now;
    orders_.prepare();
    orders_.lose_heartbeat();
}

/// The filters are switched on twice: as soon as may be, so that little goes past us, and when nothing can switch
/// them off any more.
void GoingOn::heartbeat_lost() {
    was_told_ = true;
    if (is_running_ && role_ == Role::kSecondary) orders_.redirect();
    look();
}

void GoingOn::channel_ended() {
    channel_has_ended_ = true;
    look();
}

/// Before QEMU has been told it is the state of another time.
void GoingOn::vm_runs() {
    vm_runs_ = was_told_;
    look();
}

void GoingOn::look() {
    if (!is_running_ || !missing().empty()) return;
    if (role_ == Role::kPrimary) return finish();
    redirects_ = true;
    orders_.redirect();
}

void GoingOn::redirected() {
    if (is_running_ && redirects_) finish();
}

void GoingOn::finish() {
    is_running_ = false;
    orders_.flow();
    orders_.gone_on();
}

std::string GoingOn::missing() const {
    if (!was_told_) return "QEMU does not answer x-colo-lost-heartbeat";
    if (role_ == Role::kSecondary && !channel_has_ended_) return "QEMU does not close its channel";
    if (!vm_runs_) return "the VM does not run";
    return redirects_ ? "QEMU does not switch its filters on" : "";
}

void GoingOn::tick(Time now) {
    if (!is_running_) return;
    if (now >= started_ + config_.deadline) {
        is_running_ = false;
        return orders_.could_not_go_on(missing());
    }
    if (was_yanked_ || was_told_ || now < started_ + config_.yank_after) return;
    was_yanked_ = true;
    orders_.yank();
}

Time GoingOn::next_deadline() const {
    if (!is_running_) return kNever;
    const bool may_yank = !was_yanked_ && !was_told_;
    return started_ + (may_yank ? config_.yank_after : config_.deadline);
}

}  // namespace colo
