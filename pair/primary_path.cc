// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair/primary_path.h"

#include <utility>

namespace colo {

PrimaryPath::PrimaryPath(const ComparatorConfig& config, const FlowHash& hash, FramePool& pool,
                         FlowMapper* mapper, Outside& outside)
    : mapper_(mapper), outside_(outside), comparator_(config, hash, pool, *this) {
    comparator_.set_mode(Mode::kIdle, Time{0});
}

void PrimaryPath::from_uplink(Frame&& frame, Time now) {
    PacketView view = parse(frame.bytes(), frame.wire_size());
    comparator_.input(view, now);
    if (is_mirroring_) {
        ++counters_.mirrored;
        outside_.mirror(frame);
    }
    if (mapper_) frame = mapper_->input(std::move(frame), view, now);
    outside_.to_vm(std::move(frame), now);
}

void PrimaryPath::from_vm(Frame&& frame, Time now) {
    if (is_shut_) return;
    PacketView view = parse(frame.bytes(), frame.wire_size());
    if (mapper_) frame = mapper_->output(std::move(frame), view, now);
    comparator_.primary(std::move(frame), view, now);
}

/// The SVM runs as soon as it has loaded, which its proxy tells by another way than its frames come.
void PrimaryPath::from_peer(Frame&& frame, uint32_t epoch, Time now) {
    if (epoch == epoch_ && is_mirroring_) {
        return comparator_.secondary(std::move(frame), comparator_.epoch(), now);
    }
    if (epoch != epoch_ + 1) {
        ++counters_.stale;
        return;
    }
    if (early_bytes_ + frame.size() > kMostEarlyBytes) {
        ++counters_.early_lost;
        return;
    }
    ++counters_.early;
    early_bytes_ += frame.size();
    early_.push_back(std::move(frame));
}

void PrimaryPath::take_early(Time now) {
    early_bytes_ = 0;
    for (Frame& frame : std::exchange(early_, {})) {
        comparator_.secondary(std::move(frame), comparator_.epoch(), now);
    }
}

void PrimaryPath::fence(uint32_t epoch, bool compares, Time now) {
    comparator_.fence(Fence::kLive, now);
    epoch_ = epoch;
    if (is_bypassed_) return forget_early();
    comparator_.set_mode(compares ? Mode::kLockstep : Mode::kSimple, now);
    is_mirroring_ = true;
    take_early(now);
}

void PrimaryPath::bypass(bool bypassed, bool is_protected, Time now) {
    is_bypassed_ = bypassed;
    if (bypassed) return let_go(now);
    if (is_protected) comparator_.set_mode(Mode::kSimple, now);
}

void PrimaryPath::compare(bool compares, Time now) {
    if (!compares && comparator_.mode() == Mode::kLockstep) comparator_.set_mode(Mode::kSimple, now);
}

void PrimaryPath::release(Frame frame, Time now) {
    if (is_shut_) return;
    if (!is_holding_) return outside_.to_uplink(std::move(frame), now);
    retained_bytes_ += frame.size();
    retained_.push_back(std::move(frame));
}

bool PrimaryPath::is_congested() const {
    return comparator_.is_congested() || retained_bytes_ >= kMostRetainedBytes;
}

void PrimaryPath::shut() {
    is_shut_ = true;
    retained_.clear();
    retained_bytes_ = 0;
}

void PrimaryPath::let_go(Time now) {
    is_holding_ = is_mirroring_ = false;
    release_retained(now);
    comparator_.fence(Fence::kLive, now);
    comparator_.set_mode(Mode::kIdle, now);
    forget_early();
}

void PrimaryPath::forget_early() {
    early_.clear();
    early_bytes_ = 0;
}

void PrimaryPath::release_retained(Time now) {
    retained_bytes_ = 0;
    for (Frame& frame : std::exchange(retained_, {})) outside_.to_uplink(std::move(frame), now);
}

}  // namespace colo
