// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/flow_table.h"

namespace colo {

namespace {

uint32_t whole_seconds(Time now) {
    return static_cast<uint32_t>(std::chrono::duration_cast<seconds>(now).count());
}

}  // namespace

FlowTable::FlowTable(uint32_t max_flows, const FlowHash& hash)
    : max_flows_(max_flows), hash_(hash), index_(0, IndexHash{this}, IndexEqual{this}) {
    set_max_flows(max_flows);
}

/// Address space for all, so that flows do not move while frames pass; memory comes with the first touch.
void FlowTable::set_max_flows(uint32_t max_flows) {
    slab_.reserve(max_flows);
    max_flows_ = max_flows;
}

Flow* FlowTable::create(const FlowKey& key, Phase phase, Time now) {
    if (size() >= max_flows_ && !make_room()) return nullptr;
    uint32_t index = free_;
    if (index != kNoFlow) {
        free_ = slab_[index].next;
        slab_[index] = Flow{};
    } else {
        index = slots();
        slab_.emplace_back();
    }
    Flow& flow = slab_[index];
    flow.key = key;
    flow.phase = phase;
    flow.phase_word = phase == Phase::kClosing ? whole_seconds(now) : 0;
    index_.insert(index);
    link(flow);
    ++counters_.created;
    return &flow;
}

void FlowTable::set_phase(Flow& flow, Phase phase, Time now) {
    if (flow.phase == phase) return;
    unlink(flow);
    flow.phase = phase;
    flow.clear(Mark::kPhaseWord);
    flow.phase_word = phase == Phase::kClosing ? whole_seconds(now) : 0;
    link(flow);
}

void FlowTable::expire_closing(Time now) {
    PhaseList& closing = lists_[static_cast<size_t>(Phase::kClosing)];
    for (uint32_t left = closing.count; left > 0 && next_expiry() <= now; --left) {
        Flow& flow = slab_[closing.head];
        if (flow.backlog != kNoBacklog) {  // still holds output: starts anew at the end of the list
            unlink(flow);
            flow.phase_word = whole_seconds(now);
            link(flow);
            continue;
        }
        erase(flow);
        ++counters_.expired;
    }
}

Time FlowTable::next_expiry() const {
    const PhaseList& closing = lists_[static_cast<size_t>(Phase::kClosing)];
    if (closing.head == kNoFlow) return kNever;
    // One second more than the life, because the start was rounded down.
    return seconds(slab_[closing.head].phase_word) + kClosingLife + seconds(1);
}

bool FlowTable::make_room() {
    return evict_from(Phase::kClosing, counters_.evicted_closing) ||
           evict_from(Phase::kHalfOpen, counters_.evicted_half_open) ||
           evict_from(Phase::kDatagram, counters_.evicted_datagram);
}

bool FlowTable::evict_from(Phase phase, uint64_t& counter) {
    PhaseList& list = lists_[static_cast<size_t>(phase)];
    for (uint32_t looks = std::min(list.count, kEvictionLooks); looks > 0; --looks) {
        Flow& flow = slab_[list.head];
        if (flow.backlog == kNoBacklog) {
            erase(flow);
            ++counter;
            return true;
        }
        unlink(flow);
        link(flow);
    }
    return false;
}

void FlowTable::erase(Flow& flow) {
    const uint32_t index = index_of(flow);
    index_.erase(index);
    unlink(flow);
    flow.phase = Phase::kFree;
    flow.next = free_;
    free_ = index;
}

void FlowTable::link(Flow& flow) {
    PhaseList& list = list_of(flow);
    const uint32_t index = index_of(flow);
    flow.previous = list.tail;
    flow.next = kNoFlow;
    (list.tail != kNoFlow ? slab_[list.tail].next : list.head) = index;
    list.tail = index;
    ++list.count;
}

void FlowTable::unlink(Flow& flow) {
    PhaseList& list = list_of(flow);
    (flow.previous != kNoFlow ? slab_[flow.previous].next : list.head) = flow.next;
    (flow.next != kNoFlow ? slab_[flow.next].previous : list.tail) = flow.previous;
    --list.count;
}

size_t FlowTable::memory() const {
    return slab_.size() * sizeof(Flow) + index_.bucket_count() * (sizeof(uint32_t) + 1);
}

}  // namespace colo
