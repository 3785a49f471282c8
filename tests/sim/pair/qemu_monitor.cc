// SPDX-License-Identifier: GPL-2.0-or-later
// The model's QMP.
#include <utility>

#include "monitor/json_value.h"
#include "tests/sim/pair/qemu.h"

namespace colo::sim::pair {

namespace {

Json refusal(const std::string& why) { return {{"error", {{"class", "GenericError"}, {"desc", why}}}}; }

Json returned(Json value) { return {{"return", std::move(value)}}; }

/// What the proxy wants to know of a VM, and what is always the same.
Json constant(const std::string& command, const Json& arguments) {
    if (command == "query-version") return {{"qemu", {{"major", 7}, {"minor", 2}, {"micro", 22}}}};
    if (command == "query-memory-size-summary") return {{"base-memory", 131064 << 10}};
    if (command == "query-cpus-fast") return Json::array({{{"qom-path", "/cpu"}}});
    if (command == "qom-get") return arguments.value("path", "") == "/machine" ? "pc-i440fx-7.2-machine" : "qemu64-x86_64-cpu";
    if (command == "query-migrate-capabilities") return Json::array({{{"capability", "x-colo"}, {"state", false}}});
    if (command == "query-qmp-schema") {
        return Json::array({{{"name", "x-colo-lost-heartbeat"}},
                            {{"name", "yank"}},
                            {{"name", "migrate-set-parameters"}, {"arg-type", "1"}},
                            {{"name", "1"}, {"members", Json::array({{{"name", "x-checkpoint-delay"}}})}}});
    }
    if (command == "query-block" || command == "query-named-block-nodes" || command == "qom-list" || command == "query-yank")
        return Json::array();
    return Json::object();
}

}  // namespace

/// In the middle of loading the big lock is held.
bool Qemu::monitor_is_blocked() const {
    return state_ == State::kLoad || (state_ == State::kReceive && !is_cut());
}

bool Qemu::serve_monitor() {
    if (!monitor_.is_open() || monitor_is_blocked()) return false;
    monitor_.read(lines_);
    const size_t end = lines_.find('\n');
    if (end == std::string::npos) return false;
    timeline().boundary();
    if (!is_well()) return true;
    const std::string line = lines_.substr(0, end);
    lines_.erase(0, end + 1);
    answer(line);
    return true;
}

void Qemu::answer(const std::string& line) {
    const Json request = Json::parse(line);
    Json reply = execute(request["execute"], request.value("arguments", Json::object()));
    if (request.contains("id")) reply["id"] = request["id"];
    monitor_.write(to_line(reply) + "\n");
}

Json Qemu::execute(const std::string& command, const Json& arguments) {
    if (command == "query-status") return returned(query_status());
    if (command == "query-migrate") return returned({{"status", migration_}});
    if (command == "query-colo-status") return returned({{"mode", is_primary_in_colo() ? "primary" : "none"}});
    if (command == "migrate-set-parameters") set_parameters(arguments);
    if (command == "migrate") return migrate(arguments["uri"]);
    if (command == "x-colo-lost-heartbeat") {
        if (state_ == State::kNone) return refusal("The current VM is not in COLO");
        lose_heartbeat();
    }
    if (command == "migrate_cancel" && (state_ == State::kMigrate || state_ == State::kAwaitReady)) {
        break_off();
        migration_ = "cancelled";
    }
    return returned(constant(command, arguments));
}

Json Qemu::query_status() const {
    const char* status = vm_runs_ ? "running" : state_ == State::kIncoming ? "inmigrate" : "colo";
    return {{"running", vm_runs_}, {"status", status}};
}

void Qemu::set_parameters(const Json& parameters) {
    if (!parameters.contains("x-checkpoint-delay")) return;
    delay_ = milliseconds(parameters["x-checkpoint-delay"].get<int64_t>());
    if (is_primary_in_colo()) checkpoint_is_due_ = true;
}

Json Qemu::migrate(const std::string& uri) {
    if (state_ != State::kNone) return refusal("There's a migration process in progress");
    channel_in_.clear();
    pieces_.clear();
    checkpoint_is_due_ = false;
    channel_ = Socket::to(uri.substr(uri.find(':') + 1));
    migration_ = channel_.is_open() ? "active" : "failed";
    if (channel_.is_open()) state_ = State::kMigrate;
    return returned(Json::object());
}

void Qemu::run_vm(bool runs) {
    if (std::exchange(vm_runs_, runs) == runs || !has_greeted_) return;
    monitor_.write(to_line({{"event", runs ? "RESUME" : "STOP"}, {"data", Json::object()}}) + "\n");
}

void Qemu::lose_heartbeat() {
    end_channel();
    state_ = State::kNone;
    migration_ = "completed";
    run_vm(true);
}

void Qemu::end_channel() {
    channel_.flush();
    channel_.close();
    channel_in_.clear();
}

}  // namespace colo::sim::pair
