// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/text_interpreter.h"

#include <glib.h>

#include "monitor/json_value.h"
#include "monitor/readable.h"
#include "monitor/words.h"

namespace colo {

namespace {

/// The first word, and what follows it.
std::pair<std::string_view, std::string_view> split_first(std::string_view text) {
    text = trimmed(text);
    const size_t end = std::min(text.find_first_of(" \t"), text.size());
    return {text.substr(0, end), trimmed(text.substr(end))};
}

CommandError unknown(const char* what, std::string_view word) {
    return {std::string("unknown ") + what + ": '" + clipped(word) + "'",
            ErrorClass::kCommandNotFound};
}

std::string usage(const std::string& words, const Command& command) {
    std::string text = words;
    for (const Argument& argument : command.arguments) {
        text += argument.required ? " " + argument.name : " [" + argument.name + "]";
    }
    if (command.takes_more) text += " [KEY=VALUE...]";
    return text + " -- " + command.help + "\n";
}

std::string info_usage(const Command& command) {
    return usage("info " + std::string(command.info_name()), command);
}

}  // namespace

void TextInterpreter::run(std::string_view line, const Reply& reply) const {
    if (!g_utf8_validate(line.data(), static_cast<gssize>(line.size()), nullptr)) {
        return reply(CommandError{"the line is not UTF-8, or has a NUL in it"});
    }
    const auto [word, rest] = split_first(line);
    if (word.empty()) return reply(Json(""));
    if (word == "help" || word == "?") return reply(help(rest));
    if (word == "info") return info(rest, reply);
    const Command* command = commands_.find_by_word(word);
    if (!command) return reply(unknown("command", word));
    run(*command, rest, reply);
}

void TextInterpreter::run(const Command& command, std::string_view rest, const Reply& reply) const {
    const Result arguments = arguments_from_text(command, rest);
    if (!arguments.ok()) return reply(arguments);
    commands_.execute(command, arguments.value(), Reply([reply](const Result& result) {
                          reply(result.ok() ? Result(Json(readable(result.value()))) : result);
                      }));
}

void TextInterpreter::info(std::string_view rest, const Reply& reply) const {
    const auto [word, arguments] = split_first(rest);
    if (word.empty()) return reply(Json(all_info()));
    const Command* command = commands_.find_info(word);
    if (!command) return reply(unknown("info", word));
    run(*command, arguments, reply);
}

Result TextInterpreter::help(std::string_view word) const {
    if (word.empty()) return Json(all_commands() + all_info() + "help [COMMAND] -- this\n");
    const auto [first, second] = split_first(word);
    if (first == "info" && second.empty()) return Json(all_info());
    if (first == "info") {
        const Command* command = commands_.find_info(second);
        if (command) return Json(info_usage(*command));
        return unknown("info", second);
    }
    const Command* command = commands_.find_by_word(word);
    if (command) return Json(usage(command->name, *command));
    return unknown("command", word);
}

std::string TextInterpreter::all_commands() const {
    std::string text;
    commands_.for_each([&](const Command& command) {
        if (command.info_name().empty()) text += usage(command.name, command);
    });
    return text;
}

std::string TextInterpreter::all_info() const {
    std::string text;
    commands_.for_each([&](const Command& command) {
        if (!command.info_name().empty()) text += info_usage(command);
    });
    return text;
}

}  // namespace colo
