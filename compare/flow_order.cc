// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/flow_order.h"

#include <utility>

#include "packet/hot.h"

namespace colo {

// --- The primary ---------------------------------------------------------------------------------

void FlowOrder::primary(Flow& flow, Parked* parked) {
    Backlog& backlog = context_.backlog_of(flow);
    if (must_wait(flow, backlog, *parked)) {
        backlog.deferred.push_back(parked);
    } else {
        admit(flow, backlog, parked);
        if (!is_passing(flow)) advance(flow, backlog);  // else finish() counts and lets out
    }
    const bool too_many = backlog.primary_frames() > context_.config.max_queue_frames;
    if (too_many || context_.room.sizes().bytes() > context_.config.max_queue_bytes) [[unlikely]] {
        context_.ask_queue_full(flow);
    }
    conclude(flow);
}

void FlowOrder::block(Flow& flow, Parked* parked) {
    parked->never = true;
    context_.backlog_of(flow).held.push_back(parked);
}

COLO_HOT bool FlowOrder::must_wait(const Flow& flow, const Backlog& backlog, const Parked& parked) const {
    if (mode_ == Mode::kSimple || flow.has(Mark::kUntilFence)) return !is_passing(flow);
    if (!backlog.deferred.empty()) return true;
    return parked.kind == ParkedKind::kSegment && !backlog.held.empty() &&
           tcp_.begins_incarnation(flow, parked);
}

COLO_HOT void FlowOrder::admit(Flow& flow, Backlog& backlog, Parked* parked) {
    if (parked->kind != ParkedKind::kSegment) {
        datagrams_.admit(flow, backlog, parked);
        return;
    }
    const bool begins = !flow.has(Mark::kPrimarySeen) || tcp_.begins_incarnation(flow, *parked);
    tcp_.admit(flow, backlog, parked);
    if (begins) [[unlikely]] begun(flow, backlog, *parked);
}

void FlowOrder::begun(Flow& flow, Backlog& backlog, const Parked& parked) {
    drain_secondary(flow, backlog);
    const bool connects = parked.has(tcp_flag::kSyn) && !parked.has(tcp_flag::kAck);
    if (connects && !is_passing(flow)) lonely_syns_.add({flow.key, true, context_.now});
}

COLO_HOT bool FlowOrder::may_go(Flow& flow, Backlog& backlog, Parked& parked) {
    if (parked.kind == ParkedKind::kSegment) return tcp_.may_go(flow, backlog, parked);
    return parked.matched && !parked.never;
}

COLO_HOT void FlowOrder::advance(Flow& flow, Backlog& backlog) {
    for (;;) {
        while (!backlog.held.empty() && may_go(flow, backlog, *backlog.held.front())) {
            Parked* parked = backlog.held.pop_front();
            if (parked->kind == ParkedKind::kSegment) tcp_.gone(flow, backlog, *parked);
            context_.room.release(parked, context_.now);
        }
        const bool waiting = !backlog.deferred.empty() && backlog.held.empty();
        if (!waiting || mode_ == Mode::kSimple || flow.has(Mark::kUntilFence)) return;
        admit(flow, backlog, backlog.deferred.pop_front());
        while (!backlog.deferred.empty() &&
               !tcp_.begins_incarnation(flow, *backlog.deferred.front())) {
            admit(flow, backlog, backlog.deferred.pop_front());
        }
    }
}

void FlowOrder::finish(Flow& flow) { conclude(flow); }

COLO_HOT void FlowOrder::conclude(Flow& flow) {
    Backlog* backlog = context_.backlogs.find(flow);
    if (!backlog) return;
    if (is_passing(flow)) {
        if (flow.rule != kNoRule) rules_.at(flow.rule).frames += backlog->primary_frames();
        context_.counters.passed += backlog->primary_frames();
        settle(flow, *backlog, Fence::kLive, Out::kNow);
    } else if (flow.has(Mark::kDiverged) && context_.config.on_divergence == OnDivergence::kRelease) {
        let_go(flow, *backlog);
    }
    context_.backlogs.release_if_empty(flow);
}

void FlowOrder::let_go(Flow& flow) {
    let_go(flow, context_.backlog_of(flow));
    context_.backlogs.release_if_empty(flow);
}

void FlowOrder::let_go(Flow& flow, Backlog& backlog) {
    context_.counters.released_uncompared += backlog.primary_frames();
    settle(flow, backlog, Fence::kReplay, Out::kNow);
}

// --- The secondary -------------------------------------------------------------------------------

void FlowOrder::secondary_segment(Flow& flow, Frame&& frame, const PacketView& view) {
    take_secondary_segment(flow, std::move(frame), view);
    secondary_spoke(flow);
}

void FlowOrder::secondary_datagram(Flow& flow, Parked&& facts) {
    datagrams_.secondary(flow, context_.backlog_of(flow), std::move(facts));
    secondary_spoke(flow);
}

COLO_HOT void FlowOrder::secondary_spoke(Flow& flow) {
    if (Backlog* backlog = context_.backlogs.find(flow)) advance(flow, *backlog);
    conclude(flow);
}

COLO_HOT void FlowOrder::take_secondary_segment(Flow& flow, Frame&& frame, const PacketView& view) {
    Backlog* backlog = context_.backlogs.find(flow);
    const bool must_queue = backlog && !backlog->secondary_deferred.empty();
    if (!must_queue && tcp_.secondary(flow, frame, view)) return;
    const bool is_syn = view.has(tcp_flag::kSyn);
    if (is_syn && !view.has(tcp_flag::kAck)) lonely_syns_.add({flow.key, false, context_.now});
    defer_secondary(context_.backlog_of(flow), std::move(frame), is_syn);
}

/// Above the cap what comes is dropped, but for the latest SYN: which incarnation the secondary is in
/// has to be known, else what it says there would count in the one the primary is in.
void FlowOrder::defer_secondary(Backlog& backlog, Frame&& frame, bool is_syn) {
    const bool over_cap = context_.secondary_is_full(backlog);
    if (over_cap) ++context_.counters.secondary_over_cap;
    if (over_cap && !is_syn) return;
    Parked* last = backlog.secondary_deferred.back();
    if (over_cap && last && last->over_cap) {
        context_.room.replace_secondary(last, std::move(frame));
        return;
    }
    Parked* parked = context_.room.keep_secondary(std::move(frame), context_.now, false);
    parked->over_cap = over_cap;
    backlog.secondary_deferred.push_back(parked);
}

void FlowOrder::drain_secondary(Flow& flow, Backlog& backlog) {
    while (!backlog.secondary_deferred.empty()) {
        const Frame& first = backlog.secondary_deferred.front()->frame;
        const PacketView view = parse(first.bytes(), first.wire_size());
        if (!tcp_.secondary(flow, first, view)) return;
        context_.room.drop_secondary(backlog.secondary_deferred.pop_front(), false);
    }
}

void FlowOrder::drop_deferred_secondary(Backlog& backlog) {
    while (!backlog.secondary_deferred.empty()) {
        context_.room.drop_secondary(backlog.secondary_deferred.pop_front(), false);
    }
}

// --- Time ----------------------------------------------------------------------------------------

void FlowOrder::tick() {
    look_at_alarms();
    look_at_lonely_syns();
    expire_secondary();
}

void FlowOrder::look_at_alarms() {
    while (alarms_.next() <= context_.now) {
        Flow& flow = context_.table.at(alarms_.take());
        Backlog* backlog = context_.backlogs.find(flow);
        if (!backlog) continue;
        if (datagrams_.look(flow, *backlog)) advance(flow, *backlog);
        conclude(flow);
    }
}

void FlowOrder::look_at_lonely_syns() {
    const auto still = [this](const LonelySyn& syn) { return is_lonely(syn); };
    while (const auto two = lonely_syns_.take(context_.now, still)) {
        Flow& flow = *context_.table.find((*two)[0].flow);
        tcp_.connects_elsewhere(flow, (*two)[1].flow.guest_port);
        conclude(flow);
    }
}

/// The primary's is held, or the secondary's waits for the primary to begin.
bool FlowOrder::is_lonely(const LonelySyn& syn) {
    const Flow* flow = context_.table.find(syn.flow);
    const Backlog* backlog = flow ? context_.backlogs.find(*flow) : nullptr;
    if (!backlog) return false;
    return syn.is_primarys ? TcpComparison::has_lonely_syn(*flow, *backlog)
                           : !backlog->secondary_deferred.empty();
}

void FlowOrder::expire_secondary() {
    const WaitingRoom& room = context_.room;
    const Time limit = context_.now - context_.config.compare_timeout;
    while (room.oldest_secondary() && room.oldest_secondary()->since <= limit) {
        datagrams_.expire_secondary(room.oldest_secondary());
    }
    while (room.oldest_absorbing() && room.oldest_absorbing()->since <= limit) {
        datagrams_.expire_absorbing(room.oldest_absorbing());
    }
}

// --- Fences --------------------------------------------------------------------------------------

void FlowOrder::fence(Fence fence) {
    for (Backlog* backlog = context_.backlogs.first(); backlog;) {
        Backlog* next = backlog->next;
        Flow& flow = context_.flow_of(*backlog);
        settle(flow, *backlog, fence, Out::kAlready);
        context_.backlogs.release_if_empty(flow);
        backlog = next;
    }
    lonely_syns_.clear();
}

void FlowOrder::settle(Flow& flow, Backlog& backlog, Fence fence, Out out) {
    tcp_.drop_primary_bytes(backlog);
    for (ParkedFifo* queue : {&backlog.held, &backlog.deferred}) {
        while (!queue->empty()) {
            Parked* record = queue->pop_front();
            if (out == Out::kNow) context_.room.let_out(record, context_.now);
            if (record->kind == ParkedKind::kSegment) {
                tcp_.note_released(flow, backlog, *record);
                context_.room.forget(record);
            } else {
                datagrams_.note_released(flow, backlog, record, fence);
            }
        }
    }
    tcp_.settle(flow, backlog, fence);
    datagrams_.settle(flow, backlog, fence);
    if (fence == Fence::kLive) {
        drop_deferred_secondary(backlog);
    } else {
        drain_secondary(flow, backlog);
    }
}

void FlowOrder::drop_all() {
    while (Backlog* backlog = context_.backlogs.first()) {
        Flow& flow = context_.flow_of(*backlog);
        tcp_.drop_streams(flow, *backlog);
        datagrams_.drop_all(*backlog);
        for (ParkedFifo* queue : {&backlog->held, &backlog->deferred}) {
            while (!queue->empty()) context_.room.forget(queue->pop_front());
        }
        drop_deferred_secondary(*backlog);
        context_.backlogs.release_if_empty(flow);
    }
}

}  // namespace colo
