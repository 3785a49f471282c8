// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/input_mirror.h"

#include "packet/rewrite.h"
#include "packet/tcp_options.h"

namespace colo {

namespace {

/// RFC 7323 5.2: timestamps are ordered as sequence numbers are.
bool is_later(uint32_t a, uint32_t b) {
    return Seq(a) > Seq(b);
}

}  // namespace

void InputMirror::delta_known(const FlowKey& flow, const Announcement& announced) {
    const auto found = mappings_.find(flow);
    if (found != mappings_.end()) {
        Mapping& mapping = found->second;
        const bool other = announced.again && mapping.announced.origin != announced.origin;
        if (other) {
            mapping.earlier = mapping.announced;
        } else if (!announced.again) {
            mapping = {};
        }
        mapping.announced = announced;
    } else if (mappings_.size() < max_flows_) {
        mappings_.emplace(flow, Mapping{announced, std::nullopt, std::nullopt});
    } else {
        ++counters_.no_room;
    }
}

void InputMirror::secondary_sent(const PacketView& view) {
    if (!view.is_tcp()) return;
    const auto found = mappings_.find(key_of_output(view));
    if (found == mappings_.end()) return;
    const auto timestamps = parse_tcp_options(view).timestamps;
    if (!timestamps) return;
    auto& latest = found->second.latest_tsval;
    if (!latest || is_later(timestamps->value, *latest)) latest = timestamps->value;
}

/// The client's ack chooses among announced numbers only.
void InputMirror::choose(Mapping& mapping, Seq ack) {
    if (mapping.earlier->origin == ack) mapping.announced = *mapping.earlier;
    if (mapping.announced.origin == ack) mapping.earlier.reset();
}

SegmentShift InputMirror::shift_for(const Mapping& mapping, const PacketView& view) {
    SegmentShift shift = shift_of_input(mapping.announced.delta);
    if (!mapping.latest_tsval) return shift;
    const auto timestamps = parse_tcp_options(view).timestamps;
    if (!timestamps || !is_later(timestamps->echo + shift.tsecr, *mapping.latest_tsval))
        return shift;
    ++counters_.clamped;
    shift.tsecr = *mapping.latest_tsval - timestamps->echo;
    return shift;
}

Frame InputMirror::mirror(const Frame& frame) {
    ++counters_.mirrored;
    Frame copy = pool_.copy(frame.bytes(), frame.wire_size());
    PacketView view;
    parse(copy.bytes(), copy.wire_size(), view);
    if (!view.is_tcp()) return copy;
    const auto found = mappings_.find(key_of_input(view));
    if (found == mappings_.end()) return copy;
    ++counters_.rewritten;
    if (found->second.earlier && view.has(tcp_flag::kAck)) choose(found->second, view.ack);
    shift_segment(copy.mutable_bytes(), view, shift_for(found->second, view), ChecksumKind::kFull);
    return copy;
}

}  // namespace colo
