// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/builtin_commands.h"

#include "monitor/json_value.h"
#include "monitor/text_interpreter.h"

namespace colo {

namespace {

Result negotiate(const Json& arguments) {
    const auto enable = arguments.find("enable");
    if (enable == arguments.end()) return Json::object();
    for (const Json& capability : *enable) {
        if (!capability.is_string()) {
            return CommandError{"Invalid parameter type for 'enable', expected: array of strings"};
        }
        return CommandError{"Capability '" + clipped(capability.get<std::string>()) +
                            "' is not available"};
    }
    return Json::object();
}

Json names(const CommandRegistry& registry) {
    Json list = Json::array();
    registry.for_each([&](const Command& command) { list.push_back({{"name", command.name}}); });
    return list;
}

Json description(const Command& command) {
    Json arguments = Json::array();
    for (const Argument& argument : command.arguments) {
        arguments.push_back({{"name", argument.name},
                             {"type", to_string(argument.type)},
                             {"required", argument.required}});
    }
    Json json = {{"name", command.name}, {"help", command.help}, {"arguments", arguments}};
    if (!command.info_name().empty()) json["info"] = command.info_name();
    return json;
}

Json descriptions(const CommandRegistry& registry) {
    Json list = Json::array();
    registry.for_each([&](const Command& command) { list.push_back(description(command)); });
    return list;
}

}  // namespace

void add_builtin_commands(CommandRegistry& registry, const Version& version,
                          std::function<void()> quit) {
    registry.add({"qmp_capabilities",
                  {{"enable", ArgumentType::kArray, false}},
                  "begin a QMP conversation",
                  answer_with(negotiate)});
    registry.add({"query-version", {}, "who speaks", answer_with([json = version.json()](auto&&) {
                      return Result(json);
                  })});
    registry.add({"query-commands", {}, "the commands there are", answer_with([&registry](auto&&) {
                      return Result(names(registry));
                  })});
    registry.add({"colo-proxy-command-help",
                  {},
                  "commands, their arguments and purpose",
                  answer_with([&registry](auto&&) { return Result(descriptions(registry)); })});
    registry.add({"human-monitor-command",
                  {{"command-line"}},
                  "a line of the text monitor",
                  [&registry](const Json& arguments, const Reply& reply) {
                      const auto& line = arguments["command-line"].get_ref<const std::string&>();
                      TextInterpreter(registry).run(line, reply);
                  }});
    if (!quit) return;
    registry.add({"quit", {}, "end colo-proxy", [quit](const Json&, const Reply& reply) {
                      reply(Json::object());
                      quit();
                  }});
}

}  // namespace colo
