// SPDX-License-Identifier: GPL-2.0-or-later
// semantics.md, 10: who may go on.
#include "checkpoint/failover.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace colo {
namespace {

constexpr auto kPrimary = Role::kPrimary;
constexpr auto kSecondary = Role::kSecondary;
constexpr FailoverConfig kManual{};
constexpr FailoverConfig kFence{.is_automatic = false, .has_fence = true};
constexpr FailoverConfig kAuto{.is_automatic = true, .has_fence = true};
constexpr FailoverConfig kAutoWithoutFence{.is_automatic = true};
constexpr FailoverConfig kSolo{.goes_solo = true};

/// One proxy's machine and what it ordered.
class Side final : public Failover::Orders {
  public:
    Side(Role role, const FailoverConfig& config, bool peer_goes_solo = false)
        : machine(role, config, *this) {
        machine.protect(peer_goes_solo);
    }

    void hold_output() override { note("hold"); }
    void shut() override { note("shut"); }
    void run_fence() override { note("fence"); }
    void send_resign(const std::string&) override { note("RESIGN"); }
    void send_stand_down() override { note("STAND-DOWN"); }
    void send_refusal(const std::string&) override { note("REFUSED"); }
    void go_on() override { note("go"); }
    void answer_operator(const std::optional<std::string>& error) override {
        note(error ? "error" : "done");
        last_error = error.value_or("");
    }

    std::string orders() { return std::exchange(orders_, ""); }
    std::string state() const { return to_string(machine.state()); }
    /// The operator's command: "" when it is taken up.
    std::string command(bool with_force) {
        return machine.operator_wants(with_force, seconds(1)).value_or("");
    }

    Failover machine;
    std::string last_error;

  private:
    void note(const std::string& order) { orders_ += (orders_.empty() ? "" : " ") + order; }

