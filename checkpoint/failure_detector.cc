// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkpoint/failure_detector.h"

#include <algorithm>

namespace colo {

namespace {

bool is_checkpoint(const std::optional<ColoPhase>& phase) {
    return phase == ColoPhase::kRequested || phase == ColoPhase::kReplied ||
           phase == ColoPhase::kReceived;
}

}  // namespace

void FailureDetector::qmp_asked(Time now) {
    if (!owed_since_) owed_since_ = now;
}

void FailureDetector::channel(std::optional<ColoPhase> phase, Time last_progress, Time now) {
    // QMP's silence in a checkpoint counts for nothing behind it.
    if (is_checkpoint(phase_) && !is_checkpoint(phase) && owed_since_) owed_since_ = now;
    phase_ = phase;
    last_progress_ = last_progress;
}

VmHealth FailureDetector::health(Time now) const {
    VmHealth health;
    health.is_gone = is_gone_ || monitor_is_closed_;
    if (owed_since_) health.qmp_silence = now - *owed_since_;
    health.phase = phase_;
    if (phase_) health.channel_silence = now - last_progress_;
    return health;
}

void FailureDetector::link_opened(Time now) {
    link_closed_.reset();
    is_to_be_heard_ = told_[static_cast<size_t>(Suspect::kLink)];
    heard_at_ = now;
    peer_ = {};
}

void FailureDetector::link_closed(const std::string& why) {
    heard_at_.reset();
    link_closed_ = why;
}

void FailureDetector::heard(const VmHealth& peer, Time now) {
    if (!heard_at_) return;
    peer_ = peer;
    heard_at_ = now;
    is_to_be_heard_ = false;
}

void FailureDetector::peer_left() {
    heard_at_.reset();
    link_closed_.reset();
    is_to_be_heard_ = false;
}

std::optional<std::string> FailureDetector::link_failure(Time now) const {
    if (link_closed_) return link_closed_;
    if (is_to_be_heard_) return "the link is there again, and nothing was heard yet";
    if (!heard_at_ || now - *heard_at_ < link_deadline_) return std::nullopt;
    return "no heartbeat for " + std::to_string((now - *heard_at_) / milliseconds(1)) + " ms";
}

/// Silence goes on while the news of it is under way.
VmHealth FailureDetector::peer_health(Time now) const {
    VmHealth peer = peer_;
    if (!heard_at_) return peer;
    const Time since = now - *heard_at_;
    if (peer.qmp_silence > Time(0)) peer.qmp_silence += since;
    peer.channel_silence += since;
    return peer;
}

/// In a checkpoint that lost its other end our QEMU waits for what cannot come: no fault of its
/// own.
std::optional<std::string> FailureDetector::local_failure(Time now) const {
    const bool is_cut_off = is_checkpoint(phase_) && (was_cut_off_ || link_failure(now));
    if (is_cut_off && !is_gone_ && !monitor_is_closed_) return std::nullopt;
    // A peer that says nothing may be whom it waits for: until it is heard again, or the link is lost,
    // nobody can tell.
    const bool may_wait_for_peer = is_checkpoint(phase_) && heard_at_;
    const Time judged = may_wait_for_peer ? std::min(now, *heard_at_) : now;
    return failure_of(role_, health(judged), peer_health(now), deadlines_);
}

std::optional<std::string> FailureDetector::failure(Suspect who, Time now) const {
    switch (who) {
        case Suspect::kLocalVm:
            return local_failure(now);
        case Suspect::kPeerVm:
            return failure_of(other(role_), peer_, health(now), deadlines_);
        case Suspect::kLink:
            break;
    }
    return link_failure(now);
}

std::optional<Verdict> FailureDetector::look(Time now) {
    for (const Suspect who : {Suspect::kLocalVm, Suspect::kPeerVm, Suspect::kLink}) {
        bool& told = told_[static_cast<size_t>(who)];
        auto failed = failure(who, now);
        if (failed.has_value() == told) continue;
        told = failed.has_value();
        if (who == Suspect::kLink) was_cut_off_ = true;
        return Verdict{who, std::move(failed)};
    }
    return std::nullopt;
}

}  // namespace colo
