// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkpoint/primary_checkpoint.h"

#include <utility>

namespace colo {

void PrimaryCheckpoint::begin(uint32_t epoch) {
    phase_ = Phase::kMigrating;
    epoch_ = epoch;
    // The SVM runs before READY comes: what it sends until then belongs to no epoch.
    orders_.send_mark(epoch_ + 1);
}

void PrimaryCheckpoint::switch_over() {
    if (phase_ != Phase::kMigrating) return;
    phase_ = Phase::kSwitching;
    pause_input();
    orders_.let_input_run_empty();
}

void PrimaryCheckpoint::put_off_switch_over() {
    if (phase_ != Phase::kSwitching) return;
    phase_ = Phase::kMigrating;
    resume_input();
}

void PrimaryCheckpoint::message(ColoMessage message, Time now) {
    if (phase_ == Phase::kIdle) return;  // what QEMU had said before it was told
    switch (message) {
        case ColoMessage::kReady:
            pause_input();
            phase_ = Phase::kAtReady;
            return orders_.drain_output();
        case ColoMessage::kRequest:
            return at_request(now);
        case ColoMessage::kReply:
            record_.replied = now;
            policy_.replied(now);
            phase_ = Phase::kAtReply;
            return orders_.let_input_run_empty();
        case ColoMessage::kReceived:
            record_.received = now;
            phase_ = Phase::kAtReceived;
            return orders_.drain_output();
        case ColoMessage::kLoaded:
            return at_loaded(now);
    }
}

void PrimaryCheckpoint::at_request(Time now) {
    record_ = {};
    record_.requested = now;
    phase_ = Phase::kRequested;
    pause_input();
    orders_.send_mark(epoch_ + 1);
    orders_.hand_on(ColoMessage::kRequest);
}

void PrimaryCheckpoint::input_empty(bool is_exact) {
    if (phase_ == Phase::kSwitching) return orders_.switch_over_now();
    if (phase_ != Phase::kAtReply) return;
    record_.input_was_exact = is_exact;
    phase_ = Phase::kReplied;
    orders_.hand_on(ColoMessage::kReply);
}

void PrimaryCheckpoint::output_drained(Time now) {
    if (phase_ == Phase::kAtReady) {
        policy_.restart(now);
        phase_ = Phase::kLockstep;
        begin_epoch();
        orders_.hand_on(ColoMessage::kReady);
        orders_.began();
    } else if (phase_ == Phase::kAtReceived) {
        phase_ = Phase::kReceived;
        begin_epoch();
        policy_.fenced();
        orders_.hand_on(ColoMessage::kReceived);
    }
}

void PrimaryCheckpoint::begin_epoch() {
    ++epoch_;
    orders_.fence(epoch_);
    resume_input();
}

void PrimaryCheckpoint::at_loaded(Time now) {
    phase_ = Phase::kLockstep;
    record_.loaded = now;
    record_.epoch = epoch_;
    record_.request = policy_.completed(now);
    orders_.hand_on(ColoMessage::kLoaded);
    orders_.completed(record_);
}

void PrimaryCheckpoint::abort() {
    phase_ = Phase::kIdle;
    resume_input();
}

void PrimaryCheckpoint::tick(Time now) {
    if (!is_in_lockstep()) return;
    if (const auto due = policy_.order(now)) orders_.ask_qemu(*due);
}

Time PrimaryCheckpoint::next_deadline() const {
    return is_in_lockstep() ? policy_.next_deadline() : kNever;
}

void PrimaryCheckpoint::pause_input() {
    if (!std::exchange(input_is_paused_, true)) orders_.pause_input();
}

void PrimaryCheckpoint::resume_input() {
    if (std::exchange(input_is_paused_, false)) orders_.resume_input();
}

}  // namespace colo
