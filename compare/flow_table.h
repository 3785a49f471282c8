// SPDX-License-Identifier: GPL-2.0-or-later
// Connection tracking: a slab of flows and a set of slab indices over it, found by keyed hash. Bounded:
// above max_connections something that can go without harm goes first, and where nothing can, the caller
// is told and asks for a checkpoint. Nothing is ever cleared wholesale.
//
// Memory: sizeof(Flow) plus about 12 bytes of index a flow, taken as flows appear.
#pragma once

#include <algorithm>
#include <array>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <vector>

#include "compare/flow.h"
#include "packet/flow_key.h"
#include "packet/time.h"

namespace colo {

struct FlowTableCounters {
    uint64_t created = 0;
    uint64_t expired = 0;            ///< closing flows whose 120 s were over
    uint64_t evicted_closing = 0;
    uint64_t evicted_half_open = 0;
    uint64_t evicted_datagram = 0;
    uint64_t evicted_live = 0;       ///< settled by a fence, with delta 0
};

class FlowTable {
  public:
    /// Throws std::bad_alloc / std::length_error when the slab's address space cannot be had.
    FlowTable(uint32_t max_flows, const FlowHash& hash);

    /// Between calls, as flows may move. Those that are above it go as others do. Throws as the constructor.
    void set_max_flows(uint32_t max_flows);

    Flow* find(const FlowKey& key);
    /// A new flow; evicts one when the table is full. Null when every flow has to stay.
    Flow* create(const FlowKey& key, Phase phase, Time now);
    void set_phase(Flow& flow, Phase phase, Time now);
    /// Drops closing flows whose time is over and that hold nothing.
    void expire_closing(Time now);
    /// When expire_closing() has something to do; kNever when nothing is closing.
    Time next_expiry() const;
    /// After a fence: drops up to `most` established flows that hold nothing, were not used since the
    /// last look, and whose delta is 0 (`can_go` decides). Goes on where the last look ended, and
    /// looks at a bounded part: where all have to stay, each fence would walk the whole table.
    template <typename CanGo>
    uint32_t evict_settled(uint32_t most, CanGo can_go);

    uint32_t index_of(const Flow& flow) const {
        return static_cast<uint32_t>(&flow - slab_.data());
    }
    Flow& at(uint32_t index) { return slab_[index]; }
    const Flow& at(uint32_t index) const { return slab_[index]; }
    /// Slab positions in use or free; for walking with is_live().
    uint32_t slots() const { return static_cast<uint32_t>(slab_.size()); }
    bool is_live(uint32_t index) const { return slab_[index].phase != Phase::kFree; }

    uint32_t size() const { return static_cast<uint32_t>(index_.size()); }
    uint32_t count(Phase phase) const { return lists_[static_cast<size_t>(phase)].count; }
    const FlowTableCounters& counters() const { return counters_; }
    /// Bytes taken now, index included.
    size_t memory() const;

  private:
    /// A key that is looked for, with its hash already made.
    struct Probe {
        const FlowKey& key;
        uint64_t hash;
    };
    struct IndexHash {
        using is_transparent = void;
        using is_avalanching = void;
        const FlowTable* table;
        size_t operator()(uint32_t index) const { return table->hash_(table->slab_[index].key); }
        size_t operator()(const Probe& probe) const { return probe.hash; }
    };
    struct IndexEqual {
        using is_transparent = void;
        const FlowTable* table;
        bool operator()(uint32_t a, uint32_t b) const { return a == b; }
        bool operator()(const Probe& probe, uint32_t index) const {
            return table->slab_[index].key == probe.key;
        }
        bool operator()(uint32_t index, const Probe& probe) const { return (*this)(probe, index); }
    };
    struct PhaseList {
        uint32_t head = kNoFlow;
        uint32_t tail = kNoFlow;
        uint32_t count = 0;
    };
    static constexpr Time kClosingLife = seconds(120);
    /// How many flows of a phase eviction looks at before it tries the next phase.
    static constexpr uint32_t kEvictionLooks = 16;
    /// Flows that evict_settled() looks at, at least.
    static constexpr uint32_t kSweepLooks = 1024;

    bool has_recent(const FlowKey& key) const;
    bool make_room();
    bool evict_from(Phase phase, uint64_t& counter);
    void erase(Flow& flow);
    void link(Flow& flow);
    void unlink(Flow& flow);
    PhaseList& list_of(const Flow& flow) { return lists_[static_cast<size_t>(flow.phase)]; }

    uint32_t max_flows_;
    FlowHash hash_;
    std::vector<Flow> slab_;
    uint32_t free_ = kNoFlow;
    uint32_t recent_ = kNoFlow;  ///< the last one found
    uint32_t sweep_ = 0;
    boost::unordered_flat_set<uint32_t, IndexHash, IndexEqual> index_;
    std::array<PhaseList, 4> lists_;
    FlowTableCounters counters_;
};

inline Flow* FlowTable::find(const FlowKey& key) {
    if (!has_recent(key)) {
        const auto found = index_.find(Probe{key, hash_(key)});
        if (found == index_.end()) return nullptr;
        recent_ = *found;
    }
    Flow& flow = slab_[recent_];
    flow.set(Mark::kTouched);
    return &flow;
}

/// Frames come in trains of one flow.
inline bool FlowTable::has_recent(const FlowKey& key) const {
    return recent_ < slots() && slab_[recent_].key == key && is_live(recent_);
}

template <typename CanGo>
uint32_t FlowTable::evict_settled(uint32_t most, CanGo can_go) {
    uint32_t gone = 0;
    const uint32_t looks = std::min(slots(), std::max(2 * most, kSweepLooks));
    for (uint32_t looked = 0; looked < looks && gone < most; ++looked) {
        Flow& flow = slab_[sweep_];
        const bool candidate = flow.phase == Phase::kEstablished &&
                               flow.backlog == kNoBacklog && can_go(flow);
        sweep_ = (sweep_ + 1) % slots();
        if (!candidate) continue;
        if (flow.has(Mark::kTouched)) {
            flow.clear(Mark::kTouched);
            continue;
        }
        erase(flow);
        ++counters_.evicted_live;
        ++gone;
    }
    return gone;
}

}  // namespace colo
