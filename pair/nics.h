// SPDX-License-Identifier: GPL-2.0-or-later
// All NICs of the protected VM. A fence is one for all of them: what is asked here is true when it is
// true of each.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "io/event_loop.h"
#include "pair/nic.h"

namespace colo {

/// How long a fence waits, at either side. A guest that does not look at its card takes no input: the
/// checkpoint is made all the same.
inline constexpr Time kInputPatience = milliseconds(100);
/// The VM stands still; only a frame that QEMU has begun to write can be incomplete.
inline constexpr Time kOutputPatience = milliseconds(500);

class Nics {
  public:
    explicit Nics(EventLoop& loop) : loop_(loop), look_(loop, [this] { look(); }) {}
    Nics(const Nics&) = delete;
    Nics& operator=(const Nics&) = delete;

    void add(std::unique_ptr<Nic> nic) { nics_.push_back(std::move(nic)); }
    /// Those behind it have other numbers.
    void remove(uint32_t index);
    const std::vector<std::unique_ptr<Nic>>& all() const { return nics_; }
    /// nullptr: there is none of that number.
    Nic* find(uint32_t index) { return index < nics_.size() ? nics_[index].get() : nullptr; }
    /// Of the first whose VM's side, or QEMU's netdev, nobody has connected to; empty: QEMU is there.
    std::string missing_vm() const;
    bool any_is_redirected() const;

    template <typename Action>
    void each(Action action) {
        for (const auto& nic : nics_) action(*nic);
    }

    /// Calls `done` once the VM has taken all its input (true), or at the deadline (false); at once
    /// where it is so already. One wait at a time: a new one replaces it.
    void wait_for_empty_input(Time deadline, std::function<void(bool is_exact)> done);
    /// Reads the stopped VM until nothing comes and no frame is incomplete, as above.
    void drain_output(Time deadline, std::function<void(bool is_exact)> done);
    /// What was waited for is not of interest any more.
    void forget();

  private:
    using Done = std::function<void(bool)>;

    bool is_so();
    void wait(bool for_input, Time deadline, Done done);
    void look();

    EventLoop& loop_;
    std::vector<std::unique_ptr<Nic>> nics_;
    bool for_input_ = false;
    Time deadline_ = kNever;
    Done done_;
    Timer look_;
};

}  // namespace colo
