// SPDX-License-Identifier: GPL-2.0-or-later
// Proxies of a pair on one loop, each with its objects and sockets, beside QEMUs that answer from a table.
#include "pair/protected_vm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <stdexcept>

#include "filter/netdev_redirected.h"
#include "qemu/qmp_client.h"
#include "tests/support/colo_word.h"
#include "tests/support/loop_rig.h"
#include "tests/support/peer_end.h"
#include "tests/support/scripted_qemu.h"

namespace colo {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr uint64_t kRam = uint64_t{131064} << 10;
const std::string kReady = word(0);
constexpr const char* kState = "the VM's state";

/// A QEMU that COLO would do with.
void describe(ScriptedQemu& qemu, Role role) {
    const bool runs = role == Role::kPrimary;
    qemu.set("query-version", {{"qemu", {{"major", 7}, {"minor", 2}, {"micro", 0}}}});
    qemu.set("query-status", {{"running", runs}, {"status", runs ? "running" : "inmigrate"}});
    qemu.set("query-memory-size-summary", {{"base-memory", kRam}});
    qemu.set("qom-get /machine type", "pc");
    qemu.set("query-migrate-capabilities", Json::array({{{"capability", "x-colo"}, {"state", false}}}));
    qemu.set("query-qmp-schema",
             Json::array({{{"name", "x-colo-lost-heartbeat"}},
                          {{"name", "migrate-set-parameters"}, {"arg-type", "1"}},
                          {{"name", "1"}, {"members", Json::array({{{"name", "x-checkpoint-delay"}}})}}}));
}

/// A host of the pair.
class Proxy {
  public:
    Proxy(EventLoop& loop, const TemporaryFolder& folder, const std::string& name, Role role,
          const std::string& link, bool starts, bool is_redirected)
        : qemu(folder.file(name + ".qmp")),
          incoming(folder.file(name + ".incoming")),
          migrate_path_(folder.file(name + ".migrate")),
          host_(loop, [this](const std::string& event, const Json& data) {
              if (event == "COLO_PROXY_MODE") mode_reason = data["reason"];
          }) {
        describe(qemu, role);
        files_ = folder.file(name + ".");
        const auto redirected = [&](const std::string& id) {
            host_.adopt(std::make_unique<NetdevRedirected>(loop, host_.pool(), id, files_ + id, files_ + id + "-in"));
        };
        for (const char* id : {"vm", "up"}) is_redirected ? redirected(id) : add_netdev(id);
        ProtectedVmOptions options;
        options.role = role;
        options.nics = {{"vm", "up"}};
        options.link.address = unix_at(folder.file(link));
        options.make_qmp = QmpClient::maker(folder.file(name + ".qmp"));
        options.migrate_path = migrate_path_;
        options.incoming_path = folder.file(name + ".incoming");
        options.starts = starts;
        auto made = std::make_unique<ProtectedVm>(host_, std::move(options));
        vm = made.get();
        host_.adopt(std::move(made));
        network_.push_back(Client::at_path(folder.file(name + ".vm")));
        if (!is_redirected) return;
        for (const char* way : {".vm-in", ".up", ".up-in"}) network_.push_back(Client::at_path(folder.file(name + way)));
        qemu.set("qom-list /objects", Json::array({{{"name", "out"}, {"type", "child<filter-redirector>"}}}));
        qemu.set("qom-get /objects/out status", "on");
    }

    void add_nic() {
        for (const char* id : {"vm1", "up1"}) add_netdev(id);
        vm->add_nic({"vm1", "up1"});
    }
    /// What its QEMU has to say by now.
    void serve() {
        qemu.serve();
        const bool migrates = !qemu.told.empty() && qemu.told.back().starts_with("migrate {");
        if (!migrates || migration) return;
        qemu.set("query-migrate", {{"status", "active"}});
        migration.emplace(Client::at_path(migrate_path_));
        migration->send(kState);
    }
    void set(const std::string& name, uint64_t value) {
        for (const Property& property : vm->properties()) {
            if (property.name == name) property.set(value);
        }
    }
    std::string mode() const { return vm->status().mode; }
    /// Its QEMU's netdev has closed its socket; and another QEMU's has come.
    void leave_network() { network_.clear(); }
    void join_network() { network_.push_back(Client::at_path(files_ + "vm")); }

