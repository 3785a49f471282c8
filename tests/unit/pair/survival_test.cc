// SPDX-License-Identifier: GPL-2.0-or-later
// What Survival adds to the machines behind it (tests/unit/checkpoint): beside a QEMU that answers from a table,
// with a real link to a peer that hears all.
#include "pair/survival.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <thread>
#include <vector>

#include "qemu/qmp_client.h"
#include "tests/support/loop_rig.h"
#include "tests/support/peer_end.h"
#include "tests/support/scripted_qemu.h"

namespace colo {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

/// Of what is not to happen by itself.
constexpr Time kNotInATest = seconds(100'000);

/// Fences when the test says so.
struct Fences {
    int runs = 0;
    Time deadline{0};
    Fencing::Done done;

    class Fence final : public Fencing {
      public:
        explicit Fence(Fences& fences) : fences_(fences) {}
        void run(Time deadline, Done done) override {
            ++fences_.runs;
            fences_.deadline = deadline;
            fences_.done = std::move(done);
        }

      private:
        Fences& fences_;
    };
};

class SurvivalTest : public LoopTest,
                     protected Survival::Owner,
                     protected ColoControl::Observer,
                     protected ColoChannel::Sink {
  protected:
    SurvivalTest() {
        settings_.heartbeat = settings_.link_deadline = kNotInATest;
        settings_.health = {kNotInATest, kNotInATest};
        options_.make_fencing = [this](EventLoop&) { return std::make_unique<Fences::Fence>(fences_); };
        for (PeerEnd* end : {&peer_, &ours_}) end->link.set_times(kNotInATest, kNotInATest);
        peer_.link.listen();
        ours_.link.connect();
        served_until([&] { return peer_.link.peer() && ours_.link.peer() && control_.is_ready(); });
        heard();  // the link's own first heartbeat has gone out
        peer_.heard.clear();
        qemu_.set("query-status", {{"running", true}});
    }
    /// Of no pair yet.
    void begin(Role role) {
        Survival::Owner& owner = *this;
        survival_.emplace(context_, role, options_, owner);
        survival_->link_found();
    }
    void protect(Role role) {
        begin(role);
        survival_->protect(false);
    }

    void note(const std::string& what) { notes_.push_back(what); }
    // Survival::Owner
    const ColoChannel* channel() const override { return channel_ ? &*channel_ : nullptr; }
    void hold_output() override { note("hold output"); }
    void shut() override { note("shut"); }
    void leave_pair() override { note("leave pair"); }
    void flow_alone() override { note("flow alone"); }
    void gone_on(const std::string& problem) override { note("gone on" + problem); }
    void vm_failed(const std::optional<std::string>& why) override {
        note(why ? "VM failed: " + *why : "VM recovered");
    }
    void peer_changed(const char* state, const std::string& reason) override {
        note(std::string("peer ") + state + ": " + reason);
    }
    void pair_failed(const std::string& why) override { note("pair failed: " + why); }
    // ColoControl::Observer
    void qemu_ready() override {}
    void qemu_closed(const std::string&) override {}
    void migration_nears_its_end() override {}
    void vm_stopped() override {}
    void vm_resumed() override {}
    void colo_exited(const std::string&) override {}
    // ColoChannel::Sink
    void pass(ColoDirection, Bytes) override {}
    void held(ColoMessage) override {}
    void broken(const std::string&) override {}

    void served_until(const std::function<bool()>& condition) {
        until([&] {
            qemu_.serve();
            return condition();
        });
    }
    void noted(const std::string& what) {
        served_until([&] { return std::find(notes_.begin(), notes_.end(), what) != notes_.end(); });
    }
    /// What the peer has heard by now, said at any time before.
    const std::vector<std::string>& heard() {
        ours_.link.say_after_packets(PeerProcedure::kProtected, "that was all");
        until([&] { return !peer_.heard.empty() && peer_.heard.back() == "2: that was all"; });
        peer_.heard.pop_back();
        return peer_.heard;
    }
    Survival::Answer operators() {
        return [this](const std::optional<std::string>& error) { note("answer: " + error.value_or("done")); };
    }
    /// Out of turn: LOADED before anything.
    void break_channel() {
        ColoChannel::Sink& sink = *this;
        channel_.emplace(sink, loop_.now());
        const std::array<uint8_t, 4> loaded{0, 0, 0, 6};
        channel_->take(ColoDirection::kBack, loaded, loop_.now());
        ASSERT_EQ(channel_->phase(), ColoPhase::kBroken);
    }
    bool is_said(PeerProcedure procedure, const std::string& text = "") {
        return survival_->peer_said(procedure, bytes_of(text));
    }
    Failover::State state() const { return survival_->state(); }
    /// One for each heartbeat, but for those of going on.
    size_t pings() { return qemu_.asked["query-status"]; }

    TemporaryFolder folder_;
    PeerEnd peer_{loop_, folder_.file("link"), 1};
    PeerEnd ours_{loop_, folder_.file("link"), 2};
    ScriptedQemu qemu_{folder_.file("qmp")};
    ColoControl control_{loop_, "our", QmpClient::maker(folder_.file("qmp")), *this};
    Nics nics_{loop_};
    PairSettings settings_;
    PairContext context_{loop_, nics_, ours_.link, control_, settings_};
    SurvivalOptions options_;
    Fences fences_;
    std::optional<ColoChannel> channel_;
    std::vector<std::string> notes_;
    std::optional<Survival> survival_;
};

// --- Fencing -------------------------------------------------------------------------------------

TEST_F(SurvivalTest, OptionsSayWhatALostLinkComesTo) {
    const struct {
        bool is_automatic;
        const char* command;
        bool goes_solo;
        Failover::State state;
    } cases[] = {
        {false, "fence", false, Failover::State::kUndecided},
        {true, "", false, Failover::State::kUndecided},
        {true, "fence", false, Failover::State::kFencing},
        {false, "", true, Failover::State::kGoingOn},
    };
    for (const auto& one : cases) {
        options_.is_automatic = one.is_automatic;
        options_.fence_command = one.command;
        options_.goes_solo = one.goes_solo;
        fences_.runs = 0;
        protect(Role::kPrimary);
        survival_->link_lost("cut");
        EXPECT_EQ(state(), one.state);
        EXPECT_EQ(fences_.runs, one.state == Failover::State::kFencing ? 1 : 0);
        EXPECT_EQ(survival_->goes_solo(), one.goes_solo);
    }
}

class FencingTest : public SurvivalTest {
  protected:
    FencingTest() {
        options_.is_automatic = true;
        options_.fence_command = "exit 0";
        settings_.fence_deadline = seconds(7);
    }
};

TEST_F(FencingTest, CommandThatFailsIsRunOnceAndTheOperatorDecides) {
    protect(Role::kSecondary);
    survival_->link_lost("cut");
    EXPECT_EQ(fences_.runs, 1);
    EXPECT_EQ(fences_.deadline, seconds(7));
    fences_.done("exit status 3");
    EXPECT_EQ(state(), Failover::State::kUndecided);
    survival_->link_lost("cut again");
    survival_->settings_changed();
    settle();
    EXPECT_EQ(fences_.runs, 1);
    EXPECT_THAT(notes_, ElementsAre("peer lost: cut", "hold output"));
    survival_->operator_wants(false, operators());
    EXPECT_EQ(state(), Failover::State::kGoingOn);
}

TEST_F(FencingTest, FailureIsToldWithWhatCanBeDone) {
    protect(Role::kSecondary);
    survival_->link_lost("cut");
    ASSERT_EQ(fences_.runs, 1);
    testing::internal::CaptureStderr();
    // A thread has an allowance of its own: what other tests have logged does not count.
    std::thread([&] { fences_.done("exit status 3"); }).join();
    EXPECT_THAT(testing::internal::GetCapturedStderr(),
                HasSubstr("the fence command failed: exit status 3; colo-proxy-failover with force decides"));
}

TEST_F(FencingTest, TheCommandOfTheOptionsIsWhatFences) {
    options_.make_fencing = nullptr;
    protect(Role::kSecondary);
    survival_->link_lost("cut");
    noted("leave pair");
    EXPECT_THAT(notes_, ElementsAre("peer lost: cut", "hold output", "leave pair"));
}

// --- What the two say ----------------------------------------------------------------------------

TEST_F(SurvivalTest, ResignationIsSaidWithItsReasonAfterAllPackets) {
    protect(Role::kSecondary);
    ours_.send(bytes_of("a frame"));
    survival_->qemu_is_gone();
    EXPECT_THAT(notes_, ElementsAre("VM failed: QEMU is gone", "shut"));
    EXPECT_THAT(heard(), ElementsAre("a frame", "3: QEMU is gone"));
    EXPECT_EQ(state(), Failover::State::kResigned);
}

TEST_F(SurvivalTest, StandDownIsAnsweredWithAResignation) {
    protect(Role::kSecondary);
    EXPECT_TRUE(is_said(PeerProcedure::kStandDown));
    EXPECT_THAT(heard(), ElementsAre("3: told to stand down"));
}

TEST_F(SurvivalTest, OperatorsWordIsPutToThePeerWhoseSameWordIsRefused) {
    protect(Role::kPrimary);
    survival_->operator_wants(true, operators());
    EXPECT_TRUE(is_said(PeerProcedure::kStandDown));
    EXPECT_THAT(heard(), ElementsAre("4: ", "5: its operator was told the same"));
}

TEST_F(SurvivalTest, PeersResignationIsToldAsFarAsItFitsALog) {
    protect(Role::kPrimary);
    EXPECT_TRUE(is_said(PeerProcedure::kResign, "it\nhangs" + std::string(1000, '!')));
    EXPECT_THAT(notes_, ElementsAre("peer resigned: it?hangs" + std::string(248, '!'), "leave pair"));
}

TEST_F(SurvivalTest, ResignationOfNoPairIsNotTold) {
    begin(Role::kPrimary);
    EXPECT_TRUE(is_said(PeerProcedure::kResign, "it hangs"));
    EXPECT_THAT(notes_, IsEmpty());
}

TEST_F(SurvivalTest, WordsAboutOtherThingsAreNotTaken) {
    protect(Role::kSecondary);
    for (const auto procedure : {PeerProcedure::kProtected, PeerProcedure::kWantsCheckpoint, PeerProcedure::kInspect})
        EXPECT_FALSE(is_said(procedure));
    EXPECT_EQ(state(), Failover::State::kProtected);
    EXPECT_THAT(notes_, IsEmpty());
}

TEST_F(SurvivalTest, FailureAndRecoveryOfThePeersVmAreTold) {
    protect(Role::kPrimary);
    VmHealth gone;
    gone.is_gone = true;
    survival_->heard(gone);
    survival_->heard({});
    EXPECT_THAT(notes_, ElementsAre("peer failed: QEMU is gone", "peer connected: its VM has recovered"));
}

// --- What cannot be mended -----------------------------------------------------------------------

TEST_F(SurvivalTest, MonitorThatIsBackIsARecovery) {
    protect(Role::kPrimary);
    survival_->monitor_closed();
    survival_->monitor_opened();
    survival_->heard({});
    EXPECT_THAT(notes_, ElementsAre("VM failed: QEMU is gone", "VM recovered"));
}

/// Its monitor answers again: that is another VM, which nobody has a copy of.
TEST_F(SurvivalTest, QemuThatHasBeenStartedAnewIsNoRecovery) {
    protect(Role::kPrimary);
    survival_->monitor_closed();
    survival_->qemu_is_gone();
    survival_->monitor_opened();
    survival_->heard({});
    survival_->link_lost("cut");
    EXPECT_THAT(notes_, ElementsAre("VM failed: QEMU is gone", "peer lost: cut", "hold output"));
    EXPECT_EQ(survival_->local_failure(), "QEMU is gone");
}

TEST_F(SurvivalTest, ChannelsEndIsQemusEndUnlessItWasToldTo) {
    protect(Role::kPrimary);
    survival_->channel_ended(true);
    EXPECT_THAT(notes_, ElementsAre("VM failed: QEMU is gone"));
}

TEST_F(SurvivalTest, SecondaryOfAPairWhoseChannelIsBrokenGivesUp) {
    protect(Role::kSecondary);
    break_channel();
    survival_->heard({});
    EXPECT_THAT(notes_, ElementsAre("hold output", "shut"));
    EXPECT_THAT(heard(), ElementsAre("3: the migration channel is broken"));
}

TEST_F(SurvivalTest, SecondaryGivesUpWhenThePrimarysChannelIsBroken) {
    protect(Role::kSecondary);
    VmHealth health;
    health.phase = ColoPhase::kBroken;
    survival_->heard(health);
    EXPECT_THAT(heard(), ElementsAre("3: the peer's migration channel is broken"));
}

TEST_F(SurvivalTest, PrimaryOfABrokenPairHoldsUntilItsSecondaryHasResigned) {
    protect(Role::kPrimary);
    break_channel();
    survival_->heard({});
    survival_->heard({});
    EXPECT_THAT(notes_, ElementsAre("hold output"));
    EXPECT_TRUE(is_said(PeerProcedure::kResign, "broken"));
    EXPECT_THAT(notes_, ElementsAre("hold output", "peer resigned: broken", "leave pair"));
}

TEST_F(SurvivalTest, SilenceOfAPeerThatIsNoneAnyMoreIsNotTold) {
    settings_.link_deadline = milliseconds(1);
    protect(Role::kPrimary);
    EXPECT_TRUE(is_said(PeerProcedure::kResign, "bye"));
    noted("gone on");
    const size_t told = notes_.size();
    const Time later = loop_.now() + milliseconds(20);
    served_until([&] { return loop_.now() >= later; });
    survival_->heard({});
    survival_->settings_changed();
    EXPECT_EQ(notes_.size(), told);
}

// --- The operator --------------------------------------------------------------------------------

TEST_F(SurvivalTest, OperatorIsRefusedAtOnceWhereThereIsNoPair) {
    begin(Role::kPrimary);
    survival_->operator_wants(true, operators());
    EXPECT_THAT(notes_, ElementsAre("answer: there is no pair: the VM is not protected"));
}

TEST_F(SurvivalTest, OperatorIsAnsweredOnceWhateverFollows) {
    protect(Role::kPrimary);
    survival_->operator_wants(true, operators());
    EXPECT_THAT(notes_, IsEmpty());
    survival_->operator_wants(true, operators());
    EXPECT_THAT(notes_, ElementsAre("answer: a failover is under way"));
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(is_said(PeerProcedure::kRefusal, "no"));
    EXPECT_TRUE(is_said(PeerProcedure::kStandDown));
    EXPECT_THAT(notes_, ElementsAre("answer: a failover is under way", "answer: the peer refused to stand down: no",
                                    "shut"));
}

// --- Going on ------------------------------------------------------------------------------------

TEST_F(SurvivalTest, SecondaryGoesOnWhenQemuIsOutOfColoAndItsVmRuns) {
    protect(Role::kSecondary);
    qemu_.set("query-status", {{"running", false}});
    survival_->link_lost("cut");
    survival_->operator_wants(false, operators());
    survival_->channel_ended(true);
    served_until([&] { return pings() >= 4 || notes_.size() > 3; });
    EXPECT_THAT(notes_, ElementsAre("peer lost: cut", "hold output", "leave pair"));
    qemu_.set("query-status", {{"running", true}});
    noted("answer: done");
    EXPECT_THAT(notes_, ElementsAre("peer lost: cut", "hold output", "leave pair", "flow alone", "gone on",
                                    "answer: done"));
    EXPECT_THAT(qemu_.told, ElementsAre("x-colo-lost-heartbeat"));
    EXPECT_EQ(state(), Failover::State::kAlone);
}

TEST_F(SurvivalTest, ErrorOfQemusSaysThatItIsOutOfColoAlready) {
    protect(Role::kPrimary);
    qemu_.refuse("x-colo-lost-heartbeat", "VM is not in COLO mode");
    survival_->link_lost("cut");
    survival_->operator_wants(false, operators());
    noted("answer: done");
    EXPECT_EQ(state(), Failover::State::kAlone);
}

/// QEMU closes its channel then: that is no failure.
TEST_F(SurvivalTest, VmThatIsLeftIsLeftOnceAndHasNotFailed) {
    begin(Role::kPrimary);
    survival_->leave();
    survival_->leave();
    survival_->channel_ended(true);
    noted("gone on");
    EXPECT_THAT(notes_, ElementsAre("leave pair", "flow alone", "gone on"));
    EXPECT_THAT(qemu_.told, ElementsAre("x-colo-lost-heartbeat"));
    heard();
    EXPECT_THAT(peer_.healths, IsEmpty());
}

TEST_F(SurvivalTest, VmThatHasBeenLeftCanBeLeftAgain) {
    begin(Role::kPrimary);
    for (size_t i = 0; i < 2; ++i) {
        notes_.clear();
        survival_->leave();
        noted("gone on");
    }
    EXPECT_THAT(qemu_.told, ElementsAre("x-colo-lost-heartbeat", "x-colo-lost-heartbeat"));
}

TEST_F(SurvivalTest, AnswersToOneThatIsGoneReachNobody) {
    begin(Role::kPrimary);
    survival_->leave();
    survival_.reset();
    bool is_answered = false;
    control_.query_running([&](bool, const std::optional<std::string>&) { is_answered = true; });
    served_until([&] { return is_answered; });
    qemu_.serve();
    EXPECT_THAT(qemu_.told, ElementsAre("x-colo-lost-heartbeat"));
    EXPECT_EQ(pings(), 1u) << "it asks whether the VM runs";
}

TEST_F(SurvivalTest, WhatFailsBeforeThereIsAPairEndsItsBeginning) {
    const std::string cases[] = {"no link any more", "QEMU is gone"};
    for (const std::string& why : cases) {
        begin(Role::kPrimary);
        notes_.clear();
        if (why == cases[0]) {
            survival_->link_lost(why);
        } else {
            VmHealth gone;
            gone.is_gone = true;
            survival_->heard(gone);
        }
        ASSERT_EQ(notes_.size(), 2u);
        EXPECT_THAT(notes_[0], StartsWith("peer "));
        EXPECT_EQ(notes_[1], "pair failed: " + why);
    }
}

TEST_F(SurvivalTest, FailureOfAPairIsNotThatOfItsBeginning) {
    protect(Role::kPrimary);
    survival_->link_lost("cut");
    EXPECT_THAT(notes_, Not(Contains(StartsWith("pair failed"))));
}

// --- Heartbeats, and what QEMU owes --------------------------------------------------------------

class HeartbeatTest : public SurvivalTest {
  protected:
    HeartbeatTest() {
        settings_.heartbeat = milliseconds(1);
        ours_.link.set_times(settings_.heartbeat, kNotInATest);
    }
    bool is_silent() const { return !peer_.healths.empty() && peer_.healths.back().qmp_silence > Time{0}; }
};

TEST_F(HeartbeatTest, WhatTheySayIsRenewed) {
    protect(Role::kPrimary);
    const auto phase_is = [&](std::optional<ColoPhase> phase) {
        return [this, phase] { return !peer_.healths.empty() && peer_.healths.back().phase == phase; };
    };
    served_until(phase_is(std::nullopt));
    ColoChannel::Sink& sink = *this;
    channel_.emplace(sink, loop_.now());
    served_until(phase_is(ColoPhase::kMigrating));
    channel_.reset();
    served_until(phase_is(std::nullopt));
}

TEST_F(HeartbeatTest, QemuIsAskedAgainWhenItHasAnsweredAndItsSilenceIsSaid) {
    protect(Role::kPrimary);
    served_until([&] { return pings() >= 3; });
    const size_t before = pings();
    until([&] { return is_silent(); });  // nobody answers
    const size_t beats = peer_.healths.size();
    until([&] { return peer_.healths.size() > beats + 3; });
    qemu_.serve();
    EXPECT_LE(pings(), before + 1);
    served_until([&] { return pings() > before + 2 && !is_silent(); });
}

TEST_F(HeartbeatTest, QemuThatStaysSilentHasFailed) {
    settings_.health.vm = milliseconds(1);
    protect(Role::kSecondary);
    until([&] { return state() == Failover::State::kResigned; });
    EXPECT_THAT(heard(), ElementsAre(StartsWith("3: QMP has not answered for")));
}

TEST_F(SurvivalTest, QemuThatIsGoneIsSaidAtOnce) {
    protect(Role::kPrimary);
    survival_->qemu_is_gone();
    heard();
    ASSERT_EQ(peer_.healths.size(), 1u);
    EXPECT_TRUE(peer_.healths.back().is_gone);
}

// --- Settings ------------------------------------------------------------------------------------

TEST_F(SurvivalTest, ShorterHeartbeatBeginsAtOnce) {
    protect(Role::kPrimary);
    served_until([&] { return pings() == 1; });
    settings_.heartbeat = milliseconds(1);
    survival_->settings_changed();
    served_until([&] { return pings() >= 3; });
}

TEST_F(SurvivalTest, DeadlinesHoldFromTheirChangeOn) {
    protect(Role::kPrimary);
    served_until([&] { return pings() == 1; });
    EXPECT_THAT(notes_, IsEmpty());
    settings_.heartbeat = settings_.link_deadline = milliseconds(1);
    survival_->settings_changed();
    served_until([&] { return !notes_.empty(); });
    EXPECT_THAT(notes_, ElementsAre(StartsWith("peer lost: no heartbeat for "), "hold output"));
}

}  // namespace
}  // namespace colo
