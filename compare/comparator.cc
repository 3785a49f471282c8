// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/comparator.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "packet/checksum.h"
#include "packet/hot.h"
#include "packet/icmp_error.h"

namespace colo {

/// What is not a segment: how it is looked up and what it is compared as.
struct Comparator::Datagram {
    FlowKey key;
    std::optional<IcmpErrorFacts> error;
};

namespace {

FragmentLimits fragment_limits(const ComparatorConfig& config) {
    FragmentLimits limits;
    limits.bytes = config.max_fragment_bytes;
    limits.timeout = config.compare_timeout;
    return limits;
}

}  // namespace

Comparator::Comparator(const ComparatorConfig& config, const FlowHash& hash, FramePool& pool,
                       ComparatorSink& sink, const OffsetSource* offsets)
    : config_(config),
      reassembler_(config.reassembly),
      table_(config.max_connections, hash),
      room_(sink, counters_),
      context_{config_, counters_, sink,  offsets, pool,
               table_,  backlogs_, room_, reassembler_},
      tcp_(context_),
      datagrams_(context_, alarms_),
      primary_fragments_(pool, fragment_limits(config)),
      secondary_fragments_(pool, fragment_limits(config)) {}

Comparator::~Comparator() {
    room_.discard_all();
    while (Backlog* backlog = backlogs_.first()) {
        Flow& flow = context_.flow_of(*backlog);
        tcp_.drop_streams(flow, *backlog);
        datagrams_.drop_all(*backlog);
        for (ParkedFifo* queue : {&backlog->held, &backlog->deferred}) {
            while (!queue->empty()) room_.forget(queue->pop_front());
        }
        drop_deferred_secondary(*backlog);
        backlogs_.release_if_empty(flow);
    }
    while (!untracked_.empty()) room_.forget(untracked_.pop_front());
}

// --- What comes in -------------------------------------------------------------------------------

void Comparator::primary(Frame frame, Time now) {
    const PacketView view = parse(frame.bytes(), frame.wire_size());
    primary(std::move(frame), view, now);
}

void Comparator::primary(Frame frame, const PacketView& view, Time now) {
    context_.now = now;
    ++counters_.primary_frames;
    if (is_odd(view)) [[unlikely]] count_anomalies(view);
    if (view.is_fragment) [[unlikely]] {
        ++counters_.fragments;
        primary_fragments_.add(std::move(frame), view, now, fragment_groups_);
        take_fragments(Side::kPrimary);
        return;
    }
    primary_packet(std::move(frame), view, nullptr);
}

void Comparator::secondary(Frame frame, uint32_t epoch, Time now) {
    context_.now = now;
    ++counters_.secondary_frames;
    if (epoch != context_.epoch) {
        ++counters_.stale_epoch;
        return;
    }
    if (mode_ != Mode::kLockstep) {
        ++counters_.secondary_surplus;
        return;
    }
    const PacketView view = parse(frame.bytes(), frame.wire_size());
    if (view.is_fragment) [[unlikely]] {
        secondary_fragments_.add(std::move(frame), view, now, fragment_groups_);
        take_fragments(Side::kSecondary);
        return;
    }
    secondary_packet(std::move(frame), view);
}

void Comparator::input(const Frame& frame, Time now) {
    input(parse(frame.bytes(), frame.wire_size()), now);
}

void Comparator::input(const PacketView& view, Time now) {
    context_.now = now;
    if (view.is_fragment || !view.is_tcp()) return;
    const FlowKey key = key_of_input(view);
    if (Flow* flow = table_.find(key)) tcp_.input(*flow, view);
}

/// Seldom true; count_anomalies() says what it is.
COLO_HOT bool Comparator::is_odd(const PacketView& view) const {
    return view.problem != Problem::kNone || view.payload_captured < view.payload_size ||
           config_.count_bad_checksums;
}

void Comparator::count_anomalies(const PacketView& view) {
    if (view.problem == Problem::kCut || view.payload_captured < view.payload_size) {
        ++counters_.cut;
    } else if (view.problem != Problem::kNone) {
        ++counters_.malformed;
    }
    if (config_.count_bad_checksums && !transport_checksum_ok(view)) ++counters_.bad_checksum;
}

// --- The primary ---------------------------------------------------------------------------------

void Comparator::primary_packet(Frame&& frame, const PacketView& view,
                                std::vector<Frame>* fragments) {
    if (view.is_tcp()) [[likely]] {
        const FlowKey key = key_of_output(view);
        Flow* flow = track(key, Phase::kHalfOpen);
        Parked* parked = hold(std::move(frame), flow, key, fragments);
        if (!parked) return;
        TcpComparison::describe(*parked, view);
        enqueue(*flow, parked);
    } else if (const auto rule = passes_by_default(view)) {
        ++passed_[static_cast<size_t>(*rule)];
        if (view.family != Family::kNone) track(key_of_output(view), Phase::kDatagram);
        pass(std::move(frame), fragments);
    } else {
        const Datagram datagram = classify(view);
        Flow* flow = track(datagram.key, Phase::kDatagram);
        Parked* parked = hold(std::move(frame), flow, datagram.key, fragments);
        if (!parked) return;
        describe(*parked, datagram, view);
        enqueue(*flow, parked);
    }
}

std::optional<DefaultPass> Comparator::passes_by_default(const PacketView& view) const {
    const auto rule = default_pass(view);
    if (rule == DefaultPass::kArp && config_.arp == ArpPolicy::kCompare) return std::nullopt;
    return rule;
}

Comparator::Datagram Comparator::classify(const PacketView& view) {
    const auto error = parse_icmp_error(view);
    if (!error) return {key_of_output(view), std::nullopt};
    ++counters_.icmp_errors;
    return {quoted_flow(*error, QuotedSender::kPeer), facts_of(*error)};
}

void Comparator::describe(Parked& parked, const Datagram& datagram, const PacketView& view) {
    if (datagram.error) {
        DatagramComparison::describe_error(parked, *datagram.error);
    } else {
        DatagramComparison::describe(parked, view);
    }
}

/// The flow of a frame of a VM; null when it cannot be tracked.
COLO_HOT Flow* Comparator::track(const FlowKey& key, Phase first_phase) {
    if (Flow* flow = table_.find(key)) return flow;
    // Output of this flow may be waiting untracked; what follows must not overtake it.
    if (!untracked_.empty()) return nullptr;
    Flow* flow = table_.create(key, first_phase, context_.now);
    if (!flow) return nullptr;
    ++counters_.flows;
    flow->rule = rules_.covering(key);
    return flow;
}

COLO_HOT Parked* Comparator::park(Frame&& frame, std::vector<Frame>* fragments) {
    Parked* parked = room_.hold_primary(std::move(frame), context_.now);
    if (fragments) [[unlikely]] {
        parked->originals = std::make_unique<std::vector<Frame>>(std::move(*fragments));
    }
    return parked;
}

/// Null when the frame is dropped, or held without a flow.
COLO_HOT Parked* Comparator::hold(Frame&& frame, Flow* flow, const FlowKey& key,
                         std::vector<Frame>* fragments) {
    if (drop_when_full(flow)) return nullptr;
    Parked* parked = park(std::move(frame), fragments);
    if (!flow) [[unlikely]] {
        hold_untracked(parked, key);
        return nullptr;
    }
    parked->flow = table_.index_of(*flow);
    return parked;
}

void Comparator::hold_untracked(Parked* parked, const FlowKey& key) {
    ++counters_.untracked;
    parked->flow = kNoFlow;
    untracked_.push_back(parked);
    if (context_.table_full_asked) return;
    context_.table_full_asked = true;
    context_.ask(Reason::kTableFull, &key, std::nullopt);
}

COLO_HOT bool Comparator::drop_when_full(const Flow* flow) {
    if (config_.when_full != WhenFull::kDrop || (flow && is_passing(*flow))) return false;
    if (room_.sizes().bytes() < config_.max_queue_bytes) {
        const Backlog* backlog = flow ? backlogs_.find(*flow) : nullptr;
        if (!backlog || backlog->primary_frames() < config_.max_queue_frames) return false;
    }
    ++counters_.dropped_queue_full;
    if (flow) context_.ask_queue_full(*flow);  // else the full table has asked
    return true;
}

COLO_HOT void Comparator::enqueue(Flow& flow, Parked* parked) {
    Backlog& backlog = context_.backlog_of(flow);
    if (must_wait(flow, backlog, *parked)) {
        backlog.deferred.push_back(parked);
    } else {
        admit(flow, backlog, parked);
        if (!is_passing(flow)) advance(flow, backlog);  // else finish() counts and lets out
    }
    const bool too_many = backlog.primary_frames() > config_.max_queue_frames;
    if (too_many || room_.sizes().bytes() > config_.max_queue_bytes) [[unlikely]] {
        context_.ask_queue_full(flow);
    }
    finish(flow);
}

COLO_HOT bool Comparator::must_wait(const Flow& flow, const Backlog& backlog, const Parked& parked) const {
    if (mode_ == Mode::kSimple || flow.has(Mark::kUntilFence)) return !is_passing(flow);
    if (!backlog.deferred.empty()) return true;
    return parked.kind == ParkedKind::kSegment && !backlog.held.empty() &&
           tcp_.begins_incarnation(flow, parked);
}

COLO_HOT void Comparator::admit(Flow& flow, Backlog& backlog, Parked* parked) {
    if (parked->kind != ParkedKind::kSegment) {
        datagrams_.admit(flow, backlog, parked);
        return;
    }
    const bool begins = !flow.has(Mark::kPrimarySeen) || tcp_.begins_incarnation(flow, *parked);
    tcp_.admit(flow, backlog, parked);
    if (begins) [[unlikely]] begun(flow, backlog, *parked);
}

void Comparator::begun(Flow& flow, Backlog& backlog, const Parked& parked) {
    drain_secondary(flow, backlog);
    const bool connects = parked.has(tcp_flag::kSyn) && !parked.has(tcp_flag::kAck);
    if (connects && !is_passing(flow)) lonely_syns_.add({flow.key, true, context_.now});
}

COLO_HOT bool Comparator::may_go(Flow& flow, Backlog& backlog, Parked& parked) {
    if (parked.kind == ParkedKind::kSegment) return tcp_.may_go(flow, backlog, parked);
    return parked.matched && !parked.never;
}

COLO_HOT void Comparator::advance(Flow& flow, Backlog& backlog) {
    for (;;) {
        while (!backlog.held.empty() && may_go(flow, backlog, *backlog.held.front())) {
            Parked* parked = backlog.held.pop_front();
            if (parked->kind == ParkedKind::kSegment) tcp_.gone(flow, backlog, *parked);
            room_.release(parked, context_.now);
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

void Comparator::pass(Frame&& frame, std::vector<Frame>* fragments) {
    ++counters_.passed;
    room_.release(park(std::move(frame), fragments), context_.now);
}

/// What every call for a flow ends with.
COLO_HOT void Comparator::finish(Flow& flow) {
    Backlog* backlog = backlogs_.find(flow);
    if (!backlog) return;
    if (is_passing(flow)) {
        if (flow.rule != kNoRule) rules_.at(flow.rule).frames += backlog->primary_frames();
        counters_.passed += backlog->primary_frames();
        settle_flow(flow, *backlog, Fence::kLive, Out::kNow);
    } else if (flow.has(Mark::kDiverged) && config_.on_divergence == OnDivergence::kRelease) {
        let_go(flow, *backlog);
    }
    backlogs_.release_if_empty(flow);
}

/// on-divergence=release: out with it, uncompared.
void Comparator::let_go(Flow& flow, Backlog& backlog) {
    counters_.released_uncompared += backlog.primary_frames();
    settle_flow(flow, backlog, Fence::kReplay, Out::kNow);
}

void Comparator::let_go_of_untracked() {
    counters_.released_uncompared += untracked_.size();
    while (!untracked_.empty()) room_.release(untracked_.pop_front(), context_.now);
}

// --- The secondary -------------------------------------------------------------------------------

void Comparator::secondary_packet(Frame&& frame, const PacketView& view) {
    if (view.is_tcp()) [[likely]] {
        Flow* flow = compared_flow(key_of_output(view), Phase::kHalfOpen);
        if (!flow) return;
        secondary_segment(*flow, std::move(frame), view);
        settle_secondary(*flow);
    } else if (passes_by_default(view)) {
        ++counters_.secondary_passed;
    } else {
        const Datagram datagram = classify(view);
        Flow* flow = compared_flow(datagram.key, Phase::kDatagram);
        if (!flow) return;
        Parked facts;
        facts.frame = std::move(frame);
        describe(facts, datagram, view);
        datagrams_.secondary(*flow, context_.backlog_of(*flow), std::move(facts));
        settle_secondary(*flow);
    }
}

/// Null when what the secondary says there counts for nothing.
COLO_HOT Flow* Comparator::compared_flow(const FlowKey& key, Phase first_phase) {
    Flow* flow = track(key, first_phase);
    if (!flow) {
        ++counters_.untracked_secondary;
        return nullptr;
    }
    if (!is_passing(*flow)) [[likely]] return flow;
    ++counters_.secondary_passed;
    return nullptr;
}

COLO_HOT void Comparator::settle_secondary(Flow& flow) {
    if (Backlog* backlog = backlogs_.find(flow)) advance(flow, *backlog);
    finish(flow);
}

COLO_HOT void Comparator::secondary_segment(Flow& flow, Frame&& frame, const PacketView& view) {
    Backlog* backlog = backlogs_.find(flow);
    const bool must_queue = backlog && !backlog->secondary_deferred.empty();
    if (!must_queue && tcp_.secondary(flow, frame, view)) return;
    const bool is_syn = view.has(tcp_flag::kSyn);
    if (is_syn && !view.has(tcp_flag::kAck)) lonely_syns_.add({flow.key, false, context_.now});
    defer_secondary(context_.backlog_of(flow), std::move(frame), is_syn);
}

/// Above the cap what comes is dropped, but for the latest SYN: which incarnation the secondary is in
/// has to be known, else what it says there would count in the one the primary is in.
void Comparator::defer_secondary(Backlog& backlog, Frame&& frame, bool is_syn) {
    const bool over_cap = context_.secondary_is_full(backlog);
    if (over_cap) ++counters_.secondary_over_cap;
    if (over_cap && !is_syn) return;
    Parked* last = backlog.secondary_deferred.back();
    if (over_cap && last && last->over_cap) {
        room_.replace_secondary(last, std::move(frame));
        return;
    }
    Parked* parked = room_.keep_secondary(std::move(frame), context_.now, false);
    parked->over_cap = over_cap;
    backlog.secondary_deferred.push_back(parked);
}

void Comparator::drain_secondary(Flow& flow, Backlog& backlog) {
    while (!backlog.secondary_deferred.empty()) {
        const Frame& first = backlog.secondary_deferred.front()->frame;
        const PacketView view = parse(first.bytes(), first.wire_size());
        if (!tcp_.secondary(flow, first, view)) return;
        room_.drop_secondary(backlog.secondary_deferred.pop_front(), false);
    }
}

void Comparator::drop_deferred_secondary(Backlog& backlog) {
    while (!backlog.secondary_deferred.empty()) {
        room_.drop_secondary(backlog.secondary_deferred.pop_front(), false);
    }
}

// --- Fragments -----------------------------------------------------------------------------------

void Comparator::take_fragments(Side side) {
    for (FragmentGroup& group : std::exchange(fragment_groups_, {})) {
        if (group.reason != DiscardReason::kNone) {
            ++counters_.fragments_discarded;
            if (side == Side::kPrimary) hold_discarded(group);
            continue;
        }
        ++counters_.fragments_reassembled;
        const PacketView view = parse(group.whole.bytes(), group.whole.wire_size());
        if (side == Side::kSecondary) {
            secondary_packet(std::move(group.whole), view);
        } else {
            primary_packet(std::move(group.whole), view, &group.frames);
        }
    }
}

/// Fragments of which no datagram can be made are still output: they wait for a checkpoint. Those that
/// have waited for the missing ones already, or had to make room, ask for it at once.
void Comparator::hold_discarded(FragmentGroup& group) {
    for (Frame& fragment : group.frames) {
        const PacketView view = parse(fragment.bytes(), fragment.wire_size());
        const FlowKey key = key_of_output(view);
        Flow* flow = track(key, Phase::kDatagram);
        Parked* parked = room_.hold_primary(std::move(fragment), context_.now);
        if (!flow) {
            hold_untracked(parked, key);
            continue;
        }
        parked->flow = table_.index_of(*flow);
        parked->never = true;
        context_.backlog_of(*flow).held.push_back(parked);
        if (group.reason == DiscardReason::kTableFull) context_.ask_queue_full(*flow);
        if (group.reason == DiscardReason::kTimeout) ask_timeout(flow);
        finish(*flow);
    }
}

// --- Time ----------------------------------------------------------------------------------------

void Comparator::tick(Time now) {
    context_.now = now;
    primary_fragments_.expire(now, fragment_groups_);
    take_fragments(Side::kPrimary);
    secondary_fragments_.expire(now, fragment_groups_);
    take_fragments(Side::kSecondary);
    look_at_alarms();
    look_at_lonely_syns();
    expire_secondary();
    table_.expire_closing(now);
    look_at_timeouts();
}

void Comparator::look_at_alarms() {
    while (alarms_.next() <= context_.now) {
        Flow& flow = table_.at(alarms_.take());
        Backlog* backlog = backlogs_.find(flow);
        if (!backlog) continue;
        if (datagrams_.look(flow, *backlog)) advance(flow, *backlog);
        finish(flow);
    }
}

void Comparator::look_at_lonely_syns() {
    const auto still = [this](const LonelySyn& syn) { return is_lonely(syn); };
    while (const auto two = lonely_syns_.take(context_.now, still)) {
        Flow& flow = *table_.find((*two)[0].flow);
        tcp_.connects_elsewhere(flow, (*two)[1].flow.guest_port);
        finish(flow);
    }
}

/// The primary's is held, or the secondary's waits for the primary to begin.
bool Comparator::is_lonely(const LonelySyn& syn) {
    const Flow* flow = table_.find(syn.flow);
    const Backlog* backlog = flow ? backlogs_.find(*flow) : nullptr;
    if (!backlog) return false;
    return syn.is_primarys ? TcpComparison::has_lonely_syn(*flow, *backlog)
                           : !backlog->secondary_deferred.empty();
}

void Comparator::expire_secondary() {
    const Time limit = context_.now - config_.compare_timeout;
    while (room_.oldest_secondary() && room_.oldest_secondary()->since <= limit) {
        datagrams_.expire_secondary(room_.oldest_secondary());
    }
    while (room_.oldest_absorbing() && room_.oldest_absorbing()->since <= limit) {
        datagrams_.expire_absorbing(room_.oldest_absorbing());
    }
}

void Comparator::look_at_timeouts() {
    if (!looks_at_timeouts()) return;
    while (const Parked* oldest = room_.oldest_primary()) {
        if (oldest->since + config_.compare_timeout > context_.now) return;
        Flow* flow = oldest->flow == kNoFlow ? nullptr : &table_.at(oldest->flow);
        ask_timeout(flow);
        if (config_.on_divergence == OnDivergence::kHold) return;
        if (flow) {
            let_go(*flow, context_.backlog_of(*flow));
            backlogs_.release_if_empty(*flow);
        } else {
            let_go_of_untracked();
        }
    }
}

/// Held, it waits for the one checkpoint that was asked for; else nobody may ever make one.
bool Comparator::looks_at_timeouts() const {
    return !context_.timeout_asked || config_.on_divergence == OnDivergence::kRelease;
}

void Comparator::ask_timeout(const Flow* flow) {
    if (context_.timeout_asked) return;
    context_.timeout_asked = true;
    ++counters_.timeouts;
    if (flow) {
        context_.ask(Reason::kTimeout, &flow->key, flow->verified);
    } else {
        context_.ask(Reason::kTimeout, nullptr, std::nullopt);
    }
}

Time Comparator::next_deadline() const {
    Time next = std::min({alarms_.next(), lonely_syns_.next(), table_.next_expiry(), primary_fragments_.next_deadline(),
                          secondary_fragments_.next_deadline()});
    const auto aged = [&](const Parked* oldest) {
        if (oldest) next = std::min(next, oldest->since + config_.compare_timeout);
    };
    if (looks_at_timeouts()) aged(room_.oldest_primary());
    aged(room_.oldest_secondary());
    aged(room_.oldest_absorbing());
    return next;
}

// --- Fences, modes, rules ------------------------------------------------------------------------

void Comparator::fence(Fence fence, Time now) {
    context_.now = now;
    ++counters_.fences;
    room_.release_all(now);
    release_fragments();
    if (fence == Fence::kLive) {
        secondary_fragments_.drain(fragment_groups_);
        fragment_groups_.clear();
        ++context_.epoch;
    }
    const bool table_was_full = !untracked_.empty();
    while (!untracked_.empty()) room_.forget(untracked_.pop_front());
    for (Backlog* backlog = backlogs_.first(); backlog;) {
        Backlog* next = backlog->next;
        Flow& flow = context_.flow_of(*backlog);
        settle_flow(flow, *backlog, fence, Out::kAlready);
        backlogs_.release_if_empty(flow);
        backlog = next;
    }
    lonely_syns_.clear();
    if (rule_removed_) lift_until_fence();
    if (table_was_full) {
        table_.evict_settled(config_.max_connections / 16 + 1,
                             [&](const Flow& flow) { return tcp_.delta_of(flow) == 0; });
    }
    context_.queue_full_asked = context_.table_full_asked = context_.timeout_asked = false;
}

void Comparator::settle_flow(Flow& flow, Backlog& backlog, Fence fence, Out out) {
    tcp_.drop_primary_bytes(backlog);
    for (ParkedFifo* queue : {&backlog.held, &backlog.deferred}) {
        while (!queue->empty()) {
            Parked* record = queue->pop_front();
            if (out == Out::kNow) room_.let_out(record, context_.now);
            if (record->kind == ParkedKind::kSegment) {
                tcp_.note_released(flow, backlog, *record);
                room_.forget(record);
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

/// Datagrams that are not whole yet are output like any other.
void Comparator::release_fragments() {
    primary_fragments_.drain(fragment_groups_);
    for (FragmentGroup& group : std::exchange(fragment_groups_, {})) {
        for (Frame& fragment : group.frames) {
            ++counters_.released_by_fence;
            room_.release(room_.hold_primary(std::move(fragment), context_.now), context_.now);
        }
    }
}

void Comparator::lift_until_fence() {
    for (uint32_t i = 0; i < table_.slots(); ++i) table_.at(i).clear(Mark::kUntilFence);
    rule_removed_ = false;
}

void Comparator::set_mode(Mode mode, Time now) {
    context_.now = now;
    mode_ = mode;
}

bool Comparator::add_rule(PassRule rule, Time now) {
    context_.now = now;
    if (!rules_.add(std::move(rule))) return false;
    for (uint32_t i = 0; i < table_.slots(); ++i) {
        Flow& flow = table_.at(i);
        if (flow.phase == Phase::kFree || flow.rule != kNoRule) continue;
        flow.rule = rules_.covering(flow.key);
        finish(flow);
    }
    return true;
}

bool Comparator::remove_rule(const std::string& id, Time now) {
    context_.now = now;
    if (!rules_.remove(id)) return false;
    for (uint32_t i = 0; i < table_.slots(); ++i) {
        Flow& flow = table_.at(i);
        if (flow.phase == Phase::kFree || flow.rule == kNoRule) continue;
        flow.rule = rules_.covering(flow.key);
        if (flow.rule == kNoRule) flow.set(Mark::kUntilFence);
    }
    rule_removed_ = true;
    context_.ask(Reason::kPolicyChange, nullptr, std::nullopt);
    return true;
}

void Comparator::set_max_connections(uint32_t max_connections) {
    try {
        table_.set_max_flows(max_connections);
    } catch (const std::exception&) {  // bad_alloc, length_error
        throw std::invalid_argument("there is no memory for " + std::to_string(max_connections) + " connections");
    }
    config_.max_connections = max_connections;
}

// --- Looking in ----------------------------------------------------------------------------------

bool Comparator::holds_nothing() const {
    return room_.sizes().primary_frames == 0 && primary_fragments_.datagrams() == 0;
}

bool Comparator::is_congested() const {
    return context_.queue_full_asked;
}

std::optional<SeqDelta> Comparator::delta_of(const FlowKey& key) {
    const Flow* flow = table_.find(key);
    if (!flow || !flow->has(Mark::kDeltaKnown)) return std::nullopt;
    return tcp_.delta_of(*flow);
}

std::optional<FlowStatus> Comparator::next_flow(uint32_t& cursor) {
    while (cursor < table_.slots()) {
        const Flow& flow = table_.at(cursor++);
        if (flow.phase == Phase::kFree) continue;
        FlowStatus status{.key = flow.key, .phase = flow.phase, .verified = flow.verified};
        status.unprotected = flow.has(Mark::kUnprotected);
        status.diverged = flow.has(Mark::kDiverged);
        if (const Backlog* backlog = backlogs_.find(flow)) {
            status.held_frames = static_cast<uint32_t>(backlog->primary_frames());
            const Parked* oldest = backlog->held.empty() ? backlog->deferred.front()
                                                         : backlog->held.front();
            if (oldest) status.held_since = oldest->since;
        }
        return status;
    }
    return std::nullopt;
}

}  // namespace colo
