// SPDX-License-Identifier: GPL-2.0-or-later
// Chardevs at run time, in QMP's words (ChardevBackend) or as an option string in the text monitor.
#include <stdexcept>

#include "filter/chardev_factory.h"
#include "filter/commands.h"
#include "filter/host.h"
#include "monitor/json_value.h"

namespace colo {

namespace {

Json describe(const Chardev& chardev) {
    return Json{{"label", chardev.id()},
                {"filename", chardev.name()},
                {"frontend-open", chardev.is_in_use()},
                {"connected", chardev.is_connected()}};
}

[[noreturn]] void unexpected(const std::string& key) {
    throw std::invalid_argument("Parameter '" + clipped(key) + "' is unexpected");
}

std::string text_of(const std::string& key, const Json& value) {
    if (value.is_string()) return value.get<std::string>();
    if (value.is_boolean()) return value.get<bool>() ? "on" : "off";
    if (value.is_number_unsigned()) return std::to_string(value.get<uint64_t>());
    throw std::invalid_argument("Invalid parameter type for '" + clipped(key) + "', expected: string");
}

/// {"type": "unix", "data": {"path": P}}, {"type": "inet", "data": {"host": H, "port": P}}
void add_address(const Json& address, std::vector<Option>& options) {
    if (!address.is_object() || !address.contains("data") || !address["data"].is_object())
        throw std::invalid_argument("Parameter 'addr.data' is missing");
    for (const auto& [key, value] : address["data"].items()) {
        if (key != "path" && key != "host" && key != "port") unexpected(key);
        options.push_back({key, text_of(key, value)});
    }
}

/// QMP's {"type": "socket", "data": {"addr": ..., "server": ...}} as the options of the command line. What
/// connects says so there; as in QEMU a server is the rule.
std::vector<Option> from_backend(const std::string& id, const Json& backend) {
    if (backend.value("type", Json()) != "socket")
        throw std::invalid_argument("chardev '" + clipped(id) + "': backend: type: only socket is known");
    std::vector<Option> options{{std::string(kChardevImpliedKey), "socket"}, {"id", id}};
    const Json data = backend.value("data", Json::object());
    if (!data.is_object()) throw std::invalid_argument("Parameter 'backend.data' is missing");
    if (!data.contains("server")) options.push_back({"server", "on"});
    for (const auto& [key, value] : data.items()) {
        if (key == "addr") {
            add_address(value, options);
        } else {
            options.push_back({key, text_of(key, value)});
        }
    }
    return options;
}

/// In the text monitor: socket,id=ID,... as on the command line, where a client is the rule.
Result from_text(std::string_view rest) {
    Json arguments = Json::object();
    Json backend{{"data", {{"server", "off"}}}};
    for (const Option& option : parse_options(rest, kChardevImpliedKey)) {
        if (option.key == "id") {
            arguments["id"] = option.value;
        } else if (option.key == kChardevImpliedKey) {
            backend["type"] = option.value;
        } else {
            backend["data"][option.key] = option.value;
        }
    }
    arguments["backend"] = std::move(backend);
    return arguments;
}

Result add(FilterHost& host, const Json& arguments) {
    // wait=on would stop the process here, as it does QEMU.
    host.add_chardev(from_backend(arguments["id"], arguments["backend"]));
    return Json::object();
}

}  // namespace

void add_chardev_commands(CommandRegistry& registry, FilterHost& host) {
    registry.add({.name = "query-chardev",
                  .arguments = {},
                  .help = "the chardevs",
                  .run = answer_with([&host](const Json&) -> Result {
                      Json all = Json::array();
                      for (const Chardev* chardev : host.chardevs()) all.push_back(describe(*chardev));
                      return all;
                  })});
    registry.add({.name = "chardev-add",
                  .arguments = {{"id"}, {"backend", ArgumentType::kObject}},
                  .help = "make a chardev: socket,id=ID,...",
                  .run = answer_with([&host](const Json& arguments) { return add(host, arguments); }),
                  .from_text = from_text});
    registry.add({.name = "chardev-remove",
                  .arguments = {{"id"}},
                  .help = "remove a chardev that is not in use",
                  .run = answer_with([&host](const Json& arguments) -> Result {
                      host.remove_chardev(arguments["id"]);
                      return Json::object();
                  })});
}

}  // namespace colo
