// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/unheard_output.h"

#include <algorithm>
#include <utility>

#include "packet/flow_key.h"

namespace colo {

void UnheardOutput::sent(const Frame& frame, const PacketView& view) {
    const bool is_acked = view.is_tcp() && !view.has(tcp_flag::kRst) &&
                          (view.payload_size > 0 || view.has(tcp_flag::kSyn) || view.has(tcp_flag::kFin));
    if (!is_acked) return;
    frames_[next_] = frame.share();
    next_ = (next_ + 1) % kMostFrames;
}

void UnheardOutput::fence() {
    for (Frame& frame : frames_) frame.reset();
}

/// From the newest on: what was said before a connection's SYN was of the one that had its ports before.
std::vector<Frame> UnheardOutput::take(FlowFeed& feed) {
    std::vector<Frame> unheard;
    std::vector<FlowKey> begun;
    for (size_t i = 1; i <= kMostFrames; ++i) {
        Frame frame = std::move(frames_[(next_ + kMostFrames - i) % kMostFrames]);
        if (!frame) continue;
        const PacketView view = parse(frame.bytes(), frame.wire_size());
        const FlowKey key = key_of_output(view);
        if (std::ranges::find(begun, key) != begun.end()) continue;
        if (view.has(tcp_flag::kSyn)) {
            begun.push_back(key);
        } else if (feed.is_outstanding(view)) {
            unheard.push_back(std::move(frame));
        }
    }
    std::ranges::reverse(unheard);
    return unheard;
}

}  // namespace colo
