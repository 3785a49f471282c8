// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/command_registry.h"

#include <algorithm>
#include <exception>
#include <stdexcept>

#include "monitor/json_value.h"

namespace colo {

std::string dashed(std::string_view word) {
    std::string text(word);
    std::replace(text.begin(), text.end(), '_', '-');
    return text;
}

void CommandRegistry::add(Command command) {
    if (find_by_word(command.name)) {
        throw std::invalid_argument("monitor command " + command.name + " is there already");
    }
    if (!command.info_name().empty() && find_info(command.info_name())) {
        throw std::invalid_argument("info " + std::string(command.info_name()) +
                                    " is there already");
    }
    const std::string name = command.name;
    commands_.emplace(name, std::move(command));
}

void CommandRegistry::remove(std::string_view name) { commands_.erase(commands_.find(name)); }

const Command* CommandRegistry::find(std::string_view name) const {
    const auto found = commands_.find(name);
    return found == commands_.end() ? nullptr : &found->second;
}

const Command* CommandRegistry::find_by_word(std::string_view word) const {
    for (const auto& [name, command] : commands_) {
        if (dashed(name) == dashed(word)) return &command;
    }
    return nullptr;
}

const Command* CommandRegistry::find_info(std::string_view word) const {
    for (const auto& [name, command] : commands_) {
        const std::string_view info = command.info_name();
        if (!info.empty() && dashed(info) == dashed(word)) return &command;
    }
    return nullptr;
}

void CommandRegistry::execute(std::string_view name, const Json& arguments,
                              const Reply& reply) const {
    const Command* command = find(name);
    if (command) return execute(*command, arguments, reply);
    reply(CommandError{"The command " + clipped(name) + " has not been found",
                       ErrorClass::kCommandNotFound});
}

void CommandRegistry::execute(const Command& command, const Json& arguments,
                              const Reply& reply) const {
    const std::string wrong = wrong_arguments(command, arguments);
    if (!wrong.empty()) return reply(CommandError{wrong});
    try {
        command.run(arguments, reply);
    } catch (const std::exception& error) {
        reply(CommandError{error.what()});
    }
}

void CommandRegistry::for_each(const std::function<void(const Command&)>& visit) const {
    for (const auto& [name, command] : commands_) visit(command);
}

}  // namespace colo
