// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/qemu/qemu_imports.h"

#include <algorithm>

#include "filter/qemu/qemu_abi.h"

namespace colo {

namespace {

struct Import {
    const char* name;
    const void* address;
};

#define COLO_IMPORT(name) Import{#name, reinterpret_cast<const void*>(&name)}

std::vector<Import> imports() {
    return {
        COLO_IMPORT(device_class_set_parent_realize),
        COLO_IMPORT(error_free),
        COLO_IMPORT(error_get_pretty),
        COLO_IMPORT(error_setg_internal),
        COLO_IMPORT(object_class_by_name),
        COLO_IMPORT(object_class_property_add_str),
        COLO_IMPORT(object_get_objects_root),
        COLO_IMPORT(object_new_with_props),
        COLO_IMPORT(object_property_add),
        COLO_IMPORT(object_property_find),
        COLO_IMPORT(object_property_get_str),
        COLO_IMPORT(object_property_set_str),
        COLO_IMPORT(qdev_add_unplug_blocker),
        COLO_IMPORT(qdict_destroy_obj),
        COLO_IMPORT(qemu_add_vm_change_state_handler),
        COLO_IMPORT(qemu_can_send_packet),
        COLO_IMPORT(qemu_del_vm_change_state_handler),
        COLO_IMPORT(qemu_find_netdev),
        COLO_IMPORT(qemu_get_peer),
        COLO_IMPORT(qemu_has_vnet_hdr),
        COLO_IMPORT(qemu_netfilter_pass_to_next),
        COLO_IMPORT(qemu_register_shutdown_notifier),
        COLO_IMPORT(qemu_set_vnet_hdr_len),
        COLO_IMPORT(qmp_commands),
        COLO_IMPORT(qmp_dispatch),
        COLO_IMPORT(qmp_set_link),
        COLO_IMPORT(qobject_from_json),
        COLO_IMPORT(qobject_to_json),
        COLO_IMPORT(runstate_is_running),
        COLO_IMPORT(type_register_static),
        COLO_IMPORT(visit_type_bool),
        COLO_IMPORT(visit_type_str),
        COLO_IMPORT(visit_type_uint64),
    };
}

#undef COLO_IMPORT

/// The functions for TCG plugins, which are all that a usual build exports, are not among them.
constexpr size_t kMostNamed = 6;

}  // namespace

std::vector<std::string> missing_imports() {
    std::vector<std::string> names;
    for (const Import& import : imports()) {
        if (!import.address) names.emplace_back(import.name);
    }
    return names;
}

std::string describe_missing(const std::vector<std::string>& names) {
    if (names.empty()) return {};
    std::string text = "this QEMU does not export what a netdev filter needs (it must have been configured with "
                       "--enable-modules, as Debian's is); missing: ";
    for (size_t i = 0; i < std::min(names.size(), kMostNamed); ++i) text += (i > 0 ? ", " : "") + names[i];
    if (names.size() > kMostNamed) text += " and " + std::to_string(names.size() - kMostNamed) + " more";
    return text;
}

}  // namespace colo
