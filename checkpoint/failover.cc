// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkpoint/failover.h"

#include <utility>

namespace colo {

const char* to_string(Failover::State state) {
    constexpr const char* kNames[] = {"unprotected", "protected", "undecided", "fencing",
                                      "asking",      "going on",  "alone",     "resigned"};
    return kNames[static_cast<size_t>(state)];
}

void Failover::protect(bool peer_goes_solo) {
    unprotect();
    state_ = State::kProtected;
    peer_goes_solo_ = peer_goes_solo;
    consider();
}

void Failover::unprotect() {
    state_ = State::kUnprotected;
    peer_has_resigned_ = fence_has_failed_ = peer_may_be_fenced_ = is_decided_ = false;
    broken_because_.reset();
    deadline_ = kNever;
    answer("COLO has been ended");
}

// --- Facts ---------------------------------------------------------------------------------------

void Failover::local_vm_failed(const std::optional<std::string>& why) {
    local_failure_ = why;
    consider();
}

void Failover::local_vm_answers() {
    if (is_decided_) consider();
}

void Failover::peer_vm_failed(const std::optional<std::string>& why) {
    peer_failure_ = why;
    consider();
}

void Failover::link_lost() {
    link_is_lost_ = true;
    if (state_ != State::kUnprotected) broken_because_ = "the link was lost, and the primary is there again";
    if (state_ == State::kAsking) return unanswered();
    be_undecided();
}

/// The pair is broken all the same: what the link carried of it is lost. Both can say so now.
void Failover::link_found() {
    link_is_lost_ = false;
    if (state_ == State::kResigned) orders_.send_resign(resigned_because_);
    consider();
}

void Failover::peer_heard() {
    if (std::exchange(peer_may_be_fenced_, false)) consider();
}

void Failover::pair_broken(const std::string& why) {
    if (state_ == State::kUnprotected || broken_because_) return;
    broken_because_ = why;
    be_undecided();
}

void Failover::be_undecided() {
    if (state_ == State::kProtected) state_ = State::kUndecided;
    if (state_ == State::kUndecided || state_ == State::kFencing) orders_.hold_output();
    consider();
}

/// What follows from the facts alone.
void Failover::consider() {
    if (!is_open()) return;
    if (is_decided_ || peer_has_resigned_) {
        // Nobody else is left. A primary resigns only when we have told it to.
        if (!local_failure_) go_on();
    } else if (local_failure_) {
        // The secondary is of no use any more, and the primary may want to know, if there still is one. A
        // primary may recover.
        if (role_ == Role::kSecondary && !peer_may_be_fenced_) resign(*local_failure_);
    } else if (role_ == Role::kPrimary && link_is_lost_ && config_.goes_solo) {
        go_on();
    } else if (wants_fence()) {
        state_ = State::kFencing;
        orders_.run_fence();
    } else if (is_superfluous()) {
        resign(*broken_because_);
    }
}

bool Failover::wants_fence() const {
    if (!config_.is_automatic || !config_.has_fence || fence_has_failed_) return false;
    // A secondary whose VM has failed resigns by itself.
    if (role_ == Role::kPrimary) return link_is_lost_;
    return (link_is_lost_ || peer_failure_) && !peer_goes_solo_;
}

/// The primary need not be held for an operator: its secondary gives up, unless there is nobody to give up for.
bool Failover::is_superfluous() const {
    return role_ == Role::kSecondary && broken_because_ && peer_is_alive() && !peer_may_be_fenced_;
}

// --- The peer ------------------------------------------------------------------------------------

void Failover::peer_resigned() {
    if (state_ == State::kUnprotected) return;
    peer_has_resigned_ = true;
    const bool fences = state_ == State::kFencing && role_ == Role::kPrimary;
    if (state_ == State::kAsking || fences) return go_on();
    consider();
}

void Failover::told_to_stand_down() {
    switch (state_) {
        case State::kGoingOn:
        case State::kAlone:
            return orders_.send_refusal("its VM goes on alone already");
        case State::kFencing:
            return orders_.send_refusal("its fence command is running");
        case State::kAsking:
            if (role_ == Role::kPrimary)
                return orders_.send_refusal("its operator was told the same");
            break;
        case State::kResigned:
            return orders_.send_resign(resigned_because_);
        case State::kUnprotected:
            return orders_.send_refusal("it is no part of a pair");
        case State::kProtected:
        case State::kUndecided:
            break;
    }
    resign("told to stand down");
}

void Failover::refused(const std::string& why) {
    if (state_ != State::kAsking) return;
    step_back();
    answer("the peer refused to stand down: " + why);
}

void Failover::resign(const std::string& why) {
    state_ = State::kResigned;
    deadline_ = kNever;
    resigned_because_ = why;
    orders_.shut();
    if (!link_is_lost_) orders_.send_resign(why);
    answer("this side has resigned: " + why);
}

// --- The operator --------------------------------------------------------------------------------

std::optional<std::string> Failover::operator_wants(bool with_force, Time now) {
    if (const auto why = refusal(with_force)) return why;
    operator_waits_ = true;
    if (is_decided_ || link_is_lost_ || peer_has_resigned_) {
        go_on();
    } else {
        state_ = State::kAsking;
        deadline_ = now + config_.answer_deadline;
        orders_.send_stand_down();
    }
    return std::nullopt;
}

std::optional<std::string> Failover::refusal(bool with_force) const {
    switch (state_) {
        case State::kUnprotected:
            return "there is no pair: the VM is not protected";
        case State::kAlone:
            return "the VM runs alone already";
        case State::kAsking:
        case State::kGoingOn:
            return "a failover is under way";
        case State::kResigned:
            return "this side has resigned: " + resigned_because_;
        case State::kFencing:
            if (!with_force) return "the fence command is running";
            break;
        case State::kProtected:
        case State::kUndecided:
            break;
    }
    return refusal_undecided(with_force);
}

std::optional<std::string> Failover::refusal_undecided(bool with_force) const {
    // Where nobody else can go on a try costs nothing.
    if (is_decided_ && (with_force || !local_failure_)) return std::nullopt;
    if (local_failure_) return "the VM of this side has failed: " + *local_failure_;
    if (with_force) return std::nullopt;
    if (peer_is_alive()) return "the peer is alive: force is needed";
    if (role_ == Role::kSecondary && link_is_lost_ && peer_goes_solo_) {
        return "the primary goes on alone when the link is lost (on-link-loss=solo): force is "
               "needed";
    }
    return std::nullopt;
}

/// The peer has been told to stand down, and says nothing. The operator's word counts then; but he
/// was not asked what he thinks of a primary that goes on alone just now.
void Failover::unanswered() {
    deadline_ = kNever;
    if (role_ == Role::kPrimary || !peer_goes_solo_) return go_on();
    step_back();
    answer("the primary does not answer, and may go on alone (on-link-loss=solo)");
}

void Failover::tick(Time now) {
    if (state_ == State::kAsking && now >= deadline_) unanswered();
}

/// As it was before the peer was asked, or the fence command run.
void Failover::step_back() {
    deadline_ = kNever;
    state_ = broken_because_ ? State::kUndecided : State::kProtected;
    consider();
}

void Failover::answer(const std::optional<std::string>& error) {
    if (std::exchange(operator_waits_, false)) orders_.answer_operator(error);
}

// --- Going on ------------------------------------------------------------------------------------

void Failover::fence_ended(bool has_succeeded) {
    if (state_ != State::kFencing) return;
    if (has_succeeded && !local_failure_) return go_on();
    fence_has_failed_ = peer_may_be_fenced_ = true;
    step_back();
}

void Failover::go_on() {
    deadline_ = kNever;
    is_decided_ = true;
    state_ = State::kGoingOn;
    orders_.go_on();
}

void Failover::gone_on() {
    if (state_ != State::kGoingOn) return;
    state_ = State::kAlone;
    answer(std::nullopt);
}

/// It may come to life yet, or be told again: nobody else may go on meanwhile without our word.
void Failover::could_not_go_on(const std::string& why) {
    if (state_ != State::kGoingOn) return;
    state_ = State::kUndecided;
    answer(why);
}

}  // namespace colo
