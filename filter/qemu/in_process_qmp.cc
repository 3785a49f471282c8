// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/qemu/in_process_qmp.h"

#include <algorithm>
#include <utility>

#include "filter/qemu/qemu_error.h"
#include "filter/qemu/worker.h"
#include "io/log.h"
#include "monitor/json_value.h"

namespace colo {

namespace {

constexpr const char* kGreeting = R"({"QMP": {"version": {}, "capabilities": []}})";

/// In QEMU's main loop, where its non-coroutine commands run.
std::string dispatch(const std::string& line) {
    Error* error = nullptr;
    QObject* request = qobject_from_json(line.c_str(), &error);
    if (!request) return Json{{"error", {{"class", "GenericError"}, {"desc", text_of(error)}}}}.dump();
    auto* response = reinterpret_cast<QObject*>(qmp_dispatch(&qmp_commands, request, false, nullptr));
    qdict_destroy_obj(request);
    GString* text = qobject_to_json(response);
    qdict_destroy_obj(response);
    const std::string answer(text->str, text->len);
    g_string_free(text, true);
    return answer;
}

/// QEMU's monitors negotiate; commands alone do not.
bool is_negotiation(const std::string& line) { return line.find("\"qmp_capabilities\"") != std::string::npos; }
constexpr const char* kNegotiated = R"({"return": {}})";

/// Once, in QEMU's main loop.
void in_main_loop(std::function<void()> job) {
    const auto run = [](gpointer held) -> gboolean {
        (*static_cast<std::function<void()>*>(held))();
        return G_SOURCE_REMOVE;
    };
    const auto destroy = [](gpointer held) { delete static_cast<std::function<void()>*>(held); };
    GSource* source = g_idle_source_new();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, run, new std::function<void()>(std::move(job)), destroy);
    g_source_attach(source, nullptr);
    g_source_unref(source);
}

}  // namespace

InProcessQmp::InProcessQmp(EventLoop& loop, Observer& observer, std::function<void(InProcessQmp*)> made)
    : loop_(loop), observer_(observer), conversation_(*this), made_(std::move(made)), timer_(loop, [this] {
          conversation_.tick(loop_.now());
          set_timer();
      }) {
    made_(this);
    greeting_ = after(loop_.context(), 0, [this] { greet(); });
}

InProcessQmp::~InProcessQmp() { made_(nullptr); }

Qmp::Make InProcessQmp::maker(std::function<void(InProcessQmp*)> made) {
    return [made](EventLoop& loop, const std::string&, Observer& observer) -> std::unique_ptr<Qmp> {
        return std::make_unique<InProcessQmp>(loop, observer, made);
    };
}

void InProcessQmp::tell_run_state(bool runs) {
    if (is_ready()) observer_.qmp_event(runs ? "RESUME" : "STOP", Json::object());
}

void InProcessQmp::end(const std::string& why) {
    if (!is_ready()) return;
    problem_ = why;
    conversation_.end(why);
    set_timer();
    observer_.qmp_closed(why);
}

void InProcessQmp::greet() {
    conversation_.begin(loop_.now());
    feed(kGreeting);
}

void InProcessQmp::feed(const std::string& text) {
    conversation_.feed(text + "\n", loop_.now());
    if (conversation_.is_ready()) problem_.clear();
    set_timer();
}

void InProcessQmp::execute(const std::string& command, const Json& arguments, Time patience,
                           QmpConversation::Answer answer) {
    conversation_.execute(command, arguments, loop_.now() + patience, std::move(answer));
    set_timer();
}

void InProcessQmp::set_timer() { timer_.set(conversation_.next_deadline()); }

/// The answer comes by way of our thread, and finds us there or not.
void InProcessQmp::send(const std::string& line) {
    const auto answered = guard_.wrap([this](const std::string& text) { feed(text); });
    if (is_negotiation(line)) return worker().post([answered](PluginHost&) { answered(std::string(kNegotiated)); });
    in_main_loop([answered, line] {
        worker().post([answered, text = dispatch(line)](PluginHost&) { answered(text); });
    });
}

void InProcessQmp::broken(const std::string& why) {
    log_error("qemu", "what it answers is not QMP: " + why);
    problem_ = why;
}

}  // namespace colo
