// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/neighbour_proxy.h"

#include <algorithm>
#include <utility>

namespace colo {

bool NeighbourProxy::output(const Frame& frame, const PacketView& view, Time now) {
    const auto message = parse_neighbour_message(view);
    if (!message || message->kind != NeighbourMessage::Kind::kQuestion) return false;
    ++counters_.questions;
    if (message->is_probe()) {
        ++counters_.probes;
    } else if (waiting_.size() >= kMaxQuestions) {
        ++counters_.refused;
    } else if (!is_waiting(message->target)) {
        waiting_.push_back({*message, pool_.copy(frame.bytes()), now + kPatience});
    }
    return true;
}

void NeighbourProxy::input(const PacketView& view) {
    const auto message = parse_neighbour_message(view);
    if (!message) return;
    if (message->kind == NeighbourMessage::Kind::kAnswer) {
        neighbours_.learn(message->target, message->mac);
        settle(message->target);
    } else if (!message->is_probe()) {
        neighbours_.learn(message->sender, message->mac);
    }
}

bool NeighbourProxy::is_waiting(const LinkAddress& target) const {
    return std::any_of(waiting_.begin(), waiting_.end(), [&](const Question& question) {
        return question.message.target == target;
    });
}

void NeighbourProxy::settle(const LinkAddress& target) {
    counters_.answered_by_all += std::erase_if(
        waiting_, [&](const Question& question) { return question.message.target == target; });
}

void NeighbourProxy::tick(Time now) {
    const auto later = std::find_if(waiting_.begin(), waiting_.end(),
                                    [&](const Question& question) { return question.due > now; });
    std::vector<Question> due(std::make_move_iterator(waiting_.begin()),
                              std::make_move_iterator(later));
    waiting_.erase(waiting_.begin(), later);
    for (Question& question : due) answer(question, now);
}

void NeighbourProxy::answer(Question& question, Time now) {
    if (const MacAddress* mac = neighbours_.find(question.message.target)) {
        ++counters_.answered_here;
        sink_.answer(make_answer(pool_, question.message, *mac));
    } else if (may_send_on(now)) {
        ++counters_.sent_on;
        sink_.ask(std::move(question.frame));
    } else {
        ++counters_.refused;
    }
}

/// A bucket of kBurst that fills by one each kInterval.
bool NeighbourProxy::may_send_on(Time now) {
    const Time from = std::max(allowance_from_, now - kBurst * kInterval);
    if (from + kInterval > now) return false;
    allowance_from_ = from + kInterval;
    return true;
}

}  // namespace colo
