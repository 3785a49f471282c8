// SPDX-License-Identifier: GPL-2.0-or-later
// QOM's commands, as far as objects, chardevs and netdevs go: /objects/ID, /chardevs/ID, /netdevs/ID.
#include <algorithm>
#include <optional>
#include <stdexcept>

#include "filter/commands.h"
#include "filter/host.h"
#include "filter/object_type.h"
#include "monitor/json_value.h"
#include "monitor/words.h"

namespace colo {

namespace {

Json to_json(const Value& value) {
    return std::visit([](const auto& held) { return Json(held); }, value);
}

/// Null: neither a string, nor a flag, nor a natural number.
std::optional<Value> to_value(const Json& json) {
    if (json.is_string()) return Value(json.get<std::string>());
    if (json.is_boolean()) return Value(json.get<bool>());
    if (json.is_number_unsigned()) return Value(json.get<uint64_t>());
    if (json.is_number_integer() && json.get<int64_t>() >= 0)
        return Value(static_cast<uint64_t>(json.get<int64_t>()));
    return std::nullopt;
}

/// "/objects/m0", "/objects/m0/", "m0" (QEMU takes a unique part of a path, too).
std::string object_id(const std::string& path) {
    constexpr std::string_view kFolder = "/objects/";
    std::string id = path.starts_with(kFolder) ? path.substr(kFolder.size()) : path;
    while (!id.empty() && id.back() == '/') id.pop_back();
    return id;
}

CommandError no_such_path(const std::string& path) {
    return {"Device '" + clipped(path) + "' not found"};
}

std::optional<Property> find_property(Object& object, const std::string& name) {
    for (Property& property : object.properties()) {
        if (property.name == name) return std::move(property);
    }
    return std::nullopt;
}

CommandError no_such_property(const Object& object, const std::string& name) {
    return {"Property '" + std::string(object.type()) + "." + clipped(name) + "' not found"};
}

Json listed(const std::string& name, const std::string& type) {
    return Json{{"name", name}, {"type", type}};
}

Json properties_of(Object& object) {
    Json entries = Json::array();
    entries.push_back(listed("type", "string"));
    for (const Property& property : object.properties())
        entries.push_back(listed(property.name, property.type));
    return entries;
}

Result list(FilterHost& host, const std::string& path) {
    Json entries = Json::array();
    if (path == "/" || path.empty()) {
        for (const char* folder : {"chardevs", "netdevs", "objects"})
            entries.push_back(listed(folder, "child<container>"));
    } else if (path == "/objects" || path == "/objects/") {
        for (const Object* object : host.objects())
            entries.push_back(listed(object->id(), std::string("child<") + object->type() + ">"));
    } else if (path == "/chardevs" || path == "/chardevs/") {
        for (const Chardev* chardev : host.chardevs())
            entries.push_back(listed(chardev->id(), "child<chardev-socket>"));
    } else if (path == "/netdevs" || path == "/netdevs/") {
        for (const Netdev* netdev : host.netdevs())
            entries.push_back(listed(netdev->id(), std::string("child<netdev-") + netdev->type() + ">"));
    } else if (Object* object = host.object(object_id(path))) {
        return properties_of(*object);
    } else {
        return no_such_path(path);
    }
    return entries;
}

Result get(FilterHost& host, const Json& arguments) {
    const std::string path = arguments["path"];
    const std::string name = arguments["property"];
    Object* object = host.object(object_id(path));
    if (!object) return no_such_path(path);
    if (name == "type") return Json(object->type());
    const auto property = find_property(*object, name);
    if (!property) return no_such_property(*object, name);
    return to_json(property->get());
}

Result set(FilterHost& host, const Json& arguments) {
    const std::string path = arguments["path"];
    const std::string name = arguments["property"];
    Object* object = host.object(object_id(path));
    if (!object) return no_such_path(path);
    const auto property = find_property(*object, name);
    if (!property) return no_such_property(*object, name);
    if (!property->set)
        return CommandError{"Property '" + std::string(object->type()) + "." + name + "' cannot be set"};
    const auto value = to_value(arguments["value"]);
    if (!value) return CommandError{"Invalid parameter type for '" + name + "', expected: " + property->type};
    try {
        property->set(*value);
    } catch (const std::invalid_argument& error) {
        return CommandError{object->what() + ": " + name + ": " + error.what()};
    }
    return Json::object();
}

/// Of an object that is made for this alone, and never completed: it touches nothing. What no option makes
/// is there, or there is no such type.
Result list_properties(FilterHost& host, const std::string& name) {
    if (const ObjectType* type = ObjectType::find(name)) {
        OptionReader options = OptionReader::of_example(name);
        return properties_of(*type->make(host, "example", options));
    }
    for (Object* object : host.objects()) {
        if (name == object->type()) return properties_of(*object);
    }
    return CommandError{"Class '" + clipped(name) + "' not found"};
}

/// QEMU takes numbers and flags as such; options are text.
std::vector<Option> to_options(const Json& arguments) {
    std::vector<Option> options;
    for (const auto& [key, json] : arguments.items()) {
        const auto value = to_value(json);
        if (!value) throw std::invalid_argument("Invalid parameter type for '" + clipped(key) + "', expected: string");
        const std::string text = std::visit(
            [](const auto& held) {
                if constexpr (std::is_same_v<std::decay_t<decltype(held)>, bool>)
                    return std::string(held ? "on" : "off");
                else if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::string>)
                    return held;
                else
                    return std::to_string(held);
            },
            *value);
        options.push_back({key, text});
    }
    return options;
}

}  // namespace

void add_object_commands(CommandRegistry& registry, FilterHost& host) {
    const auto add = [&](Command command, std::function<Result(const Json&)> function) {
        command.run = answer_with(std::move(function));
        registry.add(std::move(command));
    };
    add({.name = "qom-list", .arguments = {{"path"}}, .help = "what is below a path"},
        [&host](const Json& arguments) { return list(host, arguments["path"]); });
    add({.name = "qom-get", .arguments = {{"path"}, {"property"}}, .help = "a property's value"},
        [&host](const Json& arguments) { return get(host, arguments); });
    add({.name = "qom-set",
         .arguments = {{"path"}, {"property"}, {"value", ArgumentType::kAny}},
         .help = "set a property"},
        [&host](const Json& arguments) { return set(host, arguments); });
    add({.name = "qom-list-properties", .arguments = {{"typename"}}, .help = "a type's properties"},
        [&host](const Json& arguments) { return list_properties(host, arguments["typename"]); });
    add({.name = "object-add",
         .arguments = {{"qom-type"}, {"id"}},
         .help = "make an object: TYPE,id=ID,...",
         .takes_more = true,
         .from_text = from_options("qom-type")},
        [&host](const Json& arguments) -> Result {
            host.add_object(to_options(arguments));
            return Json::object();
        });
    add({.name = "object-del", .arguments = {{"id"}}, .help = "remove an object"},
        [&host](const Json& arguments) -> Result {
            host.remove_object(arguments["id"]);
            return Json::object();
        });
}

}  // namespace colo
