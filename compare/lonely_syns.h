// SPDX-License-Identifier: GPL-2.0-or-later
// First SYNs of the two VMs that lack their twin. Equal guests may choose different ephemeral ports (the kernel
// draws them, and its random numbers part ways): then each VM begins a connection to the same place that the other
// never will, and both would wait for compare_timeout. Two such SYNs are as much a contradiction as two unequal
// datagrams of a flow, and known as soon.
//
// Not at once: two threads of a guest may connect in the other order, by as much as a loaded guest's scheduler
// puts between them. Longer than that they are apart for kGrace.
//
// Whether a SYN still lacks its twin is asked when its time has come: the usual one costs nothing but its place.
// Bounded: kMost of either side and age; the oldest is left to its timeout.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <optional>

#include "packet/flow_key.h"
#include "packet/time.h"

namespace colo {

struct LonelySyn {
    FlowKey flow;
    bool is_primarys;
    Time since;

    /// The other VM's choice for the same connection.
    bool is_twin_but_for_port(const LonelySyn& other) const {
        FlowKey same = other.flow;
        same.guest_port = flow.guest_port;
        return other.is_primarys != is_primarys && same == flow;
    }
};

class LonelySyns {
  public:
    static constexpr Time kGrace = milliseconds(50);
    static constexpr size_t kMost = 256;

    void add(const LonelySyn& syn) { append(fresh_, syn); }
    /// When the next one has waited for kGrace.
    Time next() const { return fresh_.empty() ? kNever : fresh_.front().since + kGrace; }
    /// Two that contradict each other, the primary's first; nothing: none do by `now`. `is_lonely(syn)` tells
    /// whether it still lacks its twin.
    template <typename IsLonely>
    std::optional<std::array<LonelySyn, 2>> take(Time now, IsLonely is_lonely);
    void clear() {
        fresh_.clear();
        aged_.clear();
    }

  private:
    using Syns = std::deque<LonelySyn>;

    static void append(Syns& syns, const LonelySyn& syn) {
        if (syns.size() >= kMost) syns.pop_front();
        syns.push_back(syn);
    }

    Syns fresh_;  ///< by age
    Syns aged_;
};

template <typename IsLonely>
std::optional<std::array<LonelySyn, 2>> LonelySyns::take(Time now, IsLonely is_lonely) {
    while (next() <= now) {
        const LonelySyn syn = fresh_.front();
        fresh_.pop_front();
        if (!is_lonely(syn)) continue;
        for (auto other = aged_.begin(); other != aged_.end(); ++other) {
            if (!syn.is_twin_but_for_port(*other) || !is_lonely(*other)) continue;
            const LonelySyn found = *other;
            aged_.erase(other);
            return syn.is_primarys ? std::array{syn, found} : std::array{found, syn};
        }
        append(aged_, syn);
    }
    return std::nullopt;
}

}  // namespace colo
