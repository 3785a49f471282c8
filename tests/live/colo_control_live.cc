// SPDX-License-Identifier: GPL-2.0-or-later
// ColoControl and two stock QEMUs, whose firmware finds nothing to boot: what our commands mean to
// a QEMU, and that its answers are those we read.
#include "qemu/colo_control.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "qemu/colo_checks.h"
#include "qemu/qmp_client.h"
#include "tests/support/loop_rig.h"

extern char** environ;

namespace colo {
namespace {

/// With the shim that make_guest has made.
class Qemu {
  public:
    explicit Qemu(std::vector<std::string> options) {
        std::vector<std::string> words{"env",
                                       std::string("LD_PRELOAD=") + getenv("TCG_SHIM"),
                                       "qemu-system-x86_64",
                                       "-machine",
                                       "pc",
                                       "-accel",
                                       "tcg",
                                       "-nodefaults",
                                       "-no-user-config",
                                       "-display",
                                       "none"};
        words.insert(words.end(), options.begin(), options.end());
        std::vector<char*> argv;
        for (std::string& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        EXPECT_EQ(posix_spawnp(&pid_, "env", nullptr, nullptr, argv.data(), environ), 0);
    }
    Qemu(const Qemu&) = delete;
    Qemu& operator=(const Qemu&) = delete;
    ~Qemu() { kill(SIGKILL); }

    void kill(int number) {
        if (pid_ <= 0) return;
        ::kill(pid_, number);
        waitpid(pid_, nullptr, 0);
        pid_ = 0;
    }

  private:
    pid_t pid_ = 0;
};

/// One QEMU and what is told of it.
class Side final : public ColoControl::Observer {
  public:
    Side(EventLoop& loop, const TemporaryFolder& folder, const std::string& name,
         std::vector<std::string> options)
        : qmp_(folder.file(name)) {
        options.insert(options.end(), {"-qmp", "unix:" + qmp_ + ",server=on,wait=off"});
        qemu.emplace(options);
        control.emplace(loop, name, QmpClient::maker(qmp_), *this);
    }

    void qemu_ready() override { ready = true; }
    void qemu_closed(const std::string&) override { ready = false; }
    void vm_stopped() override { ++stops; }
    void vm_resumed() override { ++resumes; }
    void migration_nears_its_end() override { has_neared_its_end = true; }
    void colo_exited(const std::string& reason) override { exit = reason; }

    std::optional<Qemu> qemu;
    std::optional<ColoControl> control;
    bool ready = false;
    bool has_neared_its_end = false;
    int stops = 0;
    int resumes = 0;
    std::string exit;

  private:
    std::string qmp_;
};

class ColoControlLive : public LoopTest {
  protected:
    using Options = std::vector<std::string>;

    std::unique_ptr<Side> primary(Options more = {}) {
        return up("primary", {"-m", "131064K"}, std::move(more));
    }
    std::unique_ptr<Side> secondary(Options more = {}) {
        return up("secondary", {"-m", "131064K", "-incoming", incoming()}, std::move(more));
    }
    std::unique_ptr<Side> up(const std::string& name, Options options, Options more) {
        options.insert(options.end(), more.begin(), more.end());
        auto side = std::make_unique<Side>(loop_, folder_, name, std::move(options));
        until([&] { return side->ready; });
        return side;
    }
    std::string incoming() const { return "unix:" + folder_.file("incoming"); }

    /// The call's error, or "done".
    template <typename Call>
    std::string of(Call&& call) {
        std::optional<std::string> said;
        call([&](const std::optional<std::string>& error) { said = error.value_or("done"); });
        until([&] { return said.has_value(); });
        return *said;
    }
    VmFacts facts(Side& side) {
        std::optional<VmFacts> found;
        side.control->inspect([&](const VmFacts* facts, const std::optional<std::string>& error) {
            EXPECT_EQ(error, std::nullopt);
            found = facts ? *facts : VmFacts();
        });
        until([&] { return found.has_value(); });
        return *found;
    }
    std::string problem(Side& one, Side& other) {
        return colo_problem(facts(one), facts(other), false).value_or("");
    }
    std::string set_up(Side& side, Role role) {
        return of([&](auto done) { side.control->set_up(role, {}, done); });
    }
    std::string migrate(Side& side) {
        return of([&](auto done) {
            side.control->migrate(
                incoming(), [](const MigrationProgress&) {}, done);
        });
    }
    void protect(Side& one, Side& other) {
        ASSERT_EQ(problem(one, other), "");
        ASSERT_EQ(set_up(other, Role::kSecondary), "done");
        ASSERT_EQ(set_up(one, Role::kPrimary), "done");
        ASSERT_EQ(migrate(one), "done");
        EXPECT_TRUE(one.has_neared_its_end);
        until_it_runs(one);
        until_it_runs(other);
    }
    bool runs(Side& side) {
        std::optional<bool> runs;
        side.control->query_running([&](bool is, const std::optional<std::string>&) { runs = is; });
        until([&] { return runs.has_value(); });
        return *runs;
    }
    void until_it_runs(Side& side) {
        while (!runs(side)) {
        }
    }