    std::string orders_;
};

struct Story {
    const char* name;
    Role role;
    FailoverConfig config;
    bool peer_goes_solo;
    std::function<void(Side&)> events;
    const char* orders;
    const char* state;
};

void lose_link(Side& side) {
    side.machine.link_lost();
}
void peer_fails(Side& side) {
    side.machine.peer_vm_failed("QEMU is gone");
}
void local_fails(Side& side) {
    side.machine.local_vm_failed("QEMU is gone");
}
void peer_recovers(Side& side) {
    side.machine.peer_vm_failed(std::nullopt);
}
void answers(Side& side) {
    side.machine.local_vm_answers();
}
void peer_heard(Side& side) {
    side.machine.peer_heard();
}
void local_recovers(Side& side) {
    side.machine.local_vm_failed(std::nullopt);
}
void breaks(Side& side) {
    side.machine.pair_broken("the channel is broken");
}
void told(Side& side) {
    side.machine.told_to_stand_down();
}
void resigned(Side& side) {
    side.machine.peer_resigned();
}

template <typename... Events>
std::function<void(Side&)> in_turn(Events... events) {
    return [=](Side& side) { (events(side), ...); };
}
void fence_works(Side& side) {
    side.machine.fence_ended(true);
}
void fence_fails(Side& side) {
    side.machine.fence_ended(false);
}
void link_back(Side& side) {
    side.machine.link_found();
}
void forced(Side& side) {
    EXPECT_EQ(side.command(true), "");
}
void asked(Side& side) {
    EXPECT_EQ(side.command(false), "");
}
void answered_late(Side& side) {
    side.machine.tick(seconds(1) + seconds(3));
}
void succeeded(Side& side) {
    side.machine.gone_on();
}
void not_succeeded(Side& side) {
    side.machine.could_not_go_on("no");
}

class Stories : public testing::TestWithParam<Story> {};

TEST_P(Stories, EndAsTold) {
    const Story& story = GetParam();
    Side side(story.role, story.config, story.peer_goes_solo);
    story.events(side);
    EXPECT_EQ(side.orders(), story.orders);
    EXPECT_EQ(side.state(), story.state);
}

INSTANTIATE_TEST_SUITE_P(
    Primary, Stories,
    testing::Values(
        Story{"HoldsWhenTheLinkIsLost", kPrimary, kManual, false, lose_link, "hold", "undecided"},
        Story{"GoesOnAtTheResign", kPrimary, kManual, false, resigned, "go", "going on"},
        Story{"DoesNotGoOnWithADeadVm", kPrimary, kManual, false, in_turn(local_fails, resigned),
              "", "protected"},
        Story{"GoesOnWhenItsVmRecovers", kPrimary, kManual, false,
              in_turn(local_fails, resigned,
                      [](Side& side) { side.machine.local_vm_failed(std::nullopt); }),
              "go", "going on"},
        Story{"WaitsForTheResignOfAVmThatFailed", kPrimary, kAuto, false, peer_fails, "",
              "protected"},
        Story{"FencesWhenTheLinkIsLost", kPrimary, kAuto, false, in_turn(lose_link, fence_works),
              "hold fence go", "going on"},
        Story{"IsUndecidedAfterAFenceThatFailed", kPrimary, kAuto, false,
              in_turn(lose_link, fence_fails), "hold fence", "undecided"},
        Story{"DoesNotFenceUnlessAutomatic", kPrimary, kFence, false, lose_link, "hold",
              "undecided"},
        Story{"CannotFenceWithoutACommand", kPrimary, kAutoWithoutFence, false, lose_link, "hold",
              "undecided"},
        Story{"DoesNotGoOnAfterTheFenceWithADeadVm", kPrimary, kAuto, false,
              in_turn(lose_link, local_fails, fence_works), "hold fence", "undecided"},
        Story{"ResignBeatsTheFence", kPrimary, kAuto, false,
              in_turn(lose_link, resigned, fence_works), "hold fence go", "going on"},
        Story{"TriesAgainWhenItsVmHasRecovered", kPrimary, kManual, false,
              in_turn(resigned, local_fails, not_succeeded,
                      [](Side& side) { side.machine.local_vm_failed(std::nullopt); }),
              "go go", "going on"},
        Story{"SoloGoesOnWhenTheLinkIsLost", kPrimary, kSolo, false, lose_link, "hold go",
              "going on"},
        Story{"SoloWithADeadVmDoesNot", kPrimary, kSolo, false, in_turn(local_fails, lose_link),
              "hold", "undecided"},
        Story{"OperatorDecidesWithoutALink", kPrimary, kManual, false,
              in_turn(lose_link, asked, succeeded), "hold go done", "alone"},
        Story{"OperatorWithForceAsksFirst", kPrimary, kManual, false,
              in_turn(forced, resigned, succeeded), "STAND-DOWN go done", "alone"},
        Story{"GoesOnWhenNobodyAnswers", kPrimary, kManual, false, in_turn(forced, answered_late),
              "STAND-DOWN go", "going on"},
        Story{"PrevailsWhenBothAreTold", kPrimary, kManual, false, in_turn(forced, told, resigned),
              "STAND-DOWN REFUSED go", "going on"},
        Story{"StandsDown", kPrimary, kManual, false, told, "shut RESIGN", "resigned"},
        Story{"StandsDownWhenUndecided", kPrimary, kManual, false,
              in_turn(lose_link, link_back, told), "hold shut RESIGN", "resigned"},
        Story{"RefusesWhenItRunsAlone", kPrimary, kManual, false,
              in_turn(resigned, succeeded, told), "go REFUSED", "alone"},
        Story{"RefusesWhileItFences", kPrimary, kAuto, false, in_turn(lose_link, link_back, told),
              "hold fence REFUSED", "fencing"},
        Story{"HoldsUntilTheSecondaryOfABrokenPairHasResigned", kPrimary, kManual, false,
              in_turn(breaks, breaks, resigned), "hold go", "going on"},
        Story{"AsksTheSecondaryOfABrokenPair", kPrimary, kManual, false, in_turn(breaks, forced),
              "hold STAND-DOWN", "asking"},
        Story{"OperatorOverridesARunningFence", kPrimary, kAuto, false,
              in_turn(lose_link, forced, fence_fails), "hold fence go", "going on"}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Secondary, Stories,
    testing::Values(
        Story{"GivesUpWhenTheLinkIsThereAgain", kSecondary, kManual, false,
              in_turn(lose_link, link_back), "hold shut RESIGN", "resigned"},
        Story{"GivesUpWhenThePairIsBroken", kSecondary, kManual, false, breaks, "hold shut RESIGN", "resigned"},
        Story{"IsStillNeededInABrokenPairWhosePrimaryHasFailed", kSecondary, kManual, false,
              in_turn(peer_fails, breaks), "hold", "undecided"},
        Story{"GivesUpWhenTheFenceHasFailedAndTheLinkIsThereAgain", kSecondary, kAuto, false,
              in_turn(lose_link, link_back, fence_fails, peer_heard), "hold fence shut RESIGN", "resigned"},
        Story{"WaitsForNewsOfAPeerThatAFailedFenceMayHaveHit", kSecondary, kAuto, false,
              in_turn(lose_link, link_back, fence_fails, lose_link, forced), "hold fence hold go", "going on"},
        Story{"WithAFailedVmItIsNotGivenUpForAPeerThatAFailedFenceMayHaveHit", kSecondary, kAuto, false,
              in_turn(peer_fails, local_fails, fence_fails), "fence", "protected"},
        Story{"WithAFailedVmItIsGivenUpForAPeerThatIsHeardAfterTheFence", kSecondary, kAuto, false,
              in_turn(peer_fails, local_fails, fence_fails, peer_heard), "fence shut RESIGN", "resigned"},
        Story{"GivesUpWhenTheLinkAndThenThePeersVmAreThereAgain", kSecondary, kManual, false,
              in_turn(lose_link, peer_fails, link_back, peer_recovers), "hold shut RESIGN", "resigned"},
        Story{"DecidedForItIsNotGivenUpWithItsVm", kSecondary, kAuto, false,
              in_turn(lose_link, fence_works, not_succeeded, local_fails, link_back), "hold fence go", "undecided"},
        Story{"DecidedForItGoesOnWhenItsVmRecovers", kSecondary, kAuto, false,
              in_turn(lose_link, fence_works, not_succeeded, local_fails, local_recovers), "hold fence go go",
              "going on"},
        Story{"DecidedForItTriesAgainWhenItsVmAnswers", kSecondary, kAuto, false,
              in_turn(lose_link, fence_works, not_succeeded, answers), "hold fence go go", "going on"},
        Story{"AnAnswerAloneDecidesNothing", kSecondary, kManual, false, in_turn(lose_link, answers), "hold",
              "undecided"},
        Story{"DecidedForItTriesWithAFailedVmWhenForced", kSecondary, kManual, false,
              in_turn(lose_link, asked, not_succeeded, local_fails, forced), "hold go error go", "going on"},
        Story{"IsStillNeededWhenThePeersVmHasFailed", kSecondary, kManual, false,
              in_turn(lose_link, peer_fails, link_back), "hold", "undecided"},
        Story{"IsStillNeededWhenThePrimaryHasResigned", kSecondary, kManual, false,
              in_turn(resigned, local_fails, not_succeeded, lose_link, link_back), "go hold",
              "undecided"},
        Story{"StaysShutWhenTheLinkIsLost", kSecondary, kManual, false, lose_link, "hold",
              "undecided"},
        Story{"ResignsWhenItsVmFails", kSecondary, kManual, false, local_fails, "shut RESIGN",
              "resigned"},
        Story{"ResignsAgainWhenTheLinkIsBack", kSecondary, kManual, false,
              in_turn(lose_link, local_fails, link_back), "hold shut RESIGN", "resigned"},
        Story{"NeverComesBackFromAResign", kSecondary, kAuto, false,
              in_turn(
                  local_fails, [](Side& side) { side.machine.local_vm_failed(std::nullopt); },
                  lose_link),
              "shut RESIGN", "resigned"},
        Story{"TakesOverAtALateResign", kSecondary, kManual, true,
              in_turn(forced, answered_late, resigned), "STAND-DOWN error go", "going on"},
        Story{"WaitsForItsVmWhenNobodyElseIsLeft", kSecondary, kManual, false,
              in_turn(resigned, not_succeeded, local_fails), "go", "undecided"},
        Story{"FencesAPrimaryThatFailed", kSecondary, kAuto, false,
              in_turn(peer_fails, fence_works), "fence go", "going on"},
        Story{"FencesWhenTheLinkIsLost", kSecondary, kAuto, false, in_turn(lose_link, fence_works),
              "hold fence go", "going on"},
        Story{"DoesNotFenceASoloPrimary", kSecondary, kAuto, true, lose_link, "hold", "undecided"},
        Story{"FenceThatFailedIsNotRunAgain", kSecondary, kAuto, false,
              in_turn(peer_fails, fence_fails, lose_link), "fence hold", "undecided"},
        Story{"OperatorDecidesWithoutALink", kSecondary, kManual, false,
              in_turn(lose_link, asked, succeeded), "hold go done", "alone"},
        Story{"OperatorsPrimaryIsAskedWhenItsVmFailed", kSecondary, kManual, false,
              in_turn(peer_fails, asked, resigned, succeeded), "STAND-DOWN go done", "alone"},
        Story{"TakesOverWhenTheLinkGoesWhileItAsks", kSecondary, kManual, false,
              in_turn(forced, lose_link), "STAND-DOWN go", "going on"},
        Story{"DoesNotTakeOverFromASoloPrimaryThatFallsSilent", kSecondary, kManual, true,
              in_turn(peer_fails, asked, lose_link), "STAND-DOWN error", "undecided"},
        Story{"ForceSaidAgainTakesOverFromASoloPrimaryThatFellSilent", kSecondary, kManual, true,
              in_turn(peer_fails, forced, lose_link, forced), "STAND-DOWN error go", "going on"},
        Story{"YieldsWhenBothAreTold", kSecondary, kManual, false, in_turn(forced, told),
              "STAND-DOWN shut RESIGN error", "resigned"},
        Story{"StaysWhenItIsRefused", kSecondary, kManual, false,
              in_turn(forced, [](Side& side) { side.machine.refused("alone"); }),
              "STAND-DOWN error", "protected"},
        Story{"MayBeToldAgainWhenItCouldNot", kSecondary, kManual, false,
              in_turn(forced, resigned, not_succeeded, asked), "STAND-DOWN go error go",
              "going on"},
        Story{"LateFenceChangesNothing", kSecondary, kManual, false, fence_works, "", "protected"}),
    [](const auto& info) { return info.param.name; });

struct Refusal {
    const char* name;
    Role role;
    FailoverConfig config;
    bool peer_goes_solo;
    std::function<void(Side&)> events;
    bool with_force;
    const char* why;
};

class Refusals : public testing::TestWithParam<Refusal> {};

TEST_P(Refusals, NameTheirReason) {
    const Refusal& refusal = GetParam();
    Side side(refusal.role, refusal.config, refusal.peer_goes_solo);
    refusal.events(side);
    side.orders();
    EXPECT_EQ(side.command(refusal.with_force), refusal.why);
    EXPECT_EQ(side.orders(), "");
}

void nothing(Side&) {}
void unprotected(Side& side) {
    side.machine.unprotect();
}

INSTANTIATE_TEST_SUITE_P(
    Operator, Refusals,
    testing::Values(
        Refusal{"PeerAlive", kSecondary, kManual, false, nothing, false,
                "the peer is alive: force is needed"},
        Refusal{"PeerAliveForThePrimaryToo", kPrimary, kManual, false, nothing, false,
                "the peer is alive: force is needed"},
        Refusal{
            "SoloPrimary", kSecondary, kManual, true, lose_link, false,
            "the primary goes on alone when the link is lost (on-link-loss=solo): force is needed"},
        Refusal{"NoPair", kSecondary, kManual, false, unprotected, true,
                "there is no pair: the VM is not protected"},
        Refusal{"Alone", kPrimary, kManual, false, in_turn(resigned, succeeded), true,
                "the VM runs alone already"},
        Refusal{"UnderWay", kPrimary, kManual, false, forced, true, "a failover is under way"},
        Refusal{"Resigned", kSecondary, kManual, false, local_fails, true,
                "this side has resigned: QEMU is gone"},
        Refusal{"OwnVmFailed", kPrimary, kManual, false, in_turn(local_fails, lose_link), true,
                "the VM of this side has failed: QEMU is gone"},
        Refusal{"OwnVmFailedThoughDecidedFor", kSecondary, kManual, false,
                in_turn(lose_link, asked, not_succeeded, local_fails), false,
                "the VM of this side has failed: QEMU is gone"},
        Refusal{"Fencing", kSecondary, kAuto, false, lose_link, false,
                "the fence command is running"}),
    [](const auto& info) { return info.param.name; });

TEST(FailoverTest, APairThatEndsAnswersItsOperator) {
    Side side(kPrimary, kManual);
    forced(side);
    side.orders();
    side.machine.unprotect();
    EXPECT_EQ(side.orders(), "error");
    EXPECT_EQ(side.machine.next_deadline(), kNever);
}

TEST(FailoverTest, WhatHasBrokenTheLastPairIsForgotten) {
    Side side(kSecondary, kAuto);
    side.machine.unprotect();
    lose_link(side);
    breaks(side);
    link_back(side);
    side.machine.protect(false);
    peer_fails(side);
    fence_fails(side);
    peer_recovers(side);
    EXPECT_EQ(side.orders(), "fence");
    EXPECT_EQ(side.state(), "protected");
}

TEST(FailoverTest, WhoIsInNoPairRefusesToStandDown) {
    Side side(kPrimary, kManual);
    side.machine.unprotect();
    told(side);
    EXPECT_EQ(side.orders(), "REFUSED");
    EXPECT_EQ(side.state(), "unprotected");
}

TEST(FailoverTest, ANewPairForgetsTheLastOnesResign) {
    Side side(kPrimary, kManual);
    resigned(side);
    succeeded(side);
    side.orders();
    side.machine.protect(false);
    EXPECT_EQ(side.state(), "protected");
    EXPECT_EQ(side.command(false), "the peer is alive: force is needed");
}

}  // namespace
}  // namespace colo
