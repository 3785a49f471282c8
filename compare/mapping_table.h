// SPDX-License-Identifier: GPL-2.0-or-later
// The mapper's flows, bounded. When there is no room closing flows go first (they are silent for
// 120 s at most), then half-open ones, then live ones whose numbers need no mapping; a live flow
// with an offset never goes.
//
// Memory: sizeof(MappedFlow) and about 16 bytes of index a flow, taken as flows appear.
#pragma once

#include <array>
#include <cstdint>

#include "compare/base_observer.h"
#include "compare/flow_index.h"
#include "compare/flow_mapping.h"
#include "compare/list.h"
#include "compare/mapper_counters.h"
#include "packet/flow_key.h"
#include "packet/time.h"

namespace colo {

struct MappedFlow {
    MappedFlow(const FlowKey& its_key, const FlowMapping& its_mapping)
        : key(its_key), mapping(its_mapping) {}

    FlowKey key;
    MappingPhase listed = MappingPhase::kHalfOpen;  ///< the list it is in
    bool touched = false;                           ///< used since eviction last looked
    FlowMapping mapping;
    Time heard{0};  ///< kClosing: when the VM last spoke
    MappedFlow* previous = nullptr;
    MappedFlow* next = nullptr;
};

class MappingTable {
  public:
    MappingTable(uint32_t max_flows, const FlowHash& hash, MapperCounters& counters)
        : max_flows_(max_flows), flows_(hash), counters_(counters) {}

    MappedFlow* find(const FlowKey& key);
    /// A new flow; evicts one when the table is full. Null when every flow has to stay. Evicting
    /// looks at mappings as they are in `epoch`.
    MappedFlow* create(const FlowKey& key, const FlowMapping& mapping, Time now);
    void set_max_flows(uint32_t max_flows) { max_flows_ = max_flows; }
    bool is_full() const { return size() >= max_flows_; }
    void erase(MappedFlow& flow);
    /// After the mapping has changed.
    void relist(MappedFlow& flow, Time now);
    /// After the VM has spoken: a closing flow's 120 s begin anew.
    void heard(MappedFlow& flow, Time now);
    /// The epoch that evicting judges by.
    void set_epoch(uint32_t epoch) { epoch_ = epoch; }
    /// Is told of flows with a base that go; null: nobody is.
    void set_observer(BaseObserver* observer) { observer_ = observer; }
    BaseObserver* observer() const { return observer_; }

    uint32_t size() const { return flows_.size(); }
    /// Calls visit(flow), which may erase that flow.
    template <typename Visit>
    void for_each(Visit visit);

  private:
    using List = Chain<MappedFlow, &MappedFlow::previous, &MappedFlow::next>;
    static constexpr Time kClosingLife = seconds(120);
    /// Live flows that eviction looks at before it gives up.
    static constexpr uint32_t kEvictionLooks = 16;

    List& list(MappingPhase phase) { return lists_[static_cast<size_t>(phase)]; }
    void enlist(MappedFlow& flow, MappingPhase phase);
    void drop_expired(Time now);
    bool make_room();
    bool evict_first(MappingPhase phase, uint64_t& counter);
    bool evict_settled();

    uint32_t max_flows_;
    uint32_t epoch_ = 0;
    FlowIndex<MappedFlow> flows_;
    std::array<List, kMappingPhases> lists_;
    MapperCounters& counters_;
    BaseObserver* observer_ = nullptr;
};

template <typename Visit>
void MappingTable::for_each(Visit visit) {
    for (List& flows : lists_) {
        for (MappedFlow* flow = flows.front(); flow;) {
            MappedFlow* next = flow->next;
            visit(*flow);
            flow = next;
        }
    }
}

}  // namespace colo
