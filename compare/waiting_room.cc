// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/waiting_room.h"

namespace colo {

Parked* WaitingRoom::hold_primary(Frame&& frame, Time now) {
    Parked* parked = pool_.make();
    parked->frame = std::move(frame);
    parked->since = now;
    primary_.push_back(parked);
    ++sizes_.primary_frames;
    sizes_.primary_bytes += parked->frame_bytes();
    return parked;
}

void WaitingRoom::let_out(Parked* parked, Time now) {
    primary_.remove(parked);
    --sizes_.primary_frames;
    sizes_.primary_bytes -= parked->frame_bytes();
    hold_times_.record(now - parked->since);
    if (!parked->originals) {
        ++counters_.released;
        sink_.release(parked->frame.share(), now);
        return;
    }
    counters_.released += parked->originals->size();
    for (Frame& fragment : *parked->originals) sink_.release(std::move(fragment), now);
    parked->originals.reset();
}

void WaitingRoom::release(Parked* parked, Time now) {
    let_out(parked, now);
    forget(parked);
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
    Parked* parked = pool_.make();
    parked->frame = std::move(frame);
    parked->since = now;
    if (ageing) secondary_.push_back(parked);
    add_secondary(1, parked->frame_bytes());
    return parked;
}

void WaitingRoom::drop_secondary(Parked* parked, bool ageing) {
    if (ageing) secondary_.remove(parked);
    remove_secondary(1, parked->frame_bytes());
    pool_.recycle(parked);
}

void WaitingRoom::start_absorbing(Parked* released, Time now) {
    released->since = now;
    absorbing_.push_back(released);
    add_secondary(1, released->frame_bytes());
}

void WaitingRoom::stop_absorbing(Parked* parked) {
    absorbing_.remove(parked);
    remove_secondary(1, parked->frame_bytes());
    pool_.recycle(parked);
}

}  // namespace colo
