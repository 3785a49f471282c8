// SPDX-License-Identifier: GPL-2.0-or-later
// Properties of our objects on QEMU's, for qom-get and qom-set.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "filter/qemu/plugin_host.h"
#include "filter/qemu/qemu_abi.h"

namespace colo {

/// Asks our thread each time. `filter`: its id.
void bridge_property(QomObject* object, const std::string& filter, const PropertyInfo& property);

/// Read-only, and no matter of our thread's.
void add_counter_property(QomObject* object, const char* name, std::function<uint64_t()> count);

}  // namespace colo
