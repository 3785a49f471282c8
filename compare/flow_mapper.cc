// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/flow_mapper.h"

#include <utility>

#include "packet/own_frame.h"
#include "packet/rewrite.h"
#include "packet/vnet_header.h"

namespace colo {

namespace {

constexpr size_t kIcmpChecksum = 2;  ///< offset in the header

/// What takes back `shift`.
SegmentShift inverse(const SegmentShift& shift) {
    return {negated(shift.seq), negated(shift.ack), 0u - shift.tsval, 0u - shift.tsecr};
}

/// The VM's error quotes what it was given, the client's what it has seen of the VM.
SegmentShift shift_of_quoted(QuotedSender sender, const Offset& vm_above_client) {
    return inverse(sender == QuotedSender::kPeer ? shift_of_input(vm_above_client)
                                                 : shift_of_output(vm_above_client));
}

}  // namespace

// --- Frames

Frame FlowMapper::input(Frame frame, Time now) {
    PacketView view = parse(frame.bytes(), frame.wire_size());
    return input(std::move(frame), view, now);
}

Frame FlowMapper::output(Frame frame, Time now) {
    PacketView view = parse(frame.bytes(), frame.wire_size());
    return output(std::move(frame), view, now);
}

Frame FlowMapper::input(Frame frame, PacketView& view, Time now) {
    ++counters_.input_frames;
    if (view.is_tcp()) return input_segment(std::move(frame), view, now);
    return change_quoted(std::move(frame), view, QuotedSender::kGuest, Without::kTotal);
}

Frame FlowMapper::output(Frame frame, PacketView& view, Time now) {
    return map_output(std::move(frame), view, Without::kTotal, now);
}

Frame FlowMapper::output_for_comparator(Frame frame, PacketView& view, Time now) {
    return map_output(std::move(frame), view, Without::kBase, now);
}

Frame FlowMapper::map_output(Frame frame, PacketView& view, Without without, Time now) {
    ++counters_.output_frames;
    if (view.is_tcp()) return output_segment(std::move(frame), view, without, now);
    return change_quoted(std::move(frame), view, QuotedSender::kPeer, without);
}

void FlowMapper::note_output(const PacketView& view, Time now) {
    ++counters_.output_frames;
    if (view.is_tcp()) vm_sent(key_of_output(view), SegmentNumbers(view), now);
}

Frame FlowMapper::input_segment(Frame frame, PacketView& view, Time now) {
    MappedFlow* flow = find(key_of_input(view));
    if (!flow) return frame;
    const SegmentNumbers segment(view);
    client_sent(*flow, segment, now);
    if (!flow->mapping.total()) return frame;
    const auto [shift, clamped] = flow->mapping.input_shift(segment);
    if (clamped) ++counters_.clamped;
    return change_segment(std::move(frame), view, shift, counters_.input_mapped);
}

Frame FlowMapper::output_segment(Frame frame, PacketView& view, Without without, Time now) {
    const SegmentNumbers segment(view);
    const MappedFlow* flow = vm_sent(key_of_output(view), segment, now);
    const auto offset = flow ? above(flow->mapping, without) : std::nullopt;
    if (!offset) return frame;
    return change_segment(std::move(frame), view, flow->mapping.output_shift(segment, *offset),
                          counters_.output_mapped);
}

/// Nothing where it is not known.
std::optional<Offset> FlowMapper::above(const FlowMapping& mapping, Without without) {
    if (without == Without::kTotal) return mapping.total();
    return mapping.is_unsettled() ? std::nullopt : std::optional(mapping.base());
}

Frame FlowMapper::change_segment(Frame frame, PacketView& view, const SegmentShift& shift,
                                 uint64_t& counter) {
    if (shift.is_zero()) return frame;
    ++counter;
    const ChecksumKind kind = checksum_kind(frame.front(), view);
    Frame ours = own(std::move(frame), view);
    shift_segment(ours.mutable_bytes(), view, shift, kind);
    return ours;
}

/// All that is no TCP segment: only what errors quote has numbers.
Frame FlowMapper::change_quoted(Frame frame, PacketView& view, QuotedSender sender,
                                Without without) {
    auto error = parse_icmp_error(view);
    if (!error || !error->seq) {
        count_passed(view);
        return frame;
    }
    MappedFlow* flow = find(quoted_flow(*error, sender));
    const auto offset = flow ? above(flow->mapping, without) : std::nullopt;
    if (offset.value_or(Offset{}) == Offset{}) return frame;
    ++(sender == QuotedSender::kPeer ? counters_.output_mapped : counters_.input_mapped);
    Frame ours = own(std::move(frame), view);
    const MutableBytes bytes = ours.mutable_bytes();
    error = parse_icmp_error(view);
    const uint32_t checksum_at = view.l4_offset + kIcmpChecksum;
    const uint16_t checksum = load_be16(&bytes[checksum_at]);
    shift_quoted(bytes, view, *error, shift_of_quoted(sender, *offset));
    // One that is still to be made covers no quote yet.
    const auto header = parse_vnet_header(ours.front());
    const bool is_partial =
        header && header->needs_checksum() && header->checksum_at() == checksum_at;
    if (is_partial) store_be16(&bytes[checksum_at], checksum);
    return ours;
}

/// The frame, or a copy if others hold it; `view` follows.
Frame FlowMapper::own(Frame frame, PacketView& view) {
    if (!frame.is_shared()) return frame;
    ++counters_.copied;
    Frame copy = own_frame(pool_, std::move(frame));
    view.data = copy.data();
    return copy;
}

void FlowMapper::count_passed(const PacketView& view) {
    if (view.problem != Problem::kNone) {
        ++counters_.malformed;
    } else if (view.is_fragment && view.protocol != ip_protocol::kUdp) {
        ++counters_.fragments;
    }
}

// --- Flows

MappedFlow* FlowMapper::find(const FlowKey& key) {
    MappedFlow* flow = table_.find(key);
    if (flow) flow->mapping.enter_epoch(epoch_);
    return flow;
}

void FlowMapper::client_sent(MappedFlow& flow, const SegmentNumbers& segment, Time now) {
    const Offset base = flow.mapping.base();
    const bool was_unsettled = flow.mapping.is_unsettled();
    switch (flow.mapping.client_sent(segment, learning(), now)) {
        case FlowMapping::Lesson::kNone:
            break;
        case FlowMapping::Lesson::kLearnt:
            ++counters_.learnt;
            break;
        case FlowMapping::Lesson::kCorrected:
            ++counters_.corrected;
            break;
        case FlowMapping::Lesson::kAmbiguous:
            ++counters_.ambiguous;
            break;
    }
    table_.relist(flow, now);
    const bool is_news = flow.mapping.base() != base || flow.mapping.is_unsettled() != was_unsettled;
    if (is_news && table_.observer()) table_.observer()->base_changed(flow.key, flow.mapping.base_to_tell());
}

MappedFlow* FlowMapper::vm_sent(const FlowKey& key, const SegmentNumbers& segment, Time now) {
    MappedFlow* flow = find(key);
    if (segment.has(tcp_flag::kSyn)) {
        flow = vm_syn(flow, key, segment, now);
    } else if (!flow) {
        flow = take_up(key, segment, now);
    }
    if (!flow) return nullptr;
    flow->mapping.vm_sent(segment);
    table_.heard(*flow, now);
    return flow;
}

MappedFlow* FlowMapper::vm_syn(MappedFlow* flow, const FlowKey& key, const SegmentNumbers& syn,
                               Time now) {
    if (is_alone_) {
        if (!flow || flow->mapping.continues(syn)) return flow;
        table_.erase(*flow);
        return nullptr;
    }
    if (!flow) flow = create(key, FlowMapping(epoch_), now);
    if (flow) flow->mapping.vm_syn(syn, learning());
    return flow;
}

/// A flow first seen in its middle needs no mapping, but a jump of its timestamps at failover: kept
/// as long as nothing has to go for it.
MappedFlow* FlowMapper::take_up(const FlowKey& key, const SegmentNumbers& segment, Time now) {
    if (is_alone_ || !segment.tsval || segment.has(tcp_flag::kRst)) return nullptr;
    if (table_.is_full()) {
        ++counters_.untracked;
        return nullptr;
    }
    return create(key, FlowMapping::settled(epoch_, {}), now);
}

MappedFlow* FlowMapper::create(const FlowKey& key, const FlowMapping& mapping, Time now) {
    MappedFlow* flow = table_.create(key, mapping, now);
    if (!flow) ++counters_.no_room;
    return flow;
}

// --- Offsets

void FlowMapper::learn(const FlowKey& key, const Announcement& announced, Time now) {
    if (is_alone_) return;
    MappedFlow* flow = find(key);
    if (!flow) flow = create(key, FlowMapping(epoch_), now);
    if (!flow) return;
    ++counters_.announced;
    flow->mapping.announce(announced);
}

bool FlowMapper::set_base(const FlowKey& key, const Base& base, Time now) {
    MappedFlow* flow = find(key);
    if (flow) {
        flow->mapping.set_base(base);
        table_.relist(*flow, now);
        return true;
    }
    return base.offset == Offset{} || create(key, FlowMapping::settled(epoch_, base), now);
}

bool FlowMapper::set_unsettled(const FlowKey& key, const Handshake& handshake, Time now) {
    const auto mapping = FlowMapping::unsettled(epoch_, handshake);
    MappedFlow* flow = find(key);
    if (!flow) return create(key, mapping, now);
    flow->mapping = mapping;
    table_.relist(*flow, now);
    return true;
}

void FlowMapper::fence() {
    if (is_alone_) return;
    ++epoch_;
    table_.set_epoch(epoch_);
}

void FlowMapper::failover(Time now) {
    if (is_alone_) return;
    is_alone_ = true;
    table_.for_each([&](MappedFlow& flow) {
        flow.mapping.enter_epoch(epoch_);
        flow.mapping.failover(now);
        // An unfinished handshake may yet turn out to be another's.
        const bool is_own = flow.mapping.total() == Offset{};
        if (is_own) table_.erase(flow);
    });
}

std::optional<Offset> FlowMapper::total(const FlowKey& key) {
    const MappedFlow* flow = find(key);
    return flow ? flow->mapping.total() : std::nullopt;
}

}  // namespace colo
