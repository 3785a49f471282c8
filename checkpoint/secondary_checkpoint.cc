// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkpoint/secondary_checkpoint.h"

namespace colo {

void SecondaryCheckpoint::begin() {
    phase_ = Phase::kMigrating;
    committed_.reset();
}

std::optional<std::string> SecondaryCheckpoint::mark(uint32_t epoch) {
    if (phase_ > Phase::kMigrating && marked_) {
        return "a mark of epoch " + std::to_string(epoch) + " before the checkpoint of epoch " +
               std::to_string(*marked_);
    }
    if (phase_ > Phase::kAtReady && epoch != *committed_ + 1) {
        return "a mark of epoch " + std::to_string(epoch) + " in epoch " +
               std::to_string(*committed_);
    }
    marked_ = epoch;
    if (phase_ == Phase::kAtReady) at_ready();
    if (phase_ == Phase::kAtRequest) at_request();
    return std::nullopt;
}

void SecondaryCheckpoint::message(ColoMessage message) {
    if (phase_ == Phase::kIdle) return;
    switch (message) {
        case ColoMessage::kReady:
            phase_ = Phase::kAtReady;
            return at_ready();
        case ColoMessage::kRequest:
            phase_ = Phase::kAtRequest;
            return at_request();
        case ColoMessage::kReply:
            phase_ = Phase::kAtReply;
            return orders_.drain_output();
        case ColoMessage::kReceived:
            phase_ = Phase::kAtReceived;
            commit();
            return orders_.drain_output();
        case ColoMessage::kLoaded:
            phase_ = Phase::kRunning;
            return orders_.hand_on(message);
    }
}

void SecondaryCheckpoint::at_ready() {
    if (!marked_) return;
    phase_ = Phase::kRunning;
    commit();
    orders_.hand_on(ColoMessage::kReady);
}

void SecondaryCheckpoint::at_request() {
    if (!marked_) return;
    phase_ = Phase::kEmptying;
    orders_.let_input_run_empty();
}

void SecondaryCheckpoint::input_empty() {
    if (phase_ != Phase::kEmptying) return;
    phase_ = Phase::kRequested;
    orders_.hand_on(ColoMessage::kRequest);
}

void SecondaryCheckpoint::output_drained() {
    if (phase_ == Phase::kAtReply) {
        phase_ = Phase::kReplied;
        orders_.hand_on(ColoMessage::kReply);
    } else if (phase_ == Phase::kAtReceived) {
        phase_ = Phase::kReceived;
        orders_.hand_on(ColoMessage::kReceived);
    }
}

void SecondaryCheckpoint::commit() {
    committed_ = marked_;
    marked_.reset();
    orders_.begin_epoch(*committed_);
}

std::optional<uint32_t> SecondaryCheckpoint::output_epoch() const {
    switch (phase_) {
        case Phase::kRunning:
        case Phase::kAtRequest:
        case Phase::kEmptying:
        case Phase::kRequested:
        case Phase::kReceived:
            return committed_;
        default:
            return std::nullopt;
    }
}

}  // namespace colo