    TemporaryFolder folder_;
};

TEST_F(ColoControlLive, PairIsProtectedCheckpointedAndFailsOverToTheSecondary) {
    const auto one = primary();
    const auto other = secondary();
    protect(*one, *other);
    EXPECT_EQ(facts(*one).colo_mode, "primary");
    EXPECT_EQ(facts(*other).colo_mode, "secondary");
    EXPECT_NE(problem(*one, *other), "");
    const int stops = one->stops;
    EXPECT_EQ(of([&](auto done) { one->control->ask_checkpoint(60'000, done); }), "done");
    until([&] { return one->stops == stops + 1 && one->resumes == one->stops; });
    one->qemu->kill(SIGKILL);
    until([&] { return !one->ready; });
    EXPECT_EQ(of([&](auto done) { other->control->lose_heartbeat(done); }), "done");
    until([&] { return !other->exit.empty(); });
    until_it_runs(*other);
    until([&] { return of([&](auto done) { other->control->clear_up(done); }) == "done"; });
    EXPECT_EQ(facts(*other).colo_mode, "none");
}

TEST_F(ColoControlLive, SurvivorsOfBothKindsAreProtectedAgain) {
    const auto one = primary();
    auto other = secondary();
    protect(*one, *other);
    other.reset();
    EXPECT_EQ(of([&](auto done) { one->control->yank(done); }), "done");
    EXPECT_EQ(of([&](auto done) { one->control->lose_heartbeat(done); }), "done");
    until([&] { return !one->exit.empty(); });
    until_it_runs(*one);
    until([&] { return of([&](auto done) { one->control->clear_up(done); }) == "done"; });
    other = secondary();
    protect(*one, *other);
    one->qemu->kill(SIGKILL);
    EXPECT_EQ(of([&](auto done) { other->control->lose_heartbeat(done); }), "done");
    until([&] { return !other->exit.empty(); });
    until_it_runs(*other);
    until([&] { return of([&](auto done) { other->control->clear_up(done); }) == "done"; });
    const auto third =
        up("third", {"-m", "131064K", "-incoming", "unix:" + folder_.file("third-in")}, {});
    ASSERT_EQ(problem(*other, *third), "");
}

TEST_F(ColoControlLive, FactsAreThoseOfTheCommandLine) {
    const auto side = primary({"-smp", "2", "-uuid", "d1a5c3f0-0000-4000-8000-000000000001",
                               "-device", "e1000,mac=52:54:00:12:34:56,id=e0", "-blockdev",
                               "null-co,node-name=n0", "-device", "virtio-blk-pci,drive=n0"});
    const VmFacts vm = facts(*side);
    EXPECT_EQ(vm.ram, uint64_t{131064} << 10);
    EXPECT_EQ(vm.cpus, 2u);
    EXPECT_EQ(vm.cpu, "qemu64-x86_64-cpu");
    EXPECT_EQ(vm.uuid, "d1a5c3f0-0000-4000-8000-000000000001");
    EXPECT_EQ(vm.machine.find("pc-i440fx-"), 0u);
    EXPECT_EQ(vm.devices, (Options{"e1000 52:54:00:12:34:56", "virtio-blk-pci"}));
    EXPECT_EQ(vm.disks, Options{"n0 (null-co)"});
    EXPECT_FALSE(vm.kvm);
    EXPECT_TRUE(vm.has_colo);
    EXPECT_TRUE(vm.has_yank);
    EXPECT_EQ(vm.status, "running");
    EXPECT_GE(vm.version, (QemuVersion{7, 2, 0}));
}

TEST_F(ColoControlLive, NobodyToMigrateToIsQemusOwnError) {
    const auto one = primary();
    ASSERT_EQ(set_up(*one, Role::kPrimary), "done");
    EXPECT_EQ(migrate(*one), "primary's QEMU: migrate: failed: Failed to connect to '" +
                                 folder_.file("incoming") + "': No such file or directory");
    EXPECT_EQ(of([&](auto done) { one->control->clear_up(done); }), "done");
}

TEST_F(ColoControlLive, MistakesAreSeen) {
    const auto one = primary();
    const auto idle = up("idle", {"-m", "131064K"}, {});
    EXPECT_NE(problem(*one, *idle).find("does not wait for a migration"), std::string::npos);
    EXPECT_NE(problem(*secondary(), *idle).find("are both started as secondary?"),
              std::string::npos);
    const auto larger = up("larger", {"-m", "262136K", "-incoming", incoming() + "2"}, {});
    EXPECT_NE(problem(*one, *larger).find("RAM differs"), std::string::npos);
}

}  // namespace
}  // namespace colo
