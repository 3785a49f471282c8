// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkpoint/simple_mode.h"

namespace colo {

namespace {

/// Asked for because output differed or could not be compared, not by the clock or a person.
bool comes_from_comparing(Reason reason) {
    return reason == Reason::kDivergence || reason == Reason::kTimeout ||
           reason == Reason::kTableFull || reason == Reason::kQueueFull || reason == Reason::kPeer;
}

}  // namespace

void SimpleMode::requested(Reason reason, Time now) {
    if (state_ == State::kTrial && comes_from_comparing(reason)) enter_simple(now);
}

void SimpleMode::enter_simple(Time now) {
    state_ = State::kSimple;
    since_ = now;
    recent_.clear();
}

void SimpleMode::completed(Reason reason, Time now) {
    if (state_ == State::kSimple && now - since_ >= config_.trial) {
        state_ = State::kTrial;
        since_ = now;
        return;
    }
    if (state_ != State::kLockstep || config_.enter == 0 || !comes_from_comparing(reason)) return;
    recent_.push_back(now);
    while (recent_.front() + config_.window < now) recent_.pop_front();
    if (recent_.size() > config_.enter) enter_simple(now);
}

void SimpleMode::tick(Time now) {
    if (state_ != State::kTrial || now < next_change()) return;
    state_ = State::kLockstep;
    since_ = now;
}

Time SimpleMode::next_checkpoint(Time last) const {
    return state_ == State::kSimple ? last + config_.interval : kNever;
}

Time SimpleMode::next_change() const {
    return state_ == State::kTrial ? since_ + config_.interval : kNever;
}

}  // namespace colo
