// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/command.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "monitor/json_value.h"

namespace colo {

const char* to_string(ErrorClass error_class) {
    return error_class == ErrorClass::kCommandNotFound ? "CommandNotFound" : "GenericError";
}

const char* to_string(ArgumentType type) {
    switch (type) {
        case ArgumentType::kAny:
            return "any";
        case ArgumentType::kString:
            return "string";
        case ArgumentType::kInteger:
            return "integer";
        case ArgumentType::kNumber:
            return "number";
        case ArgumentType::kBoolean:
            return "boolean";
        case ArgumentType::kObject:
            return "object";
        case ArgumentType::kArray:
            return "array";
    }
    return "any";
}

Result::Result(Json value) : value_(std::make_shared<const Json>(std::move(value))) {}
Result::Result(CommandError error) : error_(std::move(error)) {}

struct Reply::State {
    explicit State(std::function<void(Result)> function) : answer(std::move(function)) {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() {
        if (answer) answer(CommandError{"the operation was given up"});
    }

    std::function<void(Result)> answer;
};

Reply::Reply(std::function<void(Result)> answer)
    : state_(std::make_shared<State>(std::move(answer))) {}

void Reply::operator()(Result result) const {
    const auto answer = std::exchange(state_->answer, nullptr);
    if (answer) answer(std::move(result));
}

std::string_view Command::info_name() const {
    constexpr std::string_view kQuery = "query-";
    if (!info.empty()) return info;
    return name.starts_with(kQuery) ? std::string_view(name).substr(kQuery.size()) : "";
}

Handler answer_with(std::function<Result(const Json&)> function) {
    return [function = std::move(function)](const Json& arguments, const Reply& reply) {
        reply(function(arguments));
    };
}

namespace {

bool fits_int64(const Json& value) {
    return value.is_number_integer() &&
           (!value.is_number_unsigned() ||
            value.get<uint64_t>() <= uint64_t{std::numeric_limits<int64_t>::max()});
}

bool is_a(const Json& value, ArgumentType type) {
    switch (type) {
        case ArgumentType::kAny:
            return true;
        case ArgumentType::kString:
            return value.is_string();
        case ArgumentType::kInteger:
            return fits_int64(value);
        case ArgumentType::kNumber:
            return value.is_number();
        case ArgumentType::kBoolean:
            return value.is_boolean();
        case ArgumentType::kObject:
            return value.is_object();
        case ArgumentType::kArray:
            return value.is_array();
    }
    return false;
}

}  // namespace

std::string wrong_arguments(const Command& command, const Json& arguments) {
    for (const Argument& argument : command.arguments) {
        const auto given = arguments.find(argument.name);
        if (given == arguments.end()) {
            if (argument.required) return "Parameter '" + argument.name + "' is missing";
        } else if (!is_a(*given, argument.type)) {
            return "Invalid parameter type for '" + argument.name +
                   "', expected: " + to_string(argument.type);
        }
    }
    if (command.takes_more) return {};
    for (const auto& [name, value] : arguments.items()) {
        const auto declared = [&name = name](const Argument& a) { return a.name == name; };
        if (std::none_of(command.arguments.begin(), command.arguments.end(), declared)) {
            return "Parameter '" + clipped(name) + "' is unexpected";
        }
    }
    return {};
}

}  // namespace colo
