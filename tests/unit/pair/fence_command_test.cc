// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair/fence_command.h"

#include <gtest/gtest.h>

#include <optional>

namespace colo {
namespace {

/// What a command comes to; empty: fenced.
std::string outcome_of(const std::string& command, Time deadline) {
    EventLoop loop;
    FenceCommand fence(loop, command);
    std::optional<std::string> outcome;
    fence.run(deadline, [&](const std::string& why_not) { outcome = why_not; });
    EXPECT_FALSE(outcome) << "told from within";
    while (!outcome) loop.iterate(true);
    return *outcome;
}

TEST(FenceCommand, FencesWithStatusZeroOnly) {
    const struct {
        const char* command;
        const char* outcome;
    } cases[] = {
        {"true", ""},
        {"exit 3", "exit status 3"},
        {"kill -TERM $$", "killed by Terminated"},
        {"no-such-command 2>/dev/null", "exit status 127"},
        {"read line", "exit status 1"},  // there is no input
    };
    for (const auto& [command, outcome] : cases)
        EXPECT_EQ(outcome_of(command, seconds(60)), outcome) << command;
}

TEST(FenceCommand, IsKilledAtItsDeadlineWithAllItHasStarted) {
    EXPECT_EQ(outcome_of("sleep 1000 & wait", milliseconds(20)), "it took longer than fence-deadline");
}

TEST(FenceCommand, GoesWithItsOwner) {
    EventLoop loop;
    FenceCommand fence(loop, "sleep 1000");
    fence.run(seconds(60), [](const std::string&) { FAIL(); });
}

}  // namespace
}  // namespace colo
