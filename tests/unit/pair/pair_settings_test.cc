// SPDX-License-Identifier: GPL-2.0-or-later
// semantics.md, "Defaults", and how each is set.
#include "pair/pair_settings.h"

#include <gtest/gtest.h>

#include <map>
#include <stdexcept>

namespace colo {
namespace {

const std::map<std::string, uint64_t> kDefaults{
    {"compare_timeout", 250}, {"expired_scan_cycle", 50},       {"max_queue_size", 1024},
    {"max-queue-bytes", 64u << 20}, {"max-connections", 1'000'000}, {"min-interval", 10},
    {"max-interval", 20'000}, {"simple-enter", 20},             {"simple-window", 2000},
    {"simple-interval", 100}, {"simple-trial", 5000},           {"heartbeat", 200},
    {"link-deadline", 3000},  {"vm-deadline", 5000},            {"checkpoint-deadline", 5000},
    {"fence-deadline", 30'000}};

std::map<std::string, uint64_t> values(PairSettings& settings) {
    std::map<std::string, uint64_t> all;
    for (const Property& property : settings.properties([] {}))
        all[property.name] = std::get<uint64_t>(property.get());
    return all;
}

TEST(PairSettings, HaveTheirDefaults) {
    PairSettings settings;
    EXPECT_EQ(values(settings), kDefaults);
}

TEST(PairSettings, AreSetOneByOne) {
    for (const auto& [name, value] : kDefaults) {
        PairSettings settings;
        settings.set(name + "=" + std::to_string(value + 1));
        auto expected = kDefaults;
        ++expected[name];
        EXPECT_EQ(values(settings), expected) << name;
    }
}

TEST(PairSettings, TellThatTheyHaveChanged) {
    PairSettings settings;
    int changes = 0;
    for (const Property& property : settings.properties([&] { ++changes; })) property.set(uint64_t{7});
    EXPECT_EQ(changes, static_cast<int>(kDefaults.size()));
}

TEST(PairSettings, ChangeThatFailsIsTakenBack) {
    PairSettings settings;
    const auto changed = [&] {
        if (settings.compare.max_connections == 7) throw std::invalid_argument("no memory");
    };
    for (const Property& property : settings.properties(changed)) {
        if (property.name != "max-connections") continue;
        EXPECT_THROW(property.set(uint64_t{7}), std::invalid_argument);
    }
    EXPECT_EQ(values(settings), kDefaults);
}

TEST(PairSettings, RefuseWhatMakesNoSense) {
    for (const char* text : {"", "heartbeat", "heartbeat=", "heartbeat=0", "heartbeat=-1", "heartbeat=1s",
                             "heartbeat=4294967296", "max-connections=4294967296", "nothing=1", "=1"}) {
        PairSettings settings;
        EXPECT_THROW(settings.set(text), std::invalid_argument) << text;
        EXPECT_EQ(values(settings), kDefaults) << text;
    }
}

}  // namespace
}  // namespace colo
