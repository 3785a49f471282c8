// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/waiting_room.h"

namespace colo {

void WaitingRoom::send_fragments(Parked* parked, Time now) {
    counters_.released += parked->originals->size();
    for (Frame& fragment : *parked->originals) sink_.release(std::move(fragment), now);
    parked->originals.reset();
}

void WaitingRoom::release_all(Time now) {
    while (Parked* parked = primary_.front()) {
        let_out(parked, now);
        ++counters_.released_by_fence;
    }
}

void WaitingRoom::discard_all() {
    while (!primary_.empty()) primary_.remove(primary_.front());
}

Parked* WaitingRoom::keep_secondary(Frame&& frame, Time now, bool ageing) {
    Parked* parked = pool_.make(std::move(frame), now);
    if (ageing) secondary_.push_back(parked);
    add_secondary(1, parked->frame_bytes());
    return parked;
}

void WaitingRoom::replace_secondary(Parked* parked, Frame&& frame) {
    remove_secondary(0, parked->frame_bytes());
    parked->frame = std::move(frame);
    add_secondary(0, parked->frame_bytes());
}

void WaitingRoom::drop_secondary(Parked* parked, bool ageing) {
    if (ageing) secondary_.remove(parked);
    remove_secondary(1, parked->frame_bytes());
    pool_.recycle(parked);
}

void WaitingRoom::start_absorbing(Parked* released, Time now) {
    released->since = now;
    absorbing_.push_back(released);
    absorbing_bytes_ += released->frame_bytes();
}

void WaitingRoom::stop_absorbing(Parked* parked) {
    absorbing_.remove(parked);
    absorbing_bytes_ -= parked->frame_bytes();
    pool_.recycle(parked);
}

}  // namespace colo