    ScriptedQemu qemu;
    FakeQemu incoming;
    std::optional<Client> migration;  ///< of its QEMU, outgoing
    ProtectedVm* vm = nullptr;
    std::string mode_reason;

  private:
    void add_netdev(const std::string& id) {
        host_.add_netdev({{"type", "stream"}, {"id", id}, {"server", "on"}, {"addr.type", "unix"}, {"addr.path", files_ + id}});
    }

    std::string files_;
    const std::string migrate_path_;
    FilterHost host_;
    std::vector<Client> network_;
};

class ProtectedVmTest : public LoopTest {
  protected:
    Proxy& proxy(const std::string& name, Role role, const std::string& link = "link", bool starts = false) {
        return proxies_.emplace_back(loop_, folder_, name, role, link, starts, false);
    }
    /// Its QEMU keeps its netdev.
    Proxy& redirected_proxy(const std::string& name, Role role) {
        return proxies_.emplace_back(loop_, folder_, name, role, "link", false, true);
    }
    void served_until(const std::function<bool()>& condition) {
        until([&] {
            for (Proxy& one : proxies_) one.serve();
            return condition();
        });
    }
    /// What is answered in the end; empty: it went well.
    std::string answer(const std::function<void(ProtectedVm::Answer)>& ask) {
        std::optional<std::string> said;
        ask([&](const std::optional<std::string>& error) { said = error.value_or(""); });
        served_until([&] { return said.has_value(); });
        return *said;
    }
    std::string start(Proxy& primary) {
        return answer([&](ProtectedVm::Answer told) { primary.vm->start(std::move(told)); });
    }
    std::string stop(Proxy& primary) {
        return answer([&](ProtectedVm::Answer told) { primary.vm->stop(std::move(told)); });
    }
    std::string reprotect(Proxy& survivor, const std::optional<ListenAddress>& link) {
        return answer([&](ProtectedVm::Answer told) { survivor.vm->reprotect(link, std::move(told)); });
    }
    /// Started so often, until it is refused for that.
    void start_until(const char* refusal, Proxy& primary) {
        while (start(primary).find(refusal) == std::string::npos) loop_.iterate(true);
    }
    /// Its QEMU takes the migration that is under way.
    void load(Proxy& secondary) {
        served_until([&] { return secondary.incoming.accept(); });
        served_until([&] { return secondary.incoming.has(kState); });
        secondary.incoming.say(kReady);
    }
    /// Everybody comes, and its migration is under way.
    void begin(Proxy& primary, std::optional<std::string>& said) {
        for (;;) {
            said.reset();
            primary.vm->start([&](const std::optional<std::string>& error) { said = error.value_or(""); });
            served_until([&] { return said || primary.migration; });
            if (primary.migration) return;
            loop_.iterate(true);
        }
    }
    /// By a primary that is played. What leads to its QEMU.
    std::unique_ptr<Stream> make_copy(PeerEnd& primary, Proxy& secondary) {
        primary.link.listen();
        until([&] { return primary.link.peer().has_value(); });
        primary.link.set_identity({1, primary.link.peer()->process});
        bool is_prepared = false;
        const uint8_t delay[4] = {0, 0, 1, 0};
        while (!is_prepared) {
            bool is_answered = false;
            primary.link.session()->call(static_cast<uint32_t>(PeerProcedure::kPrepare), 0, delay,
                                         [&](const LinkStatus& status, Bytes) {
                                             is_answered = true;
                                             is_prepared = status.ok();
                                         });
            served_until([&] { return is_answered; });
        }
        std::unique_ptr<Stream> migration = primary.link.session()->open(MigrationRelay::kService);
        migration->write(bytes_of(kState));
        load(secondary);
        return migration;
    }
    void protect(Proxy& primary, Proxy& secondary) {
        std::optional<std::string> said;
        begin(primary, said);
        load(secondary);
        served_until([&] { return said.has_value(); });
        ASSERT_EQ(*said, "");
        served_until([&] { return secondary.mode() == "lockstep"; });
    }
    void checkpoint(Proxy& primary, Proxy& secondary) {
        const auto there = [&](const std::string& bytes) {
            primary.migration->send(bytes);
            served_until([&] { return secondary.incoming.has(bytes); });
        };
        const auto back = [&](const std::string& bytes) {
            secondary.incoming.say(bytes);
            served_until([&] { return primary.migration->has(bytes); });
        };
        there(word(1));
        back(word(2));
        there("what has changed");
        back(word(5));
        back(word(6));
    }
    /// By its operator; the other side resigns.
    void fail_over(Proxy& survivor) {
        survivor.qemu.set("query-status", {{"running", true}, {"status", "running"}});
        survivor.qemu.set("query-migrate", {{"status", "completed"}});
        std::optional<std::string> said;
        survivor.vm->fail_over(true, [&](const std::optional<std::string>& error) { said = error.value_or(""); });
        served_until([&] {
            if (survivor.qemu.told.back().starts_with("x-colo")) survivor.incoming.leave();
            EXPECT_TRUE(said || survivor.mode() == "lockstep");
            return said.has_value();
        });
        ASSERT_EQ(*said, "");
    }

