// SPDX-License-Identifier: GPL-2.0-or-later
#include "qemu/qmp_conversation.h"

#include <algorithm>
#include <utility>

#include "monitor/json_value.h"
#include "qemu/json_members.h"

namespace colo {

QmpConversation::QmpConversation(Sink& sink) : sink_(sink), framer_(kMostBytes) {}

void QmpConversation::begin(Time now) {
    framer_ = JsonFramer(kMostBytes);
    state_ = State::kGreeting;
    now_ = now;
}

void QmpConversation::end(const std::string& why) {
    state_ = State::kClosed;
    const QmpFailure failure{why};
    for (Command& command : std::exchange(commands_, {})) {
        if (command.answer) command.answer(nullptr, &failure);
    }
}

void QmpConversation::execute(const std::string& command, const Json& arguments, Time deadline,
                              Answer answer) {
    if (commands_.size() >= kMostCommands) {
        const QmpFailure failure{command + ": too many commands wait for an answer"};
        return answer(nullptr, &failure);
    }
    const uint64_t id = next_id_++;
    Json request{{"execute", command}, {"id", id}};
    if (!arguments.is_null()) request["arguments"] = arguments;
    commands_.push_back({id, to_line(request) + "\n", command, deadline, std::move(answer), {}});
    if (is_ready()) send(commands_.back(), now_);
}

void QmpConversation::send(Command& command, Time now) {
    command.sent_at = now;
    sink_.send(std::exchange(command.line, {}));
}

void QmpConversation::send_waiting(Time now) {
    for (Command& command : commands_) {
        if (!command.sent_at) send(command, now);
    }
}

void QmpConversation::feed(std::string_view bytes, Time now) {
    now_ = now;
    framer_.push(bytes);
    while (state_ != State::kClosed && state_ != State::kBroken) {
        const auto message = framer_.next();
        if (!message) return;
        handle(*message, now);
    }
}

/// QEMU's answers are not bounded as a client's requests are: only their bytes.
void QmpConversation::handle(const JsonMessage& framed, Time now) {
    const Json message = Json::parse(framed.text, nullptr, false);
    if (!framed.error.empty() || !message.is_object()) {
        return break_off("it does not speak QMP: " + clipped(framed.text));
    }
    const std::string event = string_member(message, "event");
    if (!event.empty()) {
        const auto data = message.find("data");
        if (is_ready()) sink_.event(event, data == message.end() ? Json::object() : *data);
        return;
    }
    switch (state_) {
        case State::kGreeting:
            return greeted(message);
        case State::kNegotiating:
            return negotiated(message, now);
        default:
            return answered(message);
    }
}

void QmpConversation::greeted(const Json& message) {
    if (!message.contains("QMP")) return break_off("it does not greet as QMP does");
    state_ = State::kNegotiating;
    sink_.send("{\"execute\": \"qmp_capabilities\"}\n");
}

void QmpConversation::negotiated(const Json& message, Time now) {
    if (!message.contains("return")) {
        return break_off("it refuses qmp_capabilities: " + clipped(to_line(message)));
    }
    state_ = State::kReady;
    send_waiting(now);
    sink_.ready();
}

void QmpConversation::answered(const Json& message) {
    const auto id = message.find("id");
    const auto found =
        std::find_if(commands_.begin(), commands_.end(), [&](const Command& command) {
            return command.sent_at && id != message.end() && *id == command.id;
        });
    if (found == commands_.end()) {
        return break_off("it answers what it was not asked: " + clipped(to_line(message)));
    }
    const Command command = std::move(*found);
    commands_.erase(found);
    if (!command.answer) return;
    if (const auto result = message.find("return"); result != message.end()) {
        return command.answer(&*result, nullptr);
    }
    const std::string words = string_member(member(message, "error"), "desc");
    const QmpFailure failure{
        command.name + ": " + (words.empty() ? "an error without words" : words), true};
    command.answer(nullptr, &failure);
}

void QmpConversation::break_off(const std::string& why) {
    state_ = State::kBroken;
    sink_.broken(why);
}

/// One that was sent is remembered, as QEMU may answer yet.
void QmpConversation::tick(Time now) {
    now_ = now;
    for (;;) {
        const auto late = std::find_if(commands_.begin(), commands_.end(), [&](const Command& c) {
            return c.answer && c.deadline <= now;
        });
        if (late == commands_.end()) return;
        const QmpFailure failure{late->name + ": QEMU does not answer"};
        const Answer answer = std::exchange(late->answer, nullptr);
        if (!late->sent_at) commands_.erase(late);
        answer(nullptr, &failure);
    }
}

Time QmpConversation::next_deadline() const {
    Time next = kNever;
    for (const Command& command : commands_) {
        if (command.answer) next = std::min(next, command.deadline);
    }
    return next;
}

std::optional<Time> QmpConversation::owed_since() const {
    for (const Command& command : commands_) {
        if (command.sent_at) return command.sent_at;
    }
    return std::nullopt;
}

}  // namespace colo
