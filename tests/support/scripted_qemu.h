// SPDX-License-Identifier: GPL-2.0-or-later
// A QMP server that answers each command from a table, and remembers what it was told.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "monitor/json.h"
#include "monitor/json_value.h"
#include "tests/support/fake_qemu.h"

namespace colo {

class ScriptedQemu {
  public:
    explicit ScriptedQemu(const std::string& path) : qemu_(path) {}

    /// Answers what has come; what no answer is set for is answered {}. True: somebody is
    /// connected.
    bool serve() {
        if (!is_greeted_ && !(is_greeted_ = qemu_.accept())) return false;
        if (!has_spoken_) qemu_.say("{\"QMP\": {}}\n");
        has_spoken_ = true;
        for (std::string line = qemu_.line(); !line.empty(); line = qemu_.line()) answer(line);
        return true;
    }
    /// `key`: the command, for qom-get and qom-list its path and property as well.
    void set(const std::string& key, Json value) { answers_[key] = {{"return", std::move(value)}}; }
    void refuse(const std::string& key, const std::string& why) {
        answers_[key] = {{"error", {{"class", "GenericError"}, {"desc", why}}}};
    }
    void ignore(const std::string& key) { answers_[key] = nullptr; }
    void event(const std::string& name, const Json& data) {
        qemu_.say(to_line({{"event", name}, {"data", data}}) + "\n");
    }
    void leave() { qemu_.leave(); }

    /// "command {arguments}", in turn, queries left out.
    std::vector<std::string> told;
    std::map<std::string, size_t> asked;  ///< how often, by key as in set()
    bool has_ignored = false;

  private:
    static std::string key(const Json& request) {
        std::string key = request["execute"];
        for (const char* name : {"path", "property"}) {
            if (request.contains("arguments") && request["arguments"].contains(name)) {
                key += " " + request["arguments"][name].get<std::string>();
            }
        }
        return key;
    }
    void answer(const std::string& line) {
        const Json request = Json::parse(line);
        const std::string command = request["execute"];
        if (command.starts_with("migrate") || command == "yank" || command == "qom-set" ||
            command.starts_with("x-colo")) {
            const Json arguments = request.value("arguments", Json());
            told.push_back(command + (arguments.is_null() ? "" : " " + to_line(arguments)));
        }
        ++asked[key(request)];
        const auto found = answers_.find(key(request));
        Json answer = found != answers_.end() ? found->second : Json{{"return", Json::object()}};
        has_ignored |= answer.is_null();
        if (answer.is_null()) return;
        if (request.contains("id")) answer["id"] = request["id"];
        qemu_.say(to_line(answer) + "\n");
    }

    FakeQemu qemu_;
    bool is_greeted_ = false;
    bool has_spoken_ = false;
    std::map<std::string, Json> answers_;
};

}  // namespace colo
