// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/json_value.h"
#include "qemu/colo_control.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "qemu/qmp_client.h"
#include "tests/support/loop_rig.h"
#include "tests/support/scripted_qemu.h"

namespace colo {
namespace {

using Told = std::vector<std::string>;

class ColoControlTest : public LoopTest, public ColoControl::Observer {
  protected:
    void SetUp() override {
        until([&] { return qemu_.serve() && ready_; });
    }
    void qemu_ready() override { ready_ = true; }
    void qemu_closed(const std::string& why) override { note("closed: " + why); }
    void migration_nears_its_end() override { note("nears its end"); }
    void vm_stopped() override { note("stopped"); }
    void vm_resumed() override { note("resumed"); }
    void colo_exited(const std::string& reason) override { note("exited: " + reason); }

    void note(const std::string& what) { notes_ += (notes_.empty() ? "" : ", ") + what; }
    ColoControl::Done done() {
        return [this](const std::optional<std::string>& error) { note(error.value_or("done")); };
    }
    std::string noted() {
        until([&] {
            qemu_.serve();
            return !notes_.empty();
        });
        return std::exchange(notes_, "");
    }
    void migrate() {
        control_.migrate(
            "unix:/m.sock",
            [this](const MigrationProgress& progress) {
                progress_.push_back(progress.status + " " + std::to_string(progress.remaining));
            },
            done());
    }
    void set_status(const char* status, int remaining = 0) {
        qemu_.set("query-migrate", {{"status", status}, {"ram", {{"remaining", remaining}}}});
    }

