// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/object_type.h"

#include <algorithm>

namespace colo {

namespace {

/// Constant-initialised, so it is there before any registration.
constinit const ObjectType* g_first = nullptr;

}  // namespace

ObjectType::ObjectType(const char* name, Make make, MakeOrder order)
    : name_(name), make_(make), order_(order), next_(g_first) {
    g_first = this;
}

const ObjectType* ObjectType::find(std::string_view name) {
    const ObjectType* type = g_first;
    while (type && name != type->name_) type = type->next_;
    return type;
}

std::vector<std::string> ObjectType::names() {
    std::vector<std::string> names;
    for (const ObjectType* type = g_first; type; type = type->next_) names.emplace_back(type->name_);
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace colo
