// SPDX-License-Identifier: GPL-2.0-or-later
#include "qemu/migration_progress.h"

#include <algorithm>

#include "monitor/json_value.h"
#include "qemu/json_members.h"

namespace colo {

namespace {

/// QEMU's "mbps": megabits a second.
uint64_t bytes_a_second(const Json& mbps) {
    constexpr double kMost = 1e15;
    if (!mbps.is_number()) return 0;
    return static_cast<uint64_t>(std::clamp(mbps.get<double>() * 1e6 / 8, 0.0, kMost));
}

}  // namespace

MigrationProgress migration_progress(const Json& query_migrate) {
    const Json& ram = member(query_migrate, "ram");
    MigrationProgress progress;
    progress.status = string_member(query_migrate, "status");
    progress.error = string_member(query_migrate, "error-desc");
    progress.transferred = number_member(ram, "transferred");
    progress.remaining = number_member(ram, "remaining");
    progress.total = number_member(ram, "total");
    progress.rate = bytes_a_second(member(ram, "mbps"));
    progress.rounds = number_member(ram, "dirty-sync-count");
    return progress;
}

bool MigrationProgress::is_over() const {
    return status.empty() || status == "completed" || status == "failed" || status == "cancelled";
}

}  // namespace colo
