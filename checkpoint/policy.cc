// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkpoint/policy.h"

#include <algorithm>

namespace colo {

namespace {

CheckpointRequest periodic(Time now) {
    CheckpointRequest request;
    request.reason = Reason::kPeriodic;
    request.when = now;
    return request;
}

}  // namespace

CheckpointPolicy::CheckpointPolicy(const PolicyConfig& config, Time now)
    : config_(config), simple_(config.simple), last_over_(now) {}

void CheckpointPolicy::configure(const PolicyConfig& config) {
    config_ = config;
    simple_.configure(config.simple);
}

void CheckpointPolicy::request(const CheckpointRequest& request) {
    ++counters_.requests;
    simple_.requested(request.reason, request.when);
    if (state_ == State::kRunning) {
        // The primary may have said more since it was stopped: this one is for the next checkpoint.
        if (after_) {
            ++counters_.coalesced;
        } else {
            after_ = request;
        }
        return;
    }
    want(request);
}

void CheckpointPolicy::want(const CheckpointRequest& request) {
    if (state_ != State::kIdle) {
        ++counters_.coalesced;
        return;
    }
    wanted_ = request;
    state_ = State::kWanted;
}

Time CheckpointPolicy::due() const {
    switch (state_) {
        case State::kIdle: {
            const Time periodic =
                config_.max_interval == kNever ? kNever : last_over_ + config_.max_interval;
            return std::min(periodic, simple_.next_checkpoint(last_over_));
        }
        case State::kWanted:
            return last_over_ + config_.min_interval;
        case State::kOrdered:
            return config_.reply_deadline == kNever ? kNever : ordered_at_ + config_.reply_deadline;
        case State::kRunning:
            break;
    }
    return kNever;
}

Time CheckpointPolicy::next_deadline() const { return std::min(due(), simple_.next_change()); }

std::optional<CheckpointRequest> CheckpointPolicy::order(Time now) {
    simple_.tick(now);
    if (due() > now) return std::nullopt;
    if (state_ == State::kIdle) want(periodic(now));
    if (state_ == State::kOrdered) ++counters_.repeated;
    state_ = State::kOrdered;
    ordered_at_ = now;
    return wanted_;
}

void CheckpointPolicy::replied(Time now) {
    if (state_ == State::kRunning) return;
    if (state_ != State::kOrdered) ordered_at_ = now;
    state_ = State::kRunning;
}

void CheckpointPolicy::fenced() {
    if (!after_) return;
    ++counters_.coalesced;
    after_.reset();
}

CheckpointRequest CheckpointPolicy::completed(Time now) {
    const bool ordered = state_ == State::kOrdered || state_ == State::kRunning;
    const CheckpointRequest answered = wanted_ ? *wanted_ : periodic(now);
    ++counters_.completed;
    ++counters_.by_reason[static_cast<size_t>(answered.reason)];
    if (ordered) counters_.longest = std::max(counters_.longest, now - ordered_at_);
    last_over_ = now;
    simple_.completed(answered.reason, now);
    wanted_.reset();
    state_ = State::kIdle;
    if (after_) {
        want(*after_);
        after_.reset();
    }
    return answered;
}

void CheckpointPolicy::restart(Time now) {
    wanted_.reset();
    after_.reset();
    state_ = State::kIdle;
    last_over_ = now;
    simple_ = SimpleMode(config_.simple);
}

}  // namespace colo
