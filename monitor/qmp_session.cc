// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/qmp_session.h"

#include <glib.h>

#include "monitor/json_value.h"

namespace colo {

namespace {

constexpr const char* kNegotiate = "qmp_capabilities";

/// What is wrong with the members around a command; empty: nothing.
std::string wrong_request(const Json& request) {
    if (!request.is_object()) return "QMP input must be a JSON object";
    if (request.contains("exec-oob")) {
        return "exec-oob: out-of-band execution is not supported, use execute";
    }
    for (const auto& [name, value] : request.items()) {
        if (name == "execute" && !value.is_string()) {
            return "QMP input member 'execute' must be a string";
        }
        if (name == "arguments" && !value.is_object()) {
            return "QMP input member 'arguments' must be an object";
        }
        if (name != "execute" && name != "arguments" && name != "id") {
            return "QMP input member '" + clipped(name) + "' is unexpected";
        }
    }
    return request.contains("execute") ? "" : "QMP input lacks member 'execute'";
}

const Json* id_of(const Json& request) {
    if (!request.is_object()) return nullptr;
    const auto id = request.find("id");
    return id == request.end() ? nullptr : &*id;
}

}  // namespace

void QmpSession::start() {
    send({{"QMP", {{"version", version_.json()}, {"capabilities", Json::array()}}}});
}

void QmpSession::event(const std::string& line) {
    if (negotiated_) output().send(line);
}

bool QmpSession::step() {
    const auto message = framer_.next();
    if (message) handle(*message);
    return message.has_value();
}

void QmpSession::step_last() {
    if (const auto message = framer_.finish()) handle(*message);
}

void QmpSession::handle(const JsonMessage& message) {
    std::string error = message.error;
    const auto request = error.empty() ? parse_json(message.text, error) : nullptr;
    if (!request) return answer(CommandError{"JSON parse error, " + error}, nullptr);
    error = wrong_request(*request);
    if (!error.empty()) return answer(CommandError{error}, id_of(*request));
    execute(*request);
}

void QmpSession::execute(const Json& request) {
    const auto& command = request["execute"].get_ref<const std::string&>();
    if (!expected(command, id_of(request))) return;
    const Json* given = id_of(request);
    const auto id = given ? std::make_shared<const Json>(*given) : nullptr;
    const bool negotiates = command == kNegotiate;
    const auto finish = [this, id, negotiates](const Result& result) {
        if (negotiates && result.ok()) negotiated_ = true;
        answer(result, id.get());
    };
    const auto arguments = request.find("arguments");
    commands_.execute(command, arguments == request.end() ? Json::object() : *arguments,
                      reply(finish));
}

/// First the capabilities, once, and then everything else.
bool QmpSession::expected(const std::string& command, const Json* id) {
    if ((command == kNegotiate) != negotiated_) return true;
    const char* why = negotiated_ ? "Capabilities negotiation is already complete, command ignored"
                                  : "Expecting capabilities negotiation with 'qmp_capabilities'";
    answer(CommandError{why, ErrorClass::kCommandNotFound}, id);
    return false;
}

void QmpSession::answer(const Result& result, const Json* id) {
    Json message;
    if (result.ok()) {
        message["return"] = result.value();
    } else {
        message["error"] = {{"class", to_string(result.error().error_class)},
                            {"desc", result.error().description}};
    }
    if (id) message["id"] = *id;
    send(message);
}

void QmpSession::send(const Json& message) {
    output().send(to_line(message) + "\r\n");
}

std::string qmp_event(const std::string& name, const Json& data) {
    const int64_t now = g_get_real_time();
    const Json event = {
        {"timestamp", {{"seconds", now / G_USEC_PER_SEC}, {"microseconds", now % G_USEC_PER_SEC}}},
        {"event", name},
        {"data", data}};
    return to_line(event) + "\r\n";
}

}  // namespace colo
