// SPDX-License-Identifier: GPL-2.0-or-later
// COLO_PROXY_DROP events, at most one a second for each place and reason. What is dropped in
// between is counted in the next one. Made for the path of the frames: a drop is a look through a
// short list.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/json.h"
#include "packet/time.h"

namespace colo {

class DropEvents {
  public:
    /// Gets an event's data: {where, reason, count}.
    using Emit = std::function<void(const Json& data)>;

    explicit DropEvents(Emit emit) : emit_(std::move(emit)) {}

    /// Emits at once what is first; the rest waits for tick().
    void dropped(std::string_view where, std::string_view reason, uint64_t count, Time now);
    void tick(Time now);
    /// kNever: nothing waits.
    Time next_deadline() const;

    static constexpr Time kInterval = seconds(1);
    /// Pairs of place and reason told apart; others are {"other", "other"}.
    static constexpr size_t kMaxKinds = 64;

  private:
    struct Kind {
        std::string where;
        std::string reason;
        uint64_t count = 0;
        Time not_before = Time::min();
    };

    Kind& kind_of(std::string_view where, std::string_view reason);
    void emit_if_due(Kind& kind, Time now);

    Emit emit_;
    std::vector<Kind> kinds_;
};

}  // namespace colo
