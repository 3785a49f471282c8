// SPDX-License-Identifier: GPL-2.0-or-later
// The monitor commands of the filter objects, a group a file. The host must outlive the registry's
// commands.
#pragma once

#include "monitor/command_registry.h"

namespace colo {

class FilterHost;

/// qom-list, qom-get, qom-set, qom-list-properties, object-add, object-del.
void add_object_commands(CommandRegistry& registry, FilterHost& host);
/// query-chardev, chardev-add, chardev-remove.
void add_chardev_commands(CommandRegistry& registry, FilterHost& host);
/// query-colo-proxy's answer.
Json colo_status(FilterHost& host);
/// query-colo-proxy, colo-proxy-flows, -passthrough-*, -checkpoint: of whatever compares.
void add_colo_commands(CommandRegistry& registry, FilterHost& host);
/// All of the above.
inline void add_filter_commands(CommandRegistry& registry, FilterHost& host) {
    add_object_commands(registry, host);
    add_chardev_commands(registry, host);
    add_colo_commands(registry, host);
}
/// The rest of colo-proxy-*, where no QEMU is driven.
void add_run_commands(CommandRegistry& registry, FilterHost& host);

}  // namespace colo
