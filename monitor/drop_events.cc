// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/drop_events.h"

#include <algorithm>
#include <utility>

#include "monitor/json_value.h"

namespace colo {

void DropEvents::dropped(std::string_view where, std::string_view reason, uint64_t count,
                         Time now) {
    Kind& kind = kind_of(where, reason);
    kind.count += count;
    emit_if_due(kind, now);
}

void DropEvents::tick(Time now) {
    for (Kind& kind : kinds_) emit_if_due(kind, now);
}

Time DropEvents::next_deadline() const {
    Time next = kNever;
    for (const Kind& kind : kinds_) {
        if (kind.count > 0) next = std::min(next, kind.not_before);
    }
    return next;
}

DropEvents::Kind& DropEvents::kind_of(std::string_view where, std::string_view reason) {
    for (Kind& kind : kinds_) {
        if (kind.where == where && kind.reason == reason) return kind;
    }
    if (kinds_.size() <= kMaxKinds) {
        const bool has_room = kinds_.size() < kMaxKinds;
        kinds_.push_back(has_room ? Kind{std::string(where), std::string(reason)}
                                  : Kind{"other", "other"});
    }
    return kinds_.back();
}

void DropEvents::emit_if_due(Kind& kind, Time now) {
    if (kind.count == 0 || now < kind.not_before) return;
    kind.not_before = now + kInterval;
    const uint64_t count = std::exchange(kind.count, 0);
    emit_({{"where", kind.where}, {"reason", kind.reason}, {"count", count}});
}

}  // namespace colo
