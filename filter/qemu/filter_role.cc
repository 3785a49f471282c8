// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/qemu/filter_role.h"

#include <algorithm>

namespace colo {

namespace {

/// QEMU has types of its own by the names that ours have elsewhere.
constexpr FilterRole kRoles[] = {
    {"primary", "filter-colo-proxy", nullptr, Role::kPrimary, true},
    {"secondary", "filter-colo-proxy", nullptr, Role::kSecondary, true},
    {"mirror", "filter-colo-mirror", "filter-mirror", std::nullopt, false},
    {"redirector", "filter-colo-redirector", "filter-redirector", std::nullopt, false},
    {"rewriter", "filter-colo-rewriter", "filter-rewriter", std::nullopt, true},
    {"dump", "filter-colo-dump", "filter-dump", std::nullopt, true},
};

}  // namespace

std::span<const FilterRole> filter_roles() { return kRoles; }

bool is_qemus_option(std::string_view name) {
    constexpr std::string_view kNames[] = {"netdev", "queue", "position", "insert", "status"};
    return std::ranges::find(kNames, name) != std::end(kNames);
}

const FilterRole* find_role(std::string_view name) {
    const auto* found = std::ranges::find(kRoles, name, [](const FilterRole& role) { return std::string_view(role.name); });
    return found == std::end(kRoles) ? nullptr : found;
}

}  // namespace colo
