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
      order_(context_, rules_),
      primary_fragments_(pool, fragment_limits(config)),
      secondary_fragments_(pool, fragment_limits(config)) {}

Comparator::~Comparator() {
    room_.discard_all();
    order_.drop_all();
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
    if (order_.mode() != Mode::kLockstep) {
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
    if (Flow* flow = table_.find(key)) order_.input(*flow, view);
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
        order_.primary(*flow, parked);
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
        order_.primary(*flow, parked);
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
    if (config_.when_full != WhenFull::kDrop || (flow && order_.is_passing(*flow))) return false;
    if (room_.sizes().bytes() < config_.max_queue_bytes) {
        const Backlog* backlog = flow ? backlogs_.find(*flow) : nullptr;
        if (!backlog || backlog->primary_frames() < config_.max_queue_frames) return false;
    }
    ++counters_.dropped_queue_full;
    if (flow) context_.ask_queue_full(*flow);  // else the full table has asked
    return true;
}

void Comparator::pass(Frame&& frame, std::vector<Frame>* fragments) {
    ++counters_.passed;
    room_.release(park(std::move(frame), fragments), context_.now);
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
        order_.secondary_segment(*flow, std::move(frame), view);
    } else if (passes_by_default(view)) {
        ++counters_.secondary_passed;
    } else {
        const Datagram datagram = classify(view);
        Flow* flow = compared_flow(datagram.key, Phase::kDatagram);
        if (!flow) return;
        Parked facts;
        facts.frame = std::move(frame);
        describe(facts, datagram, view);
        order_.secondary_datagram(*flow, std::move(facts));
    }
}

/// Null when what the secondary says there counts for nothing.
COLO_HOT Flow* Comparator::compared_flow(const FlowKey& key, Phase first_phase) {
    Flow* flow = track(key, first_phase);
    if (!flow) {
        ++counters_.untracked_secondary;
        return nullptr;
    }
    if (!order_.is_passing(*flow)) [[likely]] return flow;
    ++counters_.secondary_passed;
    return nullptr;
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
        order_.block(*flow, parked);
        if (group.reason == DiscardReason::kTableFull) context_.ask_queue_full(*flow);
        if (group.reason == DiscardReason::kTimeout) ask_timeout(flow);
        order_.finish(*flow);
    }
}

// --- Time ----------------------------------------------------------------------------------------

void Comparator::tick(Time now) {
    context_.now = now;
    primary_fragments_.expire(now, fragment_groups_);
    take_fragments(Side::kPrimary);
    secondary_fragments_.expire(now, fragment_groups_);
    take_fragments(Side::kSecondary);
    order_.tick();
    table_.expire_closing(now);
    look_at_timeouts();
}

void Comparator::look_at_timeouts() {
    if (!looks_at_timeouts()) return;
    while (const Parked* oldest = room_.oldest_primary()) {
        if (oldest->since + config_.compare_timeout > context_.now) return;
        Flow* flow = oldest->flow == kNoFlow ? nullptr : &table_.at(oldest->flow);
        ask_timeout(flow);
        if (config_.on_divergence == OnDivergence::kHold) return;
        if (flow) {
            order_.let_go(*flow);
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
    Time next = std::min({order_.next_deadline(), table_.next_expiry(), primary_fragments_.next_deadline(),
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
    order_.fence(fence);
    if (rule_removed_) lift_until_fence();
    if (table_was_full) {
        table_.evict_settled(config_.max_connections / 16 + 1,
                             [&](const Flow& flow) { return order_.delta_of(flow) == 0; });
    }
    context_.queue_full_asked = context_.table_full_asked = context_.timeout_asked = false;
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
    order_.set_mode(mode);
}

bool Comparator::add_rule(PassRule rule, Time now) {
    context_.now = now;
    if (!rules_.add(std::move(rule))) return false;
    for (uint32_t i = 0; i < table_.slots(); ++i) {
        Flow& flow = table_.at(i);
        if (flow.phase == Phase::kFree || flow.rule != kNoRule) continue;
        flow.rule = rules_.covering(flow.key);
        order_.finish(flow);
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
    return order_.delta_of(*flow);
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