    TemporaryFolder folder_;
    ScriptedQemu qemu_{folder_.file("qmp")};
    ColoControl control_{loop_, "primary", QmpClient::maker(folder_.file("qmp")), *this};
    bool ready_ = false;
    std::string notes_;
    Told progress_;
};

TEST_F(ColoControlTest, PrimaryIsSetUp) {
    ColoSettings settings;
    settings.checkpoint_delay_ms = 7;
    settings.max_bandwidth = 8;
    settings.downtime_limit_ms = 9;
    control_.set_up(Role::kPrimary, settings, done());
    EXPECT_EQ(noted(), "done");
    EXPECT_EQ(qemu_.told,
              (Told{R"(migrate-set-capabilities {"capabilities":[{"capability":"x-colo",)"
                    R"("state":true},{"capability":"events","state":true}]})",
                    R"(migrate-set-parameters {"x-checkpoint-delay":7})",
                    R"(migrate-set-parameters {"max-bandwidth":8,"downtime-limit":1})"}));
}

TEST_F(ColoControlTest, SecondaryIsSetUpWithoutWhatThePrimarySends) {
    control_.set_up(Role::kSecondary, {}, done());
    EXPECT_EQ(noted(), "done");
    EXPECT_EQ(qemu_.told.size(), 2u);
}

TEST_F(ColoControlTest, RefusalNamesSideCommandAndCause) {
    qemu_.refuse("migrate-set-capabilities", "There's a migration process in progress");
    control_.set_up(Role::kPrimary, {}, done());
    EXPECT_EQ(noted(),
              "primary's QEMU: migrate-set-capabilities: There's a migration process in progress");
}

class RedirectionTest : public ColoControlTest {
  protected:
    RedirectionTest() { settings_.is_redirected = true; }
    void SetUp() override {
        ColoControlTest::SetUp();
        qemu_.set("qom-list /objects", Json::array({child("out", "filter-redirector"), child("copy", "filter-mirror"),
                                                    child("io", "iothread"), child("dump", "filter-dump")}));
        for (const char* name : {"out", "copy"}) set_status(name, "on");
    }
    static Json child(const std::string& name, const std::string& type) {
        return {{"name", name}, {"type", "child<" + type + ">"}};
    }
    void set_status(const std::string& name, const char* status) {
        qemu_.set("qom-get /objects/" + name + " status", status);
    }
    std::string set_up() {
        control_.set_up(Role::kSecondary, settings_, done());
        return noted();
    }
    static std::string switched_on(const char* name) {
        return std::string(R"(qom-set {"path":"/objects/)") + name + R"(","property":"status","value":"on"})";
    }

    ColoSettings settings_;
};

TEST_F(RedirectionTest, WhatRedirectedAtTheBeginningIsSwitchedOnAgain) {
    EXPECT_EQ(set_up(), "done");
    EXPECT_EQ(qemu_.told.size(), 2u);
    qemu_.told.clear();
    for (const char* name : {"out", "copy"}) set_status(name, "off");
    control_.redirect(done());
    EXPECT_EQ(noted(), "done");
    EXPECT_EQ(qemu_.told, (Told{switched_on("out"), switched_on("copy")}));
}

TEST_F(RedirectionTest, WithoutFiltersThatAreOnThereIsNoBeginning) {
    set_status("copy", "off");
    EXPECT_EQ(set_up(), "primary's QEMU: /objects/copy is off: frames would go past us");
    qemu_.set("qom-list /objects", Json::array({child("dump", "filter-dump")}));
    EXPECT_EQ(set_up(), "primary's QEMU: it has no filter-redirector: `colo-proxy qemu-args` prints what it needs");
    qemu_.refuse("qom-list /objects", "no such thing");
    EXPECT_EQ(set_up(), "primary's QEMU: qom-list: no such thing");
    EXPECT_EQ(qemu_.told, Told());
}

TEST_F(RedirectionTest, AFilterThatCannotBeSwitchedOnIsTold) {
    set_up();
    qemu_.refuse("qom-set /objects/copy status", "it is gone");
    control_.redirect(done());
    EXPECT_EQ(noted(), "primary's QEMU: qom-set: it is gone");
}

TEST_F(RedirectionTest, NobodyElsesFiltersAreTouched) {
    set_up();
    settings_.is_redirected = false;
    set_up();
    qemu_.told.clear();
    control_.redirect(done());
    EXPECT_EQ(noted(), "done");
    EXPECT_EQ(qemu_.told, Told());
}

TEST_F(ColoControlTest, MigrationIsWatchedUntilItIsColo) {
    set_status("active", 4096);
    migrate();
    EXPECT_TRUE(control_.is_migrating());
    until([&] { return qemu_.serve() && progress_.size() == 2; });
    set_status("colo");
    EXPECT_EQ(noted(), "done");
    EXPECT_EQ(progress_, (Told{"active 4096", "active 4096", "colo 0"}));
    EXPECT_FALSE(control_.is_migrating());
    EXPECT_EQ(qemu_.told, Told{R"(migrate {"uri":"unix:/m.sock"})"});
}

TEST_F(ColoControlTest, MigrationThatDoesNotConvergeIsGivenMoreDowntime) {
    ColoSettings settings;
    settings.downtime_limit_ms = 480;
    control_.set_up(Role::kPrimary, settings, done());
    noted();
    qemu_.told.clear();
    const auto in_round = [&](uint64_t rounds) {
        qemu_.set("query-migrate", {{"status", "active"}, {"ram", {{"dirty-sync-count", rounds}}}});
        const size_t before = progress_.size();
        until([&] { return qemu_.serve() && progress_.size() > before + 1; });
    };
    migrate();
    in_round(ColoControl::kRoundsPerDowntime - 1);
    in_round(ColoControl::kRoundsPerDowntime);
    in_round(ColoControl::kRoundsPerDowntime + 1);
    for (uint64_t i = 2; i < 5; ++i) in_round(i * ColoControl::kRoundsPerDowntime);
    const auto limit = [](int ms) {
        return "migrate-set-parameters {\"downtime-limit\":" + std::to_string(ms) + "}";
    };
    EXPECT_EQ(qemu_.told,
              (Told{R"(migrate {"uri":"unix:/m.sock"})", limit(960), limit(1920), limit(2000)}));
}

TEST_F(ColoControlTest, SecondPassOfAMigrationIsNearItsEndAndOnlyItsCallerLetsItFinish) {
    control_.set_up(Role::kPrimary, {}, done());
    noted();
    qemu_.event("MIGRATION_PASS", {{"pass", 2}});  // of a checkpoint
    control_.clear_up(done());
    EXPECT_EQ(noted(), "done");
    set_status("active");
    migrate();
    until([&] { return qemu_.serve() && !progress_.empty(); });
    EXPECT_EQ(notes_, "");
    for (const int pass : {1, 2, 3}) qemu_.event("MIGRATION_PASS", {{"pass", pass}});
    EXPECT_EQ(noted(), "nears its end");
    qemu_.told.clear();
    control_.let_migration_finish(done());
    EXPECT_EQ(noted(), "done");
    EXPECT_EQ(qemu_.told, Told{R"(migrate-set-parameters {"downtime-limit":20})"});
}

TEST_F(ColoControlTest, FailureIsInQemusWords) {
    qemu_.set("query-migrate", {{"status", "failed"}, {"error-desc", "Connection refused"}});
    migrate();
    EXPECT_EQ(noted(), "primary's QEMU: migrate: failed: Connection refused");
}

TEST_F(ColoControlTest, MigrationThatIsCompletedIsNotColo) {
    set_status("completed");
    migrate();
    EXPECT_NE(noted().find("completed, and not COLO"), std::string::npos);
}

TEST_F(ColoControlTest, MigrationThatIsForgottenIsOver) {
    qemu_.set("query-migrate", Json::object());
    migrate();
    EXPECT_EQ(noted(), "primary's QEMU: migrate: there is none");
}

TEST_F(ColoControlTest, RefusedMigrationHasNoProgress) {
    qemu_.refuse("migrate", "no such protocol");
    migrate();
    EXPECT_EQ(noted(), "primary's QEMU: migrate: no such protocol");
    EXPECT_EQ(progress_, Told{});
    EXPECT_FALSE(control_.is_migrating());
}

TEST_F(ColoControlTest, CancelledMigrationSaysSo) {
    set_status("active");
    migrate();
    until([&] { return qemu_.serve() && !progress_.empty(); });
    set_status("cancelled");
    control_.cancel([](const std::optional<std::string>&) {});
    EXPECT_EQ(noted(), "primary's QEMU: migrate: cancelled");
}

TEST_F(ColoControlTest, SecondMigrationIsRefusedAndTheFirstGoesOn) {
    set_status("active");
    migrate();
    until([&] { return qemu_.serve() && !progress_.empty(); });
    migrate();
    EXPECT_EQ(noted(), "primary's QEMU: migrate: a migration runs already");
    EXPECT_TRUE(control_.is_migrating());
}

TEST_F(ColoControlTest, MigrationEndsWithItsQemu) {
    set_status("active");
    migrate();
    until([&] { return qemu_.serve() && !progress_.empty(); });
    qemu_.leave();
    until([&] { return !notes_.empty(); });
    const std::string why = "QMP at " + folder_.file("qmp") + ": QEMU closed it";
    EXPECT_EQ(notes_, "primary's QEMU: " + why + ", closed: " + why);
}

TEST_F(ColoControlTest, OneCommandEach) {
    control_.ask_checkpoint(500, done());
    EXPECT_EQ(noted(), "done");
    control_.lose_heartbeat(done());
    EXPECT_EQ(noted(), "done");
    control_.clear_up(done());
    EXPECT_EQ(noted(), "done");
    EXPECT_EQ(qemu_.told,
              (Told{R"(migrate-set-parameters {"x-checkpoint-delay":500})", "x-colo-lost-heartbeat",
                    R"(migrate-set-capabilities {"capabilities":[{"capability":"x-colo",)"
                    R"("state":false}]})"}));
}

TEST_F(ColoControlTest, QemuThatIsOutOfColoAlreadyHasLostItsHeartbeatWhateverElseItOwes) {
    qemu_.refuse("x-colo-lost-heartbeat", "VM is not in colo mode");
    control_.lose_heartbeat(done());
    control_.query_running([](bool, const std::optional<std::string>&) {});
    EXPECT_EQ(noted(), "done");
}

TEST_F(ColoControlTest, QemuThatGoesHasNotLostItsHeartbeat) {
    control_.lose_heartbeat(done());
    qemu_.leave();
    until([&] { return !notes_.empty(); });
    EXPECT_EQ(notes_.find("primary's QEMU: QMP at "), 0u);
}

TEST_F(ColoControlTest, YankBreaksTheMigrationAlone) {
    qemu_.set("query-yank", Json::array({{{"type", "chardev"}, {"id", "c0"}},
                                         {{"type", "block-node"}, {"node-name", "nbd0"}},
                                         {{"type", "migration"}}}));
    control_.yank(done());
    EXPECT_EQ(noted(), "done");
    EXPECT_EQ(qemu_.told, Told{R"(yank {"instances":[{"type":"migration"}]})"});
}

TEST_F(ColoControlTest, NothingToYankIsNoError) {
    qemu_.set("query-yank", Json::array());
    control_.yank(done());
    EXPECT_EQ(noted(), "done");
    EXPECT_EQ(qemu_.told, Told{});
}

TEST_F(ColoControlTest, SaysWhetherItRuns) {
    qemu_.set("query-status", {{"running", true}});
    const auto running = [this](bool runs, const std::optional<std::string>& error) {
        note(error.value_or(runs ? "runs" : "stands"));
    };
    control_.query_running(running);
    EXPECT_EQ(noted(), "runs");
    qemu_.set("query-status", {{"running", false}});
    control_.query_running(running);
    EXPECT_EQ(noted(), "stands");
    qemu_.refuse("query-status", "no");
    control_.query_running(running);
    EXPECT_EQ(noted(), "primary's QEMU: query-status: no");
}

TEST_F(ColoControlTest, EventsOfInterestAreTold) {
    qemu_.event("STOP", Json::object());
    qemu_.event("MIGRATION_PASS", {{"pass", 1}});
    qemu_.event("RESUME", Json::object());
    qemu_.event("COLO_EXIT", {{"mode", "primary"}, {"reason", "error"}});
    until([&] { return notes_.find("exited") != std::string::npos; });
    EXPECT_EQ(notes_, "stopped, resumed, exited: error");
}

class InspectionTest : public ColoControlTest {
  protected:
    void SetUp() override {
        ColoControlTest::SetUp();
        qemu_.set("query-version", {{"qemu", {{"major", 7}, {"minor", 2}, {"micro", 22}}}});
        qemu_.set("query-status", {{"status", "running"}});
        qemu_.set("query-memory-size-summary",
                  {{"base-memory", uint64_t{131064} << 10}, {"plugged-memory", 4096}});
        qemu_.set("qom-get /machine type", "pc-i440fx-7.2-machine");
        qemu_.set("query-cpus-fast", Json::array({{{"qom-path", "/cpu0"}}, {{"qom-path", "/1"}}}));
        qemu_.set("qom-get /cpu0 type", "qemu64-x86_64-cpu");
        qemu_.set("query-kvm", {{"enabled", true}});
        qemu_.set("query-uuid", {{"UUID", "00000000-0000-0000-0000-000000000000"}});
        qemu_.set("query-migrate-capabilities",
                  Json::array({{{"capability", "xbzrle"}}, {{"capability", "x-colo"}}}));
        qemu_.set("query-qmp-schema",
                  Json::array({{{"name", "x-colo-lost-heartbeat"}},
                               {{"name", "yank"}},
                               {{"name", "migrate-set-parameters"}, {"arg-type", "45"}},
                               {{"name", "45"}, {"members", {{{"name", "x-checkpoint-delay"}}}}}}));
        qemu_.set("query-colo-status", {{"mode", "none"}});
        qemu_.set("query-block",
                  Json::array({{{"device", "d0"},
                                {"qdev", "vd"},
                                {"inserted", {{"node-name", "n0"}, {"drv", "raw"}}}}}));
        qemu_.set("qom-list /machine/peripheral",
                  Json::array({{{"name", "type"}, {"type", "string"}},
                               {{"name", "e0"}, {"type", "child<e1000>"}},
                               {{"name", "vd"}, {"type", "child<virtio-blk-pci>"}}}));
        qemu_.set("qom-get /machine/peripheral/e0 mac", "52:54:00:12:34:56");
        qemu_.refuse("qom-get /machine/peripheral/vd mac", "Property not found");
        for (const char* list : {"query-named-block-nodes", "qom-list /machine/peripheral-anon"}) {
            qemu_.set(list, Json::array());
        }
    }
    void inspect() {
        control_.inspect([this](const VmFacts* facts, const std::optional<std::string>& error) {
            if (facts) facts_ = *facts;
            note(error.value_or("done"));
        });
    }

