// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/wire.h"

#include <algorithm>
#include <stdexcept>

namespace colo {

Wire::Wire(FilterHost& host, Netdev& vm, Netdev* uplink)
    : vm_(vm), uplink_(uplink), vm_outlet_(host, vm) {
    if (uplink_) {
        uplink_outlet_ = std::make_unique<Outlet>(host, *uplink_);
        uplink_->set_receiver(&from_uplink_);
    }
    vm_.set_receiver(&from_vm_);
}

Wire::~Wire() {
    vm_.set_receiver(nullptr);
    if (uplink_) uplink_->set_receiver(nullptr);
    for (Filter* filter : chain_) filter->wire_ = nullptr;
}

bool Wire::is_uplink(const Filter& filter) const {
    return uplink_ && filter.options().netdev == uplink_->id();
}

/// Filters of the uplink stand before those of the VM's netdev; head and tail mean those of the same
/// netdev.
size_t Wire::place_for(const Filter& filter) const {
    const auto of_vm = std::find_if(chain_.begin(), chain_.end(),
                                    [&](const Filter* other) { return !is_uplink(*other); });
    const size_t uplinks = static_cast<size_t>(of_vm - chain_.begin());
    const std::string& position = filter.options().position;
    if (position == "head") return is_uplink(filter) ? 0 : uplinks;
    if (position == "tail") return is_uplink(filter) ? uplinks : chain_.size();
    const std::string id = position.substr(3);
    for (size_t i = 0; i < chain_.size(); ++i) {
        const bool same_netdev = is_uplink(*chain_[i]) == is_uplink(filter);
        if (chain_[i]->id() == id && same_netdev) return filter.options().before ? i : i + 1;
    }
    throw std::invalid_argument(filter.what() + ": position: no filter '" + id + "' on netdev '" +
                                filter.options().netdev + "'");
}

void Wire::insert(Filter& filter) {
    chain_.insert(chain_.begin() + static_cast<ptrdiff_t>(place_for(filter)), &filter);
    renumber();
}

void Wire::remove(Filter& filter) {
    chain_.erase(chain_.begin() + static_cast<ptrdiff_t>(filter.place_));
    renumber();
}

void Wire::renumber() {
    for (size_t i = 0; i < chain_.size(); ++i) chain_[i]->place_ = i;
}

bool Wire::has_rewriter() const {
    return std::ranges::any_of(chain_, [](const Filter* filter) { return filter->rewrites(); });
}

void Wire::pass_on(const Filter& from, Frame&& frame, Direction direction, Time now) {
    if (direction == Direction::kTx) {
        to_vm(from.place_ + 1, std::move(frame), now);
    } else {
        from_vm(from.place_, std::move(frame), now);
    }
}

void Wire::End::frame(Frame&& frame, Time now) {
    if (direction_ == Direction::kTx) {
        wire_.to_vm(0, std::move(frame), now);
    } else {
        wire_.from_vm(wire_.chain_.size(), std::move(frame), now);
    }
}

void Wire::to_vm(size_t next, Frame&& frame, Time now) {
    for (; next < chain_.size(); ++next) {
        if (!chain_[next]->takes(Direction::kTx)) continue;
        return chain_[next]->frame(std::move(frame), Direction::kTx, now);
    }
    ++counters_.tx;
    vm_outlet_.send(std::move(frame), now);
}

void Wire::from_vm(size_t behind, Frame&& frame, Time now) {
    while (behind-- > 0) {
        if (!chain_[behind]->takes(Direction::kRx)) continue;
        return chain_[behind]->frame(std::move(frame), Direction::kRx, now);
    }
    if (!uplink_outlet_) {
        ++counters_.unclaimed;
        return;
    }
    ++counters_.rx;
    uplink_outlet_->send(std::move(frame), now);
}

}  // namespace colo
