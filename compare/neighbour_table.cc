// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/neighbour_table.h"

namespace colo {

void NeighbourTable::learn(const LinkAddress& address, const MacAddress& mac) {
    // Frames come in trains of one sender.
    if (recent_ && recent_->address == address && recent_->mac == mac) return;
    const auto found = index_.find(address);
    if (found != index_.end()) {
        recent_ = *found;
        recent_->mac = mac;
        by_age_.remove(recent_);
    } else {
        if (size() >= max_entries_) drop_oldest();
        recent_ = pool_.make(address, mac);
        index_.insert(recent_);
    }
    by_age_.push_back(recent_);
}

void NeighbourTable::drop_oldest() {
    Entry* oldest = by_age_.front();
    by_age_.remove(oldest);
    index_.erase(oldest);
    pool_.recycle(oldest);
    ++displaced_;
}

const MacAddress* NeighbourTable::find(const LinkAddress& address) const {
    const auto found = index_.find(address);
    return found == index_.end() ? nullptr : &(*found)->mac;
}

}  // namespace colo
