// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/input_mirror.h"

#include "packet/rewrite.h"
#include "packet/view.h"

namespace colo {

void InputMirror::delta_known(const FlowKey& flow, const Offset& delta) {
    const auto found = offsets_.find(flow);
    if (found != offsets_.end()) {
        found->second = delta;
    } else if (offsets_.size() < max_flows_) {
        offsets_.emplace(flow, delta);
    } else {
        ++counters_.no_room;
    }
}

Frame InputMirror::mirror(const Frame& frame) {
    ++counters_.mirrored;
    Frame copy = pool_.copy(frame.bytes(), frame.wire_size());
    PacketView view;
    parse(copy.bytes(), copy.wire_size(), view);
    if (!view.is_tcp()) return copy;
    const auto found = offsets_.find(key_of_input(view));
    if (found == offsets_.end()) return copy;
    ++counters_.rewritten;
    shift_segment(copy.mutable_bytes(), view, shift_of_input(found->second), ChecksumKind::kFull);
    return copy;
}

}  // namespace colo
