// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair/nics.h"

#include <algorithm>
#include <utility>

namespace colo {

namespace {

/// The kernel tells nobody when a socket's queue runs empty.
constexpr Time kLookAgain = milliseconds(1);

}  // namespace

void Nics::remove(uint32_t index) {
    nics_.erase(nics_.begin() + index);
    for (; index < nics_.size(); ++index) nics_[index]->set_index(index);
}

std::string Nics::missing_vm() const {
    for (const auto& nic : nics_) {
        if (!nic->vm().is_connected()) return nic->vm().name();
        if (nic->is_redirected() && !nic->uplink().is_connected()) return nic->uplink().name();
    }
    return {};
}

bool Nics::any_is_redirected() const {
    return std::ranges::any_of(nics_, [](const auto& nic) { return nic->is_redirected(); });
}

void Nics::wait_for_empty_input(Time deadline, Done done) { wait(true, deadline, std::move(done)); }

void Nics::drain_output(Time deadline, Done done) { wait(false, deadline, std::move(done)); }

void Nics::wait(bool for_input, Time deadline, Done done) {
    for_input_ = for_input;
    deadline_ = deadline;
    done_ = std::move(done);
    look();
}

void Nics::forget() {
    done_ = {};
    look_.cancel();
}

/// All are looked at: each is to be drained.
bool Nics::is_so() {
    bool all = true;
    for (const auto& nic : nics_) all &= for_input_ ? nic->input_is_empty() : nic->drain_output();
    return all;
}

void Nics::look() {
    if (!done_) return;
    const bool is_exact = is_so();
    if (!is_exact && loop_.now() < deadline_) return look_.set(loop_.now() + kLookAgain);
    look_.cancel();
    const Done done = std::exchange(done_, {});
    done(is_exact);
}

}  // namespace colo
