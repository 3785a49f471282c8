// SPDX-License-Identifier: GPL-2.0-or-later
#include "qemu/json_members.h"

#include "monitor/json_value.h"

namespace colo {

const Json& member(const Json& value, const char* name) {
    static const Json kNothing;
    if (!value.is_object()) return kNothing;
    const auto found = value.find(name);
    return found != value.end() ? *found : kNothing;
}

std::string string_member(const Json& value, const char* name) {
    const Json& found = member(value, name);
    return found.is_string() ? found.get<std::string>() : "";
}

uint64_t number_member(const Json& value, const char* name) {
    const Json& found = member(value, name);
    if (found.is_number_unsigned()) return found.get<uint64_t>();
    return found.is_number_integer() && found.get<int64_t>() > 0 ? found.get<uint64_t>() : 0;
}

bool is_set(const Json& value, const char* name) {
    const Json& found = member(value, name);
    return found.is_boolean() && found.get<bool>();
}

}  // namespace colo