    TemporaryFolder folder_;
    std::list<Proxy> proxies_;
};

TEST_F(ProtectedVmTest, StartThatFailsAtOnceCanBeRepeated) {
    Proxy& primary = proxy("a", Role::kPrimary);
    Proxy& secondary = proxy("b", Role::kSecondary);
    (void)secondary;
    primary.qemu.set("query-memory-size-summary", {{"base-memory", kRam / 2}});
    start_until("RAM differs", primary);
    // Its QEMU falls silent, and each start asks more of it.
    std::string said;
    const auto told = [&](const std::optional<std::string>& error) { said = error.value_or(""); };
    for (int i = 0; i < 1000 && said.find("commands wait") == std::string::npos; ++i) {
        said.clear();
        primary.vm->start(told);
        if (said.empty()) primary.vm->stop([](const std::optional<std::string>&) {});
    }
    EXPECT_THAT(said, HasSubstr("looking at the primary's QEMU"));
    for (int i = 0; i < 2; ++i) {
        said.clear();
        primary.vm->start(told);
        EXPECT_NE(said, "");
    }
    EXPECT_EQ(primary.mode(), "idle");
}

TEST_F(ProtectedVmTest, StartsByItselfWhenTheVmRuns) {
    Proxy& primary = proxy("a", Role::kPrimary, "link", true);
    primary.qemu.set("query-status", {{"running", false}, {"status", "prelaunch"}});
    Proxy& secondary = proxy("b", Role::kSecondary);
    start_until("does not run", primary);
    // Whether the event comes while a start looks at what was before, or between two.
    primary.qemu.set("query-status", {{"running", true}, {"status", "running"}});
    primary.qemu.event("RESUME", Json::object());
    served_until([&] { return primary.migration.has_value(); });
    load(secondary);
    served_until([&] { return primary.mode() == "lockstep"; });
}

/// Else the primary might die, and the secondary, who knows of no pair, would not take over.
TEST_F(ProtectedVmTest, NobodyIsToldOfAPairThatTheSecondaryDoesNotKnow) {
    Proxy& primary = proxy("a", Role::kPrimary);
    Proxy& secondary = proxy("b", Role::kSecondary);
    std::optional<std::string> said;
    begin(primary, said);
    load(secondary);
    served_until([&] {
        EXPECT_TRUE(!said || secondary.mode() == "lockstep");
        return said.has_value();
    });
    EXPECT_EQ(*said, "");
    EXPECT_EQ(primary.mode(), "lockstep");
}

/// Its primary may be ahead of it: READY was under way, or the word that it is part of a pair.
TEST_F(ProtectedVmTest, SecondaryWhoseLinkWasLostBeforeItKnewOfItsPairSaysSo) {
    PeerEnd primary(loop_, folder_.file("link"), 1);
    Proxy& secondary = proxy("b", Role::kSecondary);
    const auto migration = make_copy(primary, secondary);
    primary.heard.clear();
    primary.link.hang_up("the network is gone");
    until([&] { return primary.heard.size() == 3; });
    EXPECT_THAT(primary.heard, ElementsAre("lost", HasSubstr("it is "), HasSubstr("3: the link was lost before")));
    EXPECT_EQ(secondary.mode(), "idle");
}

TEST_F(ProtectedVmTest, VmThatStandsStillForASecondaryThatIsNeverReadyRunsOn) {
    Proxy& primary = proxy("a", Role::kPrimary);
    Proxy& secondary = proxy("b", Role::kSecondary);
    primary.set("checkpoint-deadline", 20);
    std::optional<std::string> said;
    begin(primary, said);
    served_until([&] { return secondary.incoming.accept(); });
    served_until([&] { return secondary.incoming.has(kState); });
    primary.qemu.event("STOP", Json::object());
    served_until([&] { return said.has_value(); });
    EXPECT_THAT(*said, HasSubstr("the secondary's QEMU has not been ready for"));
    served_until([&] { return primary.qemu.told.back() == "x-colo-lost-heartbeat"; });
    EXPECT_EQ(primary.mode(), "idle");
}

TEST_F(ProtectedVmTest, InputStopsBeforeTheMigrationMayFinish) {
    Proxy& primary = proxy("a", Role::kPrimary);
    Proxy& secondary = proxy("b", Role::kSecondary);
    const auto limit = [&] {
        const auto is_limit = [](const std::string& told) { return told.find("downtime-limit") != std::string::npos; };
        return *std::find_if(primary.qemu.told.rbegin(), primary.qemu.told.rend(), is_limit);
    };
    std::optional<std::string> said;
    begin(primary, said);
    EXPECT_THAT(limit(), HasSubstr("\"downtime-limit\":1}"));
    primary.qemu.event("MIGRATION_PASS", {{"pass", 2}});
    served_until([&] { return limit().find("\"downtime-limit\":20}") != std::string::npos; });
    load(secondary);
    served_until([&] { return primary.mode() == "lockstep"; });
}

TEST_F(ProtectedVmTest, CheckpointsOfAPairThatIsOverCountOnce) {
    Proxy& primary = proxy("a", Role::kPrimary);
    Proxy& secondary = proxy("b", Role::kSecondary);
    protect(primary, secondary);
    const auto manual = [&] { return primary.vm->status().checkpoints[static_cast<size_t>(Reason::kManual)]; };
    primary.vm->ask_for_checkpoint(Reason::kManual);
    checkpoint(primary, secondary);
    served_until([&] { return manual() == 1; });
    fail_over(primary);
    EXPECT_EQ(manual(), 1u);
    start_until("no secondary", primary);
    EXPECT_EQ(manual(), 1u);
}

TEST_F(ProtectedVmTest, LongestIntervalIsToldToQemuAtOnce) {
    Proxy& primary = proxy("a", Role::kPrimary);
    Proxy& secondary = proxy("b", Role::kSecondary);
    protect(primary, secondary);
    primary.set("max-interval", 700);
    served_until([&] { return primary.qemu.told.back() == "migrate-set-parameters {\"x-checkpoint-delay\":700}"; });
    checkpoint(primary, secondary);
    served_until([&] { return primary.vm->status().checkpoints[static_cast<size_t>(Reason::kPolicyChange)] == 1; });
}

TEST_F(ProtectedVmTest, StartWithoutASecondaryThatWasThereIsRefused) {
    Proxy& primary = proxy("a", Role::kPrimary);
    Proxy& secondary = proxy("b", Role::kSecondary);
    protect(primary, secondary);
    secondary.vm->part("its host is switched off");
    served_until([&] { return primary.vm->status().peer == "lost"; });
    EXPECT_THAT(start(primary), HasSubstr("the pair is broken (peer: lost)"));
}

/// It would go on alone, and the secondary may have taken over.
TEST_F(ProtectedVmTest, PairThatIsBrokenIsNotStopped) {
    Proxy& primary = proxy("a", Role::kPrimary);
    Proxy& secondary = proxy("b", Role::kSecondary);
    protect(primary, secondary);
    secondary.vm->part("its host is switched off");
    served_until([&] { return primary.vm->status().peer == "lost"; });
    EXPECT_THAT(stop(primary), HasSubstr("the pair is broken (peer: lost)"));
    EXPECT_THAT(reprotect(primary, std::nullopt), HasSubstr("the pair is broken (peer: lost)"));
    EXPECT_THROW(primary.vm->need_checkpoints(), std::runtime_error);
    EXPECT_EQ(primary.mode(), "lockstep");
}

TEST_F(ProtectedVmTest, PairThatIsToldTwiceToStopIsIdle) {
    Proxy& primary = proxy("a", Role::kPrimary);
    Proxy& secondary = proxy("b", Role::kSecondary);
    protect(primary, secondary);
    std::string first, second;
    primary.vm->stop([&](const std::optional<std::string>& error) { first = error.value_or("done"); });
    primary.vm->stop([&](const std::optional<std::string>& error) { second = error.value_or("done"); });
    EXPECT_EQ(second, "a failover is under way");
    served_until([&] { return !first.empty(); });
    EXPECT_EQ(first, "done");
    EXPECT_EQ(primary.mode(), "idle");
}

/// What connects then is another VM, of which the secondary is no copy.
TEST_F(ProtectedVmTest, VmThatWasStartedAnewIsNotTheOneThatIsProtected) {
    Proxy& primary = proxy("a", Role::kPrimary);
    Proxy& secondary = proxy("b", Role::kSecondary);
    protect(primary, secondary);
    primary.leave_network();
    served_until([&] { return secondary.vm->status().peer == "failed"; });
    EXPECT_EQ(primary.mode_reason, "our VM has failed: QEMU is gone");
    primary.join_network();
    EXPECT_EQ(start(primary), "the VM of this side has failed: QEMU is gone");
    EXPECT_THROW(primary.vm->need_checkpoints(), std::runtime_error);
    EXPECT_EQ(secondary.vm->status().peer, "failed");
}

/// The place is kept for the one that may come back.
TEST_F(ProtectedVmTest, WhoIsNotOfThePairIsTurnedAway) {
    Proxy& primary = proxy("a", Role::kPrimary);
    Proxy& secondary = proxy("b", Role::kSecondary);
    protect(primary, secondary);
    secondary.vm->part("its host is switched off");
    served_until([&] { return primary.vm->status().peer == "lost"; });
    PeerEnd stranger(loop_, folder_.file("link"), 7);
    stranger.link.connect();
    served_until([&] { return std::ranges::count(stranger.heard, "lost") == 2; });
    EXPECT_THAT(stranger.link.problem(), HasSubstr("a pair with another one is not given up here yet"));
    EXPECT_EQ(primary.vm->status().peer, "lost");
}

/// Its checkpoint ended while it was told to stand down.
TEST_F(ProtectedVmTest, WhoHasResignedIsNotProtectedAgain) {
    PeerEnd primary(loop_, folder_.file("link"), 1);
    Proxy& secondary = proxy("b", Role::kSecondary);
    const auto migration = make_copy(primary, secondary);
    const uint8_t without_force = 0;
    const auto protect = [&] { primary.link.say(PeerProcedure::kProtected, Bytes(&without_force, 1)); };
    protect();
    served_until([&] { return secondary.mode() == "lockstep"; });
    primary.link.say(PeerProcedure::kStandDown);
    protect();
    std::string said;
    const uint8_t nics[4] = {0, 0, 0, 1};
    primary.link.session()->call(static_cast<uint32_t>(PeerProcedure::kInspect), 0, nics,
                                 [&](const LinkStatus& status, Bytes) { said = status.text; });
    served_until([&] { return !said.empty(); });
    EXPECT_THAT(primary.heard, Contains("3: told to stand down"));
    EXPECT_THAT(said, HasSubstr("it is idle"));
}

/// Nobody tells the primary that it would go now.
TEST_F(ProtectedVmTest, StartIsTriedAgainUntilTheSecondaryIsFit) {
    Proxy& primary = proxy("a", Role::kPrimary, "link", true);
    Proxy& secondary = proxy("b", Role::kSecondary);
    secondary.qemu.set("query-memory-size-summary", {{"base-memory", kRam / 2}});
    start_until("RAM differs", primary);
    secondary.qemu.set("query-memory-size-summary", {{"base-memory", kRam}});
    served_until([&] { return primary.migration.has_value(); });
    load(secondary);
    served_until([&] { return primary.mode() == "lockstep"; });
}

TEST_F(ProtectedVmTest, HeartbeatsComeBeforeTheyAreMissed) {
    Proxy& primary = proxy("a", Role::kPrimary);
    EXPECT_THROW(primary.set("heartbeat", 3000), std::invalid_argument);
    EXPECT_THROW(primary.set("link-deadline", 200), std::invalid_argument);
    primary.set("heartbeat", 2999);
    primary.set("link-deadline", 3000);
}

TEST_F(ProtectedVmTest, SecondaryWithAnotherNumberOfNicsIsRefused) {
    Proxy& primary = proxy("a", Role::kPrimary);
    Proxy& secondary = proxy("b", Role::kSecondary);
    secondary.add_nic();
    start_until("the primary has 1 NICs, the secondary 2", primary);
}

TEST_F(ProtectedVmTest, SurvivorThatIsStartedInVainIsUnprotectedAllTheWhile) {
    Proxy& primary = proxy("a", Role::kPrimary);
    Proxy& secondary = proxy("b", Role::kSecondary);
    protect(primary, secondary);
    fail_over(primary);
    EXPECT_EQ(primary.mode(), "unprotected");
    start_until("no secondary", primary);  // the one that was is given up, and gone
    EXPECT_EQ(primary.mode(), "unprotected");

    Proxy& other = proxy("c", Role::kSecondary);
    other.qemu.set("query-memory-size-summary", {{"base-memory", kRam / 2}});
    start_until("RAM differs", primary);
    std::optional<std::string> said;
    primary.vm->start([&](const std::optional<std::string>& error) { said = error.value_or(""); });
    served_until([&] {
        EXPECT_EQ(primary.mode(), "unprotected");
        return said.has_value();
    });
    EXPECT_THAT(*said, HasSubstr("RAM differs"));
    EXPECT_EQ(primary.mode(), "unprotected");
}

TEST_F(ProtectedVmTest, SurvivorListensWhereItIsTold) {
    Proxy& primary = proxy("a", Role::kPrimary);
    Proxy& secondary = proxy("b", Role::kSecondary);
    protect(primary, secondary);
    fail_over(secondary);
    EXPECT_EQ(secondary.mode(), "unprotected");
    // The address its link had led to is another's.
    EXPECT_THAT(reprotect(secondary, std::nullopt), HasSubstr("an address of this host is to be given as 'link'"));
    EXPECT_THAT(reprotect(secondary, unix_at(folder_.file("nowhere/link"))), HasSubstr("nowhere/link"));
    EXPECT_EQ(reprotect(secondary, unix_at(folder_.file("new-link"))), "");
    Proxy& third = proxy("c", Role::kSecondary, "new-link");
    load(third);  // who waits is protected as soon as somebody comes
    served_until([&] { return secondary.mode() == "lockstep" && third.mode() == "lockstep"; });
}

TEST_F(ProtectedVmTest, ASecondaryWhoseFiltersAreOffIsNoPartner) {
    Proxy& primary = redirected_proxy("a", Role::kPrimary);
    Proxy& secondary = redirected_proxy("b", Role::kSecondary);
    secondary.qemu.set("qom-get /objects/out status", "off");
    start_until("secondary's QEMU: /objects/out is off", primary);
    EXPECT_EQ(primary.mode(), "idle");
}

TEST_F(ProtectedVmTest, SurvivorsFramesFlowWhenItsFiltersAreOnAgain) {
    Proxy& primary = redirected_proxy("a", Role::kPrimary);
    Proxy& secondary = redirected_proxy("b", Role::kSecondary);
    protect(primary, secondary);
    fail_over(secondary);
    EXPECT_THAT(secondary.qemu.told, Contains(HasSubstr("qom-set {\"path\":\"/objects/out\"")));
    EXPECT_EQ(secondary.mode_reason, "the VM runs alone");
}

TEST_F(ProtectedVmTest, SurvivorWhoseFramesGoPastUsSaysSo) {
    Proxy& primary = redirected_proxy("a", Role::kPrimary);
    Proxy& secondary = redirected_proxy("b", Role::kSecondary);
    protect(primary, secondary);
    secondary.qemu.refuse("qom-set /objects/out status", "it is gone");
    fail_over(secondary);
    EXPECT_EQ(secondary.mode_reason, "the VM runs alone, past us: secondary's QEMU: qom-set: it is gone");
}

}  // namespace
}  // namespace colo
