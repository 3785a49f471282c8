// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/qemu/property_bridge.h"

#include <glib.h>

#include <string_view>
#include <utility>

#include "filter/qemu/qemu_error.h"
#include "filter/qemu/worker.h"

namespace colo {

namespace {

struct Bridged {
    std::string filter;
    PropertyInfo info;
};

void show(Visitor* visitor, const char* name, const Value& value, Error** errors) {
    if (const bool* flag = std::get_if<bool>(&value)) {
        bool shown = *flag;
        visit_type_bool(visitor, name, &shown, errors);
    } else if (const auto* number = std::get_if<uint64_t>(&value)) {
        uint64_t shown = *number;
        visit_type_uint64(visitor, name, &shown, errors);
    } else {
        char* shown = g_strdup(std::get<std::string>(value).c_str());
        visit_type_str(visitor, name, &shown, errors);
        g_free(shown);
    }
}

/// Nothing: `errors` says why.
std::optional<Value> take(Visitor* visitor, const char* name, std::string_view type, Error** errors) {
    if (type == "bool") {
        bool flag = false;
        if (!visit_type_bool(visitor, name, &flag, errors)) return std::nullopt;
        return Value(flag);
    }
    if (type.starts_with("uint")) {
        uint64_t number = 0;
        if (!visit_type_uint64(visitor, name, &number, errors)) return std::nullopt;
        return Value(number);
    }
    char* text = nullptr;
    if (!visit_type_str(visitor, name, &text, errors)) return std::nullopt;
    const std::string value = text;
    g_free(text);
    return Value(value);
}

void get_bridged(QomObject*, Visitor* visitor, const char* name, void* opaque, Error** errors) {
    const auto& bridged = *static_cast<const Bridged*>(opaque);
    Value value;
    const bool got = guarded(errors, [&] {
        worker().call([&](PluginHost& host) { value = host.get(bridged.filter, bridged.info.name); });
    });
    if (got) show(visitor, name, value, errors);
}

void set_bridged(QomObject*, Visitor* visitor, const char* name, void* opaque, Error** errors) {
    const auto& bridged = *static_cast<const Bridged*>(opaque);
    const auto value = take(visitor, name, bridged.info.type, errors);
    if (!value) return;
    guarded(errors, [&] {
        worker().call([&](PluginHost& host) { host.set(bridged.filter, bridged.info.name, *value); });
    });
}

using Count = std::function<uint64_t()>;

void get_count(QomObject*, Visitor* visitor, const char* name, void* opaque, Error** errors) {
    show(visitor, name, Value((*static_cast<const Count*>(opaque))()), errors);
}

template <typename Held>
void release(QomObject*, const char*, void* opaque) {
    delete static_cast<Held*>(opaque);
}

}  // namespace

void bridge_property(QomObject* object, const std::string& filter, const PropertyInfo& property) {
    object_property_add(object, property.name.c_str(), property.type, get_bridged,
                        property.can_be_set ? set_bridged : nullptr, release<Bridged>,
                        new Bridged{filter, property});
}

void add_counter_property(QomObject* object, const char* name, std::function<uint64_t()> count) {
    object_property_add(object, name, "uint64", get_count, nullptr, release<Count>, new Count(std::move(count)));
}

}  // namespace colo
