// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/mapping_table.h"

namespace colo {

MappedFlow* MappingTable::find(const FlowKey& key) {
    MappedFlow* flow = flows_.find(key);
    if (flow) flow->touched = true;
    return flow;
}

MappedFlow* MappingTable::create(const FlowKey& key, const FlowMapping& mapping, Time now) {
    drop_expired(now);
    if (is_full() && !make_room()) return nullptr;
    MappedFlow* flow = flows_.make(key, mapping);
    enlist(*flow, mapping.phase());
    return flow;
}

void MappingTable::erase(MappedFlow& flow) {
    const bool has_base = flow.mapping.base() != Offset{} || flow.mapping.is_unsettled();
    if (observer_ && has_base) observer_->base_changed(flow.key, Base{});
    list(flow.listed).remove(&flow);
    flows_.erase(flow);
}

void MappingTable::enlist(MappedFlow& flow, MappingPhase phase) {
    flow.listed = phase;
    list(phase).push_back(&flow);
}

void MappingTable::relist(MappedFlow& flow, Time now) {
    const MappingPhase phase = flow.mapping.phase();
    if (phase == flow.listed) return;
    if (phase == MappingPhase::kClosing) drop_expired(now);
    list(flow.listed).remove(&flow);
    flow.heard = now;
    enlist(flow, phase);
}

void MappingTable::heard(MappedFlow& flow, Time now) {
    relist(flow, now);
    if (flow.listed != MappingPhase::kClosing || flow.heard == now) return;
    list(flow.listed).remove(&flow);
    flow.heard = now;
    enlist(flow, flow.listed);
}

/// A few at a time: no more become closing than pass here.
void MappingTable::drop_expired(Time now) {
    List& closing = list(MappingPhase::kClosing);
    for (int count = 0; count < 2 && !closing.empty(); ++count) {
        if (now - closing.front()->heard <= kClosingLife) return;
        erase(*closing.front());
        ++counters_.expired;
    }
}

bool MappingTable::make_room() {
    return evict_first(MappingPhase::kClosing, counters_.evicted_closing) ||
           evict_first(MappingPhase::kHalfOpen, counters_.evicted_half_open) || evict_settled();
}

bool MappingTable::evict_first(MappingPhase phase, uint64_t& counter) {
    if (list(phase).empty()) return false;
    erase(*list(phase).front());
    ++counter;
    return true;
}

/// The first that is neither mapped nor was used since the last look; what was looked at goes to
/// the end.
bool MappingTable::evict_settled() {
    List& open = list(MappingPhase::kOpen);
    for (uint32_t looks = 0; looks < kEvictionLooks && !open.empty(); ++looks) {
        MappedFlow& flow = *open.front();
        flow.mapping.enter_epoch(epoch_);
        if (flow.mapping.is_zero() && !flow.touched) {
            erase(flow);
            ++counters_.evicted_settled;
            return true;
        }
        flow.touched = false;
        open.remove(&flow);
        enlist(flow, MappingPhase::kOpen);
    }
    return false;
}

}  // namespace colo
