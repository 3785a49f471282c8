// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/start_progress.h"

#include <gtest/gtest.h>

namespace colo {
namespace {

std::string shown(uint64_t transferred, uint64_t remaining, uint64_t total) {
    MigrationProgress progress;
    progress.transferred = transferred;
    progress.remaining = remaining;
    progress.total = total;
    progress.rate = 115'300'000;
    return start_progress_text(progress);
}

TEST(StartProgress, BarFollowsWhatIsLeft) {
    EXPECT_EQ(shown(0, 1000, 1000), "[--------------------]   0%, 0 bytes, 1,000 bytes remaining, 115.3 MB/s");
    EXPECT_EQ(shown(750, 500, 1000), "[##########----------]  50%, 750 bytes, 500 bytes remaining, 115.3 MB/s");
    EXPECT_EQ(shown(1750, 0, 1000), "[####################] 100%, 1,750 bytes, 0 bytes remaining, 115.3 MB/s");
}

TEST(StartProgress, FiguresThatMakeNoSenseDoNoHarm) {
    EXPECT_EQ(shown(0, 5, 0).substr(0, 27), "[--------------------]   0%");
    EXPECT_EQ(shown(0, 2000, 1000).substr(0, 27), "[--------------------]   0%");
}

}  // namespace
}  // namespace colo
