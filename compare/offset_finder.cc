// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/offset_finder.h"

#include <algorithm>

namespace colo {

OffsetFinder::OffsetFinder(uint32_t max_flows, const FlowHash& hash)
    : max_flows_(max_flows), flows_(0, hash) {}

OffsetFinder::Half* OffsetFinder::half_of(const FlowKey& key, Side side) {
    auto found = flows_.find(key);
    if (found == flows_.end()) {
        if (flows_.size() >= max_flows_) {
            ++left_out_;
            return nullptr;
        }
        found = flows_.emplace(key, Flow{}).first;
    }
    return &found->second.halves[static_cast<size_t>(side)];
}

void OffsetFinder::output(Side side, const PacketView& view) {
    if (!view.is_tcp() || view.is_fragment) return;
    Half* half = half_of(key_of_output(view), side);
    if (!half || half->closed) return;
    const bool syn = view.has(tcp_flag::kSyn);
    const Seq begin = view.seq + (syn ? 1u : 0u);
    if (!half->seen) {
        half->seen = true;
        half->begins_with_syn = syn;
        half->low = begin;
    } else if (syn && begin != half->low) {
        half->closed = true;
        return;
    }
    const bool positional = view.payload_size > 0 || view.has(tcp_flag::kFin) || syn;
    if (positional) {
        half->low = half->has_payload ? earlier(half->low, begin) : begin;
        half->has_payload = true;
    }
    half->payload += view.payload_size;
    if (half->begins_with_syn || half->payload >= kLookAtBytes) half->closed = true;
}

void OffsetFinder::input(Side side, const PacketView& view) {
    if (!view.is_tcp() || view.is_fragment || !view.has(tcp_flag::kAck)) return;
    Half* half = half_of(key_of_input(view), side);
    if (!half || half->closed || half->client.size() >= kClientSegments) return;
    half->client.push_back({view.seq, view.payload_size, view.tcp_flags, view.ack});
}

std::optional<SeqDelta> OffsetFinder::delta_from_acks(const Flow& flow) {
    const auto& secondary = flow.halves[1].client;
    for (const ClientSegment& ours : flow.halves[0].client) {
        const auto twin = std::find_if(secondary.begin(), secondary.end(), [&](const auto& theirs) {
            return theirs.seq == ours.seq && theirs.length == ours.length &&
                   theirs.flags == ours.flags;
        });
        if (twin != secondary.end()) return twin->ack - ours.ack;
    }
    return std::nullopt;
}

std::optional<InitialOffset> OffsetFinder::initial_offset(const FlowKey& key) const {
    const auto found = flows_.find(key);
    if (found == flows_.end()) return std::nullopt;
    const Flow& flow = found->second;
    const Half& primary = flow.halves[0];
    const Half& secondary = flow.halves[1];
    if (!primary.seen || (primary.begins_with_syn && secondary.begins_with_syn)) {
        return std::nullopt;
    }
    InitialOffset initial{.origin = primary.low};
    if (const auto delta = delta_from_acks(flow)) {
        initial.delta = *delta;
    } else if (secondary.seen) {
        initial.delta = secondary.low - primary.low;
    }
    return initial;
}

}  // namespace colo
