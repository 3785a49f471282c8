// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/command_registry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "session_rig.h"

namespace colo {
namespace {

TEST(CommandRegistry, RefusesWhatCouldBeMistakenForAnother) {
    CommandRegistry registry;
    registry.add({"query-one", {}, "", {}});
    EXPECT_THROW(registry.add({"query-one", {}, "", {}}), std::invalid_argument);
    EXPECT_THROW(registry.add({"query_one", {}, "", {}}), std::invalid_argument);
    EXPECT_THROW(registry.add({"other", {}, "", {}, "one"}), std::invalid_argument);
    EXPECT_NO_THROW(registry.add({"one", {}, "", {}}));
}

TEST(CommandRegistry, PeopleNeedNotTellDashesFromUnderscores) {
    const SampleCommands commands;
    EXPECT_TRUE(commands.registry.find_by_word("sample_echo"));
    EXPECT_TRUE(commands.registry.find_by_word("qmp-capabilities"));
    EXPECT_TRUE(commands.registry.find_info("state"));
    EXPECT_TRUE(commands.registry.find_info("version"));
    EXPECT_FALSE(commands.registry.find("sample_echo"));
    EXPECT_FALSE(commands.registry.find_by_word("sample"));
    EXPECT_FALSE(commands.registry.find_info(""));
}

TEST(CommandRegistry, VisitsInTheOrderOfNames) {
    const SampleCommands commands;
    std::vector<std::string> names;
    commands.registry.for_each([&](const Command& command) { names.push_back(command.name); });
    EXPECT_GT(names.size(), 6u);
    EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
}

}  // namespace
}  // namespace colo
