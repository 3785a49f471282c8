// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/qemu/proxy_device.h"

#include <glib.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "filter/qemu/qemu_error.h"
#include "filter/qemu/qemu_filter.h"
#include "filter/qemu/worker.h"
#include "io/option_string.h"

namespace colo {

namespace {

/// Of the filter that the device makes, in the order in which qom-list shows them.
constexpr const char* kFilterOptions[] = {
    "netdev", "filter-id", "role",  "queue",  "position", "insert",      "status",           "outdev",
    "indev",  "link",      "nic",   "file",   "maxlen",   "fail-closed", "vnet_hdr_support", "tls-creds",
    "tls-peer", "tls-allow", "insecure", "migrate", "incoming", "start", "disk-external", "failover",
    "on-link-loss", "fence", "set",
};

/// What our thread does with the value, each time one is set.
struct Action {
    const char* name;
    void (PluginHost::*does)(const std::string& value);
};
constexpr Action kActions[] = {
    {"chardev", &PluginHost::add_chardev},     {"object", &PluginHost::add_object},
    {"monitor", &PluginHost::serve_qmp},       {"text-monitor", &PluginHost::serve_text},
    {"metrics", &PluginHost::serve_metrics},
};

struct Device {
    std::vector<Option> options;  ///< of the filter that it makes; behind that for qom-get
    bool is_made = false;
};

std::map<QomObject*, Device>& devices() {
    static auto* all = new std::map<QomObject*, Device>;
    return *all;
}

void (*g_parent_realize)(QomObject*, Error**) = nullptr;

void refuse_doubles(const std::vector<Option>& options) {
    for (auto option = options.begin(); option != options.end(); ++option) {
        const bool comes_again = std::any_of(option + 1, options.end(), [&](const Option& other) { return other.key == option->key; });
        if (comes_again) throw std::invalid_argument(option->key + ": is given twice");
    }
}

bool add_filter(std::vector<Option> options, Error** errors) {
    if (!guarded(errors, [&] { refuse_doubles(options); })) return false;
    std::string name;
    std::erase_if(options, [&](const Option& option) {
        if (option.key != "role") return false;
        name = option.value;
        return true;
    });
    const FilterRole* role = find_role(name);
    if (role) return make_filter(*role, std::move(options), errors);
    std::string all;
    for (const FilterRole& known : filter_roles()) all += (all.empty() ? "" : ", ") + std::string(known.name);
    set_error(errors, "role: '" + name + "' is none of " + all);
    return false;
}

/// It sits on no bus that could let it go: device_del would end QEMU (7.2).
void refuse_unplugging(QomObject* device) {
    Error* reason = nullptr;
    set_error(&reason, "a colo-proxy device stays; its filters are removed by object_del");
    qdev_add_unplug_blocker(device, reason);
}

void realize(QomObject* device, Error** errors) {
    if (g_parent_realize) g_parent_realize(device, errors);
    const std::vector<Option>& options = devices()[device].options;
    const bool names_filter = std::ranges::any_of(
        options, [](const Option& option) { return option.key == "netdev" || option.key == "filter-id"; });
    if (names_filter && !add_filter(options, errors)) return;
    devices()[device].is_made = true;
    refuse_unplugging(device);
}

/// One more filter, at any time.
void add(QomObject*, const char* value, Error** errors) {
    guarded(errors, [&] { add_filter(parse_options(value, "role"), errors); });
}

template <size_t kIndex>
char* get_option(QomObject* device, Error**) {
    std::string value;
    for (const Option& option : devices()[device].options) {
        if (option.key == kFilterOptions[kIndex]) value = option.value;
    }
    return g_strdup(value.c_str());
}

template <size_t kIndex>
void set_option(QomObject* device, const char* value, Error** errors) {
    Device& set = devices()[device];
    if (set.is_made) return set_error(errors, std::string(kFilterOptions[kIndex]) + ": is fixed once the device is made");
    set.options.push_back({kFilterOptions[kIndex], value});
}

template <size_t kIndex>
void act(QomObject*, const char* value, Error** errors) {
    guarded(errors, [value] {
        worker().call([value](PluginHost& host) { (host.*kActions[kIndex].does)(value); });
    });
}

template <size_t... kIndices>
void add_options(QomClass* device_class, std::index_sequence<kIndices...>) {
    (object_class_property_add_str(device_class, kFilterOptions[kIndices], get_option<kIndices>,
                                   set_option<kIndices>),
     ...);
}

template <size_t... kIndices>
void add_actions(QomClass* device_class, std::index_sequence<kIndices...>) {
    (object_class_property_add_str(device_class, kActions[kIndices].name, nullptr, act<kIndices>), ...);
}

void init_device_class(QomClass* device_class, void*) {
    device_class_set_parent_realize(device_class, realize, &g_parent_realize);
    add_options(device_class, std::make_index_sequence<std::size(kFilterOptions)>());
    add_actions(device_class, std::make_index_sequence<std::size(kActions)>());
    object_class_property_add_str(device_class, "add", nullptr, add);
}

}  // namespace

void register_proxy_device() {
    TypeInfo type{};
    type.name = "colo-proxy";
    type.parent = "device";
    type.class_init = init_device_class;
    type_register_static(&type);
}

}  // namespace colo
