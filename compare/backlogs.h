// SPDX-License-Identifier: GPL-2.0-or-later
// The backlogs of all flows that have one, by index and as a chain; and the pools their contents come
// from. Everything is recycled: in the steady state nothing is allocated.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "compare/backlog.h"
#include "compare/flow.h"
#include "compare/list.h"
#include "compare/node_pool.h"

namespace colo {

class Backlogs {
  public:
    /// The flow's backlog, made if it has none.
    Backlog& of(Flow& flow, uint32_t flow_index) {
        if (flow.backlog != kNoBacklog) return *slots_[flow.backlog];
        if (free_.empty()) grow();
        flow.backlog = free_.back();
        free_.pop_back();
        Backlog& backlog = *slots_[flow.backlog];
        backlog.flow = flow_index;
        chain_.push_back(&backlog);
        return backlog;
    }
    Backlog* find(const Flow& flow) {
        return flow.backlog == kNoBacklog ? nullptr : slots_[flow.backlog].get();
    }
    /// Gives an empty backlog back; keeps one that is not.
    void release_if_empty(Flow& flow) {
        if (flow.backlog == kNoBacklog) return;
        Backlog& backlog = *slots_[flow.backlog];
        // What waits behind a gap waits in the reassembler.
        if (!backlog.empty() || flow.reassembling()) return;
        chain_.remove(&backlog);
        backlog.alarm_at = kNever;
        free_.push_back(flow.backlog);  // never beyond what grow() reserved
        flow.backlog = kNoBacklog;
    }
    /// All in use, in the order in which they began.
    Backlog* first() const { return chain_.front(); }

    ByteChunk* make_chunk() { return chunks_.make(); }
    void recycle(ByteChunk* chunk) { chunks_.recycle(chunk); }
    std::unique_ptr<KeptBytes> make_kept(Seq begin);
    void recycle(std::unique_ptr<KeptBytes> kept);

  private:
    void grow();

    std::vector<std::unique_ptr<Backlog>> slots_;
    std::vector<uint32_t> free_;
    Chain<Backlog, &Backlog::previous, &Backlog::next> chain_;
    NodePool<ByteChunk> chunks_;
    std::vector<std::unique_ptr<KeptBytes>> spare_kept_;
};

}  // namespace colo
