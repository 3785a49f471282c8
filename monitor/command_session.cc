// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/command_session.h"

namespace colo {

void CommandSession::feed(std::string_view bytes) {
    push(bytes);
    pump();
}

void CommandSession::finish() {
    finishing_ = true;
    pump();
}

Reply CommandSession::reply(std::function<void(const Result&)> answer) {
    waiting_ = true;
    return Reply([weak = std::weak_ptr(self_), answer = std::move(answer)](const Result& result) {
        const auto self = weak.lock();
        if (!self) return;
        answer(result);
        (*self)->answered();
    });
}

void CommandSession::answered() {
    waiting_ = false;
    if (pumping_) return;
    pump();
    output_.settled();
}

/// Not recursive: an answer given at once comes back here through answered().
void CommandSession::pump() {
    if (pumping_) return;
    pumping_ = true;
    bool more = true;
    while (more && !waiting_ && !output_.full()) more = step();
    if (!more && !waiting_ && finishing_) {
        finishing_ = false;
        step_last();
    }
    pumping_ = false;
}

}  // namespace colo
