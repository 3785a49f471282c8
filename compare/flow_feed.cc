// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/flow_feed.h"

#include <utility>

#include "packet/own_frame.h"
#include "packet/rewrite.h"
#include "packet/vnet_header.h"

namespace colo {

namespace {

/// Flows that eviction looks at before it takes the first.
constexpr int kEvictionLooks = 16;

/// Sequence space it takes.
uint32_t length_of(const SegmentNumbers& segment) {
    return static_cast<uint32_t>(segment.end - segment.seq);
}

bool is_mere_ack(const SegmentNumbers& segment) {
    constexpr uint8_t kOthers = tcp_flag::kRst | tcp_flag::kSyn | tcp_flag::kFin;
    return segment.has(tcp_flag::kAck) && !segment.has(kOthers) && !segment.has_payload;
}

}  // namespace

void FlowFeed::fence() {
    ++epoch_;
    while (FedFlow* flow = holders_.front()) {
        while (!flow->held.empty()) take_front(*flow);
    }
}

// --- Frames

void FlowFeed::input(Frame frame, const PacketView& view) {
    FedFlow* flow = view.is_tcp() && !has_ended_ ? find(key_of_input(view)) : nullptr;
    if (!flow) return sink_.to_vm(std::move(frame));
    const SegmentNumbers segment(view);
    if (!flow->is_plausible(segment)) return sink_.to_vm(std::move(frame));
    const bool is_news = flow->client_sent(segment, view);
    if (waits(*flow, segment)) return overtake(*flow, std::move(frame), view, segment, is_news);
    flow->pass(segment);
    sink_.to_vm(std::move(frame));
    if (flow->is_closed()) erase(*flow);
}

bool FlowFeed::waits(const FedFlow& flow, const SegmentNumbers& segment) {
    if (flow.is_beyond_window(segment.end, length_of(segment))) return true;
    return !flow.held.empty() && !flow.goes_before_held(segment);
}

/// The frame waits, its ack does not.
void FlowFeed::overtake(FedFlow& flow, Frame frame, const PacketView& view,
                        const SegmentNumbers& segment, bool is_news) {
    const auto ack = is_news ? flow.ack() : std::nullopt;
    if (ack) sink_.to_vm(make_pure_ack(pool_, view, AckSender::kSame, *ack));
    if (is_mere_ack(segment)) {
        ++counters_.replaced;
    } else {
        hold(flow, std::move(frame), segment);
    }
}

void FlowFeed::hold(FedFlow& flow, Frame frame, const SegmentNumbers& segment) {
    const uint32_t size = frame.size();
    if (flow.held_bytes + size > kMaxHeldBytes || held_bytes_ + size > kMaxAllBytes) {
        ++counters_.dropped;
        return;
    }
    if (flow.held.empty()) holders_.push_back(&flow);
    HeldFrame* node = nodes_.make(std::move(frame), segment);
    flow.held.insert_after(flow.place_of(segment), node);
    flow.held_bytes += size;
    held_bytes_ += size;
    ++counters_.held;
}

Frame FlowFeed::take_front(FedFlow& flow) {
    HeldFrame* node = flow.held.pop_front();
    Frame frame = std::move(node->frame);
    nodes_.recycle(node);
    flow.held_bytes -= frame.size();
    held_bytes_ -= frame.size();
    if (flow.held.empty()) holders_.remove(&flow);
    return frame;
}

void FlowFeed::pass_front(FedFlow& flow) {
    const SegmentNumbers segment = flow.held.front()->segment;
    const auto later = flow.later_tsval(segment);
    Frame frame = take_front(flow);
    flow.pass(segment);
    sink_.to_vm(later ? stamped(std::move(frame), *later) : std::move(frame));
}

Frame FlowFeed::stamped(Frame frame, uint32_t tsval) {
    Frame ours = own_frame(pool_, std::move(frame));
    PacketView view = parse(ours.bytes(), ours.wire_size());
    const uint32_t ahead = tsval - *SegmentNumbers(view).tsval;
    shift_segment(ours.mutable_bytes(), view, {.tsval = ahead}, checksum_kind(ours.front(), view));
    return ours;
}

void FlowFeed::pass_what_fits(FedFlow& flow) {
    while (HeldFrame* node = flow.held.front()) {
        if (flow.is_beyond_window(node->segment.end, length_of(node->segment))) return;
        pass_front(flow);
    }
}

void FlowFeed::pass_all(FedFlow& flow) {
    while (!flow.held.empty()) pass_front(flow);
}

std::optional<VmSegment> FlowFeed::output(const PacketView& view, Time now) {
    if (!view.is_tcp() || has_ended_) return std::nullopt;
    const SegmentNumbers segment(view);
    FedFlow* flow = vm_flow(key_of_output(view), segment);
    if (!flow) return std::nullopt;
    flow->vm_sent(segment, view);
    pass_what_fits(*flow);
    const VmSegment said{flow->connection, segment};
    if (flow->is_closed()) {
        erase(*flow);
    } else if (flow->calls_for_ack(segment)) {
        answer(*flow, view, now);
    }
    return said;
}

/// In the client's name.
void FlowFeed::answer(FedFlow& flow, const PacketView& view, Time now) {
    const auto ack = flow.ack();
    if (!ack || !flow.may_answer(now)) return;
    ++counters_.answers;
    sink_.to_vm(make_pure_ack(pool_, view, AckSender::kOther, *ack));
}

bool FlowFeed::is_outstanding(const FlowKey& key, const VmSegment& segment) {
    const FedFlow* flow = find(key);
    return flow && flow->connection == segment.connection && flow->is_outstanding(segment.numbers);
}

/// The flow that a segment of the VM belongs to; null: none, any more.
FedFlow* FlowFeed::vm_flow(const FlowKey& key, const SegmentNumbers& segment) {
    FedFlow* flow = find(key);
    const bool has_gone = segment.has(tcp_flag::kRst) ||
                          (flow && segment.has(tcp_flag::kSyn) && !flow->continues(segment));
    if (flow && has_gone) {
        erase(*flow);
        flow = nullptr;
    }
    if (flow || segment.has(tcp_flag::kRst)) return flow;
    return &create(key);
}

void FlowFeed::flush() {
    while (FedFlow* flow = holders_.front()) pass_all(*flow);
}

void FlowFeed::failover() {
    has_ended_ = true;
    while (FedFlow* flow = flows_.front()) erase(*flow);
}

// --- Flows

FedFlow* FlowFeed::find(const FlowKey& key) {
    FedFlow* flow = index_.find(key);
    if (!flow) return nullptr;
    flow->touched = true;
    flow->enter_epoch(epoch_);
    return flow;
}

FedFlow& FlowFeed::create(const FlowKey& key) {
    if (index_.size() >= max_flows_) make_room();
    FedFlow* flow = index_.make(key, ++connections_, epoch_);
    flows_.push_back(flow);
    return *flow;
}

void FlowFeed::erase(FedFlow& flow) {
    pass_all(flow);
    flows_.remove(&flow);
    index_.erase(flow);
}

/// The first that was not used since the last look; what was looked at goes to the end.
void FlowFeed::make_room() {
    for (int looks = 0; looks < kEvictionLooks && flows_.front()->touched; ++looks) {
        FedFlow* flow = flows_.front();
        flow->touched = false;
        flows_.remove(flow);
        flows_.push_back(flow);
    }
    erase(*flows_.front());
    ++counters_.evicted;
}

}  // namespace colo
