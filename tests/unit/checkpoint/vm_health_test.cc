// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkpoint/vm_health.h"

#include <gtest/gtest.h>

#include <string>

namespace colo {
namespace {

constexpr Time kWell{0};
constexpr Time kLong = seconds(5);
constexpr Time kRecent = kLong - Time(1);

struct Case {
    const char* name;
    std::optional<ColoPhase> phase;
    Time channel_silence;
    Time primary_silence;  ///< of its QMP
    Time secondary_silence;
    bool primary_fails;
    bool secondary_fails;
};

class VmHealthTest : public testing::TestWithParam<Case> {};

TEST_P(VmHealthTest, BlamesWhomThePairWaitsFor) {
    const Case& c = GetParam();
    const VmHealth primary{false, c.primary_silence, c.phase, c.channel_silence};
    const VmHealth secondary{false, c.secondary_silence, c.phase, c.channel_silence};
    EXPECT_EQ(failure_of(Role::kPrimary, primary, secondary, {}).has_value(), c.primary_fails);
    EXPECT_EQ(failure_of(Role::kSecondary, secondary, primary, {}).has_value(), c.secondary_fails);
}

INSTANTIATE_TEST_SUITE_P(
    All, VmHealthTest,
    testing::Values(
        Case{"NoChannel", std::nullopt, kWell, kWell, kWell, false, false},
        Case{"NoChannelPrimarySilent", std::nullopt, kWell, kLong, kWell, true, false},
        Case{"QuietChannelBetweenCheckpoints", ColoPhase::kRunning, seconds(100), kWell, kWell,
             false, false},
        Case{"SilentBetweenCheckpoints", ColoPhase::kRunning, kWell, kLong, kLong, true, true},
        Case{"NotYetSilent", ColoPhase::kRunning, kWell, kRecent, kRecent, false, false},
        Case{"LongCheckpointThatMoves", ColoPhase::kReplied, kRecent, kLong, seconds(100), false,
             false},
        Case{"NoReply", ColoPhase::kRequested, kLong, kWell, kLong, false, true},
        Case{"NoReplyAndTheMonitorAnswers", ColoPhase::kRequested, kLong, kWell, kWell, false,
             true},
        Case{"StateStopsAndThePrimaryAnswers", ColoPhase::kReplied, kLong, kWell, kLong, false,
             true},
        Case{"StateStopsAndThePrimaryIsSilent", ColoPhase::kReplied, kLong, kLong / 2, kLong, true,
             false},
        Case{"NotLoaded", ColoPhase::kReceived, kLong, kWell, kLong, false, true}),
    [](const auto& info) { return info.param.name; });

TEST(VmHealthTexts, NameWhatIsWrong) {
    VmHealth gone;
    gone.is_gone = true;
    EXPECT_EQ(failure_of(Role::kSecondary, gone, {}, {}), "QEMU is gone");
    VmHealth silent;
    silent.qmp_silence = milliseconds(6270);
    EXPECT_EQ(failure_of(Role::kPrimary, silent, {}, {}), "QMP has not answered for 6.2 s");
    const VmHealth stuck{false, Time(0), ColoPhase::kReceived, seconds(7)};
    EXPECT_EQ(failure_of(Role::kSecondary, stuck, {}, {}),
              "a checkpoint stands still (received) since 7.0 s");
}

TEST(VmHealthTexts, NobodyIsBlamedForACheckpointWhoseOtherVmIsGone) {
    VmHealth gone;
    gone.is_gone = true;
    for (const ColoPhase phase : {ColoPhase::kRequested, ColoPhase::kReplied, ColoPhase::kReceived}) {
        for (const Role role : {Role::kPrimary, Role::kSecondary}) {
            const VmHealth waiting{false, seconds(9), phase, seconds(9)};
            EXPECT_EQ(failure_of(role, waiting, gone, {}), std::nullopt) << to_string(phase) << " " << to_string(role);
        }
    }
}

}  // namespace
}  // namespace colo
