// SPDX-License-Identifier: GPL-2.0-or-later
// What a filter can be: `role=` of the device, QEMU's type that stands for it, and ours that does it.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "checkpoint/vm_health.h"

namespace colo {

struct FilterRole {
    const char* name;
    const char* qemu_type;
    const char* object_type;  ///< ours; nullptr: a protected VM's NIC
    std::optional<Role> side;  ///< of a pair, of such a NIC
    /// At a failover QEMU switches filters off: not this one, whose VM is not left by it.
    bool survives_failover = false;
};

std::span<const FilterRole> filter_roles();
/// Of the options, those that QEMU's own filter has.
bool is_qemus_option(std::string_view name);
/// nullptr: there is none.
const FilterRole* find_role(std::string_view name);

}  // namespace colo
