// SPDX-License-Identifier: GPL-2.0-or-later
// Times at which a flow wants to be looked at: a heap, at most one entry a backlog. An entry may be out
// of date when it fires; whoever is woken looks at the facts.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

#include "packet/time.h"

namespace colo {

struct Alarm {
    Time at;
    uint32_t flow;

    friend bool operator>(const Alarm& a, const Alarm& b) { return a.at > b.at; }
};

class Alarms {
  public:
    void set(Time at, uint32_t flow) { heap_.push({at, flow}); }
    Time next() const { return heap_.empty() ? kNever : heap_.top().at; }
    /// The flow of an alarm that is due; the caller has checked next().
    uint32_t take() {
        const uint32_t flow = heap_.top().flow;
        heap_.pop();
        return flow;
    }

  private:
    std::priority_queue<Alarm, std::vector<Alarm>, std::greater<>> heap_;
};

}  // namespace colo
