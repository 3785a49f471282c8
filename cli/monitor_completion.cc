// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/monitor_completion.h"

#include <algorithm>
#include <sstream>

#include "monitor/command_registry.h"
#include "monitor/json_value.h"

namespace colo {

namespace {

using Words = std::vector<std::string>;

Words split(std::string_view text) {
    std::istringstream stream{std::string(text)};
    Words words;
    for (std::string word; stream >> word;) words.push_back(word);
    return words;
}

/// A string, or "" where something else is.
std::string text_of(const Json& object, const char* member) {
    const auto found = object.find(member);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

Words that_begin_with(std::string_view word, Words words) {
    const auto differs = [&](const std::string& candidate) {
        return !dashed(candidate).starts_with(dashed(word));
    };
    words.erase(std::remove_if(words.begin(), words.end(), differs), words.end());
    return words;
}

bool is_help(const std::string& word) {
    return word == "help" || word == "?";
}

bool gives(const Words& words, const std::string& argument) {
    return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
        return dashed(word).starts_with(dashed(argument) + "=");
    });
}

}  // namespace

MonitorCompletion::MonitorCompletion(const Json& commands) {
    for (const Json& json : commands) {
        if (!json.is_object()) continue;
        Command command{text_of(json, "name"), text_of(json, "info"), {}};
        for (const Json& argument : json.value("arguments", Json::array())) {
            command.arguments.push_back(
                {text_of(argument, "name"), text_of(argument, "type") == "boolean"});
        }
        commands_.push_back(std::move(command));
    }
}

Words MonitorCompletion::complete(std::string_view before, std::string_view word) const {
    Words words = split(before);
    if (!words.empty() && is_help(words.front())) {
        words.erase(words.begin());
        if (words.size() > 1) return {};
    }
    if (words.empty()) return that_begin_with(word, first_words());
    if (words.size() == 1 && words.front() == "info") return that_begin_with(word, infos());
    return that_begin_with(word, arguments(words, word));
}

Words MonitorCompletion::first_words() const {
    Words words{"help", "info"};
    for (const Command& command : commands_) words.push_back(command.name);
    return words;
}

Words MonitorCompletion::infos() const {
    Words words;
    for (const Command& command : commands_) {
        if (!command.info.empty()) words.push_back(command.info);
    }
    return words;
}

Words MonitorCompletion::arguments(const Words& before, std::string_view word) const {
    const bool informs = before.front() == "info";
    const std::string name = dashed(before[informs ? 1 : 0]);
    Words words;
    for (const Command& command : commands_) {
        if (name != dashed(informs ? command.info : command.name)) continue;
        for (const Argument& argument : command.arguments) {
            if (gives(before, argument.name)) continue;
            const std::string key = argument.name + "=";
            if (argument.is_boolean && dashed(word).starts_with(dashed(key))) {
                words.insert(words.end(), {key + "on", key + "off"});
            } else {
                words.push_back(key);
            }
        }
    }
    return words;
}

}  // namespace colo
