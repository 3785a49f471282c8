// SPDX-License-Identifier: GPL-2.0-or-later
// Chardevs at run time, in QMP's words (ChardevBackend) or as an option string in the text monitor.
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "filter/commands.h"
#include "filter/host.h"

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

/// QMP's {"type": "socket", "data": {"addr": ..., "server": ...}} as the options of the command line.
std::vector<Option> from_backend(const std::string& id, const Json& backend) {
    if (backend.value("type", Json()) != "socket")
        throw std::invalid_argument("chardev '" + clipped(id) + "': backend: type: only socket is known");
    std::vector<Option> options{{"backend", "socket"}, {"id", id}};
    const Json data = backend.value("data", Json::object());
    if (!data.is_object()) throw std::invalid_argument("Parameter 'backend.data' is missing");
    for (const auto& [key, value] : data.items()) {
        if (key == "addr") {
            add_address(value, options);
        } else {
            options.push_back({key, text_of(key, value)});
        }
    }
    return options;
}

/// In the text monitor: socket,id=ID,...
Result from_text(std::string_view rest) {
    Json backend{{"type", "options"}, {"data", std::string(rest)}};
    return Json{{"id", ""}, {"backend", std::move(backend)}};
}

Result add(FilterHost& host, const Json& arguments) {
    const Json& backend = arguments["backend"];
    const bool is_text = backend.value("type", Json()) == "options";
    // wait=on would stop the process here, as it does QEMU.
    auto options = is_text ? parse_options(backend["data"].get<std::string>(), "backend")
                           : from_backend(arguments["id"], backend);
    host.add_chardev(std::move(options));
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