    VmFacts facts_;
};

TEST_F(InspectionTest, GathersTheFacts) {
    inspect();
    EXPECT_EQ(noted(), "done");
    VmFacts facts;
    facts.version = {7, 2, 22};
    facts.machine = "pc-i440fx-7.2-machine";
    facts.cpu = "qemu64-x86_64-cpu";
    facts.cpus = 2;
    facts.ram = (uint64_t{131064} << 10) + 4096;
    facts.kvm = true;
    facts.status = "running";
    facts.colo_mode = "none";
    facts.has_colo = true;
    facts.has_yank = true;
    facts.devices = {"e1000 52:54:00:12:34:56", "virtio-blk-pci"};
    facts.disks = {"d0 (raw)"};
    EXPECT_EQ(encode(facts_), encode(facts));
}

TEST_F(InspectionTest, QemuWithoutColoIsAFactAndNoError) {
    qemu_.refuse("query-colo-status", "The command query-colo-status has not been found");
    qemu_.set("query-migrate-capabilities", Json::array({{{"capability", "xbzrle"}}}));
    inspect();
    EXPECT_EQ(noted(), "done");
    EXPECT_FALSE(facts_.has_colo);
    EXPECT_EQ(facts_.colo_mode, "");
}

TEST_F(InspectionTest, NeedsAllThatCheckpointsAndFailoverNeed) {
    qemu_.set("query-qmp-schema", Json::array({{{"name", "x-colo-lost-heartbeat"}}}));
    inspect();
    EXPECT_EQ(noted(), "done");
    EXPECT_FALSE(facts_.has_colo);
}

TEST_F(InspectionTest, WithoutWhatEveryQemuKnowsThereAreNoFacts) {
    qemu_.refuse("query-memory-size-summary", "no");
    inspect();
    EXPECT_EQ(noted(), "primary's QEMU: query-memory-size-summary: no");
}

TEST_F(InspectionTest, QemuThatLeavesInEitherRoundIsAnError) {
    qemu_.ignore("qom-get /cpu0 type");
    inspect();
    until([&] {
        qemu_.serve();
        return qemu_.has_ignored;
    });
    qemu_.leave();
    until([&] { return !notes_.empty(); });
    EXPECT_EQ(notes_.find("primary's QEMU: QMP at "), 0u) << notes_;
}

TEST_F(InspectionTest, LongAndStrangeTextsAreCut) {
    qemu_.set("qom-get /machine type", std::string(1000, '\n'));
    inspect();
    EXPECT_EQ(noted(), "done");
    EXPECT_EQ(facts_.machine, std::string(kLongestFact, '?'));
    EXPECT_TRUE(std::holds_alternative<VmFacts>(decode_vm_facts(encode(facts_))));
}

TEST_F(InspectionTest, AnswersOfOtherTypesAreNoFacts) {
    for (const char* key : {"query-version", "query-cpus-fast", "query-block", "query-qmp-schema",
                            "qom-list /machine/peripheral", "query-migrate-capabilities"}) {
        qemu_.set(key, 7);
    }
    inspect();
    EXPECT_EQ(noted(), "done");
    EXPECT_EQ(facts_.version, QemuVersion{});
    EXPECT_FALSE(facts_.has_colo);
}

}  // namespace
}  // namespace colo
