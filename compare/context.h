// SPDX-License-Identifier: GPL-2.0-or-later
// What the comparisons share. Owned by the Comparator.
#pragma once

#include <cstdint>

#include "compare/backlogs.h"
#include "compare/config.h"
#include "compare/counters.h"
#include "compare/flow_table.h"
#include "compare/offset_source.h"
#include "compare/sink.h"
#include "compare/waiting_room.h"
#include "packet/frame.h"
#include "tcpstack/reassembler.h"

namespace colo {

/// Which kind of checkpoint a fence belongs to.
enum class Fence : uint8_t {
    kLive,    ///< the secondary has become a copy of the primary
    kReplay,  ///< two recordings: the secondary goes on as recorded
};

struct Context {
    ComparatorConfig& config;
    ComparatorCounters& counters;
    ComparatorSink& sink;
    const OffsetSource* offsets;  ///< may be null
    FramePool& frames;
    FlowTable& table;
    Backlogs& backlogs;
    WaitingRoom& room;
    Reassembler& reassembler;
    uint32_t epoch = 0;
    Time now{0};
    /// Asked for since the last fence; once a fence is enough for what concerns no single flow.
    bool queue_full_asked = false;
    bool table_full_asked = false;
    bool timeout_asked = false;

    Backlog& backlog_of(Flow& flow) { return backlogs.of(flow, table.index_of(flow)); }
    Flow& flow_of(const Backlog& backlog) { return table.at(backlog.flow); }

    /// All that is held back, also behind gaps.
    uint64_t queued_bytes() const { return room.sizes().bytes() + reassembler.queued_bytes(); }

    void ask(Reason reason, const FlowKey* flow, std::optional<uint64_t> offset,
             std::optional<Evidence> evidence = std::nullopt) {
        CheckpointRequest request;
        request.reason = reason;
        request.when = now;
        if (flow) request.flow = *flow;
        request.offset = offset;
        request.evidence = std::move(evidence);
        sink.request_checkpoint(request);
    }
    /// What the secondary is ahead with is bounded.
    bool secondary_is_full(const Backlog& backlog) const {
        return backlog.secondary_frames() >= config.max_queue_frames ||
               queued_bytes() >= config.max_queue_bytes;
    }
    /// Output of the secondary is dropped: it will come again, unless the primary waits for it.
    void refuse_secondary(const Flow& flow, const Backlog& backlog) {
        ++counters.secondary_over_cap;
        if (!backlog.held.empty()) ask_queue_full(flow);
    }
    void ask_queue_full(const Flow& flow) {
        ++counters.queue_full;
        if (queue_full_asked) return;
        queue_full_asked = true;
        ask(Reason::kQueueFull, &flow.key, std::nullopt);
    }
};

}  // namespace colo
