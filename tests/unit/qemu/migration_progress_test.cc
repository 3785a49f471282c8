// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/json_value.h"
#include "qemu/migration_progress.h"

#include <gtest/gtest.h>

namespace colo {
namespace {

TEST(MigrationProgress, IsReadFromQemusAnswer) {
    const MigrationProgress progress = migration_progress({{"status", "active"},
                                                           {"ram",
                                                            {{"transferred", 11},
                                                             {"remaining", 12},
                                                             {"total", 13},
                                                             {"mbps", 0.008},
                                                             {"dirty-sync-count", 3}}}});
    EXPECT_EQ(progress.status, "active");
    EXPECT_EQ(progress.transferred, 11u);
    EXPECT_EQ(progress.remaining, 12u);
    EXPECT_EQ(progress.total, 13u);
    EXPECT_EQ(progress.rate, 1000u);
    EXPECT_EQ(progress.rounds, 3u);
    EXPECT_FALSE(progress.is_over());
}

TEST(MigrationProgress, NonsenseIsNothing) {
    for (const Json& answer :
         {Json(nullptr), Json(1), Json::array({1}), Json({{"status", 1}, {"ram", "x"}}),
          Json({{"ram", {{"remaining", -1}, {"mbps", -1e300}}}})}) {
        const MigrationProgress progress = migration_progress(answer);
        EXPECT_EQ(progress.remaining, 0u);
        EXPECT_EQ(progress.rate, 0u);
        EXPECT_TRUE(progress.is_over());
    }
}

TEST(MigrationProgress, SomeStatusesAreTheEnd) {
    for (const char* status : {"completed", "failed", "cancelled"}) {
        EXPECT_TRUE(migration_progress({{"status", status}}).is_over()) << status;
    }
    for (const char* status : {"setup", "active", "cancelling", "colo", "wait-unplug"}) {
        EXPECT_FALSE(migration_progress({{"status", status}}).is_over()) << status;
    }
}

}  // namespace
}  // namespace colo
