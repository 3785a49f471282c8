// SPDX-License-Identifier: GPL-2.0-or-later
// Members of what QEMU has answered, which need be neither there nor of the type they should have.
#pragma once

#include <cstdint>
#include <string>

#include "monitor/json.h"

namespace colo {

/// null: `value` is no object, or has no such member.
const Json& member(const Json& value, const char* name);
/// Empty: it is not there, or no string.
std::string string_member(const Json& value, const char* name);
/// 0: it is not there, or no number from 0 on.
uint64_t number_member(const Json& value, const char* name);
/// false: it is not there, or no boolean.
bool is_set(const Json& value, const char* name);

}  // namespace colo
