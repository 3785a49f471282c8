// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/unheard_output.h"

#include <utility>

#include "packet/flow_key.h"
#include "packet/own_frame.h"
#include "packet/rewrite.h"
#include "packet/vnet_header.h"

namespace colo {

namespace {

/// `mapped`, in the numbers that it had before.
Frame in_numbers(const SegmentNumbers& native, Frame mapped, FramePool& pool) {
    Frame frame = own_frame(pool, std::move(mapped));
    PacketView view = parse(frame.bytes(), frame.wire_size());
    const SegmentNumbers now(view);
    SegmentShift shift{.seq = native.seq - now.seq};
    if (native.tsval && now.tsval) shift.tsval = *native.tsval - *now.tsval;
    shift_segment(frame.mutable_bytes(), view, shift, checksum_kind(frame.front(), view));
    return frame;
}

}  // namespace

void UnheardOutput::sent(const Frame& frame, const VmSegment& segment) {
    const bool waits_for_ack = segment.numbers.has_payload || segment.numbers.has(tcp_flag::kFin);
    const bool is_special = segment.numbers.has(tcp_flag::kSyn) || segment.numbers.has(tcp_flag::kRst);
    if (!waits_for_ack || is_special) return;
    said_[next_] = {frame.share(), segment};
    next_ = (next_ + 1) % kMostFrames;
}

void UnheardOutput::fence() {
    for (Said& said : said_) said = {};
}

std::vector<Frame> UnheardOutput::take(FlowFeed& feed, FramePool& pool) {
    std::vector<Frame> unheard;
    for (size_t i = 0; i < kMostFrames; ++i) {
        auto [frame, segment] = std::exchange(said_[(next_ + i) % kMostFrames], {});
        if (!frame) continue;
        const FlowKey key = key_of_output(parse(frame.bytes(), frame.wire_size()));
        if (feed.is_outstanding(key, *segment))
            unheard.push_back(in_numbers(segment->numbers, std::move(frame), pool));
    }
    return unheard;
}

}  // namespace colo
