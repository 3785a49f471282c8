// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/backlogs.h"

namespace colo {

namespace {

constexpr size_t kMaxSpareKept = 64;

}  // namespace

Backlog& Backlogs::of(Flow& flow, uint32_t flow_index) {
    if (flow.backlog != kNoBacklog) return *slots_[flow.backlog];
    if (free_.empty()) {
        free_.push_back(static_cast<uint32_t>(slots_.size()));
        slots_.push_back(std::make_unique<Backlog>(flow_index));
    }
    flow.backlog = free_.back();
    free_.pop_back();
    Backlog& backlog = *slots_[flow.backlog];
    backlog.flow = flow_index;
    chain_.push_back(&backlog);
    return backlog;
}

void Backlogs::release_if_empty(Flow& flow) {
    if (flow.backlog == kNoBacklog) return;
    Backlog& backlog = *slots_[flow.backlog];
    // What waits behind a gap waits in the reassembler.
    if (flow.primary.reassembling() || flow.secondary.reassembling()) return;
    if (!backlog.empty()) return;
    chain_.remove(&backlog);
    backlog.alarm_at = kNever;
    free_.push_back(flow.backlog);
    flow.backlog = kNoBacklog;
}

std::unique_ptr<KeptBytes> Backlogs::make_kept(Seq begin) {
    std::unique_ptr<KeptBytes> kept;
    if (spare_kept_.empty()) {
        kept = std::make_unique<KeptBytes>();
    } else {
        kept = std::move(spare_kept_.back());
        spare_kept_.pop_back();
    }
    kept->begin = begin;
    kept->bytes.clear();
    return kept;
}

void Backlogs::recycle(std::unique_ptr<KeptBytes> kept) {
    if (kept && spare_kept_.size() < kMaxSpareKept) spare_kept_.push_back(std::move(kept));
}

}  // namespace colo
