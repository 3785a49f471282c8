// SPDX-License-Identifier: GPL-2.0-or-later
// How far a migration has come, of query-migrate's answer.
#pragma once

#include <cstdint>
#include <string>

#include "monitor/json.h"

namespace colo {

struct MigrationProgress {
    std::string status;        ///< QEMU's MigrationStatus: "setup", "active", "colo", "failed", ...
    std::string error;         ///< why it failed, in QEMU's words
    uint64_t transferred = 0;  ///< bytes of RAM, as are the next two
    uint64_t remaining = 0;
    uint64_t total = 0;
    uint64_t rate = 0;    ///< bytes a second, of the last 100 ms
    uint64_t rounds = 0;  ///< over all of the RAM: how often QEMU has looked for dirty pages

    bool is_over() const;
};

/// What is missing or of another type than QEMU's counts as 0 or empty.
MigrationProgress migration_progress(const Json& query_migrate);

}  // namespace colo
