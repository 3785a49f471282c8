// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "cli/replay_spool.h"
#include "tests/unit/cli/capture_folder.h"

namespace colo {
namespace {

std::string copy_of(ReplaySpool& spool) {
    return test::printed([&](std::FILE* out) { spool.copy_to(out); });
}

TEST(SpoolTest, GivesBackWhatItGot) {
    ReplaySpool spool;
    std::string expected;
    for (int i = 0; i < 50'000; ++i) {  // several chunks
        const std::string text = std::to_string(i) + std::string(1, '\0');
        spool.add(text);
        expected += text;
    }
    EXPECT_FALSE(spool.empty());
    EXPECT_EQ(copy_of(spool), expected);
}

TEST(SpoolTest, WithoutTextThereIsNothing) {
    ReplaySpool spool;
    EXPECT_TRUE(spool.empty());
    EXPECT_EQ(copy_of(spool), "");
}

TEST(SpoolTest, AFullOutputShowsItsError) {
    ReplaySpool spool;
    spool.add(std::string(1 << 20, 'x'));
    std::FILE* full = std::fopen("/dev/full", "w");
    ASSERT_TRUE(full);
    spool.copy_to(full);
    EXPECT_TRUE(std::ferror(full));
    std::fclose(full);
}

}  // namespace
}  // namespace colo
