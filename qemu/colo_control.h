// SPDX-License-Identifier: GPL-2.0-or-later
// COLO as a QEMU is told to do it over QMP: look, set up, migrate, ask for a checkpoint, fail over,
// clear up. One for each proxy, of the QEMU beside it, whichever role that has.
//
// Everything is asynchronous and called back exactly once, from the loop, with nothing or with an
// error that names side, command and cause ("primary's QEMU: migrate: ..."). A callback may be
// called within the call when QMP's queue is full. Callbacks and observer must not destroy the
// control; once it is destroyed nothing is called any more.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/vm_health.h"
#include "qemu/migration_progress.h"
#include "qemu/qmp.h"
#include "qemu/vm_facts.h"

namespace colo {

class VmInspection;
struct QmpRequest;

struct ColoSettings {
    uint32_t checkpoint_delay_ms = 20'000;       ///< QEMU's longest time between two checkpoints
    uint64_t max_bandwidth = uint64_t{2} << 30;  ///< bytes a second; of the primary
    /// How long the primary may stand still at the end of the migration, from
    /// let_migration_finish() on and to begin with: a guest that writes faster than this allows for
    /// is given more and more of it.
    uint32_t downtime_limit_ms = 20;
    /// The VM's frames come to us by QEMU's redirectors and mirrors: they have to be there, and on.
    bool is_redirected = false;
};

class ColoControl final : private Qmp::Observer {
  public:
    using Done = std::function<void(const std::optional<std::string>& error)>;
    /// Either of the two.
    using Inspected =
        std::function<void(const VmFacts* facts, const std::optional<std::string>& error)>;
    using Running = std::function<void(bool runs, const std::optional<std::string>& error)>;
    using Progress = std::function<void(const MigrationProgress& progress)>;

    /// What QEMU does of its own accord. Events travel apart from packets and from the migration:
    /// they are no fence.
    class Observer {
      public:
        virtual void qemu_ready() = 0;
        virtual void qemu_closed(const std::string& why) = 0;
        /// Once a migration of ours: all of the RAM has been sent, and what the VM has dirtied
        /// meanwhile is left. QEMU is kept from finishing, as far as it can be, until
        /// let_migration_finish().
        virtual void migration_nears_its_end() = 0;
        virtual void vm_stopped() = 0;
        virtual void vm_resumed() = 0;
        /// QEMU has left COLO; `reason` is its own ("request", "error").
        virtual void colo_exited(const std::string& reason) = 0;

      protected:
        ~Observer() = default;
    };

    /// `side`: "primary" or "secondary", as messages call it. Throws as `make_qmp`.
    ColoControl(EventLoop& loop, const std::string& side, const Qmp::Make& make_qmp,
                Observer& observer);

    bool is_ready() const { return qmp_->is_ready(); }
    /// Why QMP does not answer: "QMP at PATH: ...". Empty: it does.
    const std::string& problem() const { return qmp_->problem(); }
    /// Since when QEMU has owed an answer: its health.
    std::optional<Time> owed_since() const { return qmp_->owed_since(); }

    void inspect(Inspected inspected);
    /// Before migrate() on the primary, and before it is connected to on the secondary.
    void set_up(Role role, const ColoSettings& settings, Done done);
    /// `progress` is told each kPollMs, `done` once: when the migration has become COLO, or why it
    /// has not. Only one at a time.
    void migrate(const std::string& uri, Progress progress, Done done);
    /// The VM may stand still as long as the settings say. Without it there is no end before the
    /// VM has little to do, or is given more and more downtime.
    void let_migration_finish(Done done);
    /// The migration that runs ends, and migrate()'s `done` says so.
    void cancel(Done done);
    bool is_migrating() const { return static_cast<bool>(migrated_); }

    /// In COLO, on the primary: a checkpoint now. `delay_ms` is the longest time to the next one.
    /// Swallowed by QEMU while one runs.
    void ask_checkpoint(uint32_t delay_ms, Done done);
    /// The other QEMU is lost: this one goes on alone. On the secondary, what we feed its incoming
    /// channel with has been shut down before. One that refuses is out of COLO already, which is no
    /// error.
    void lose_heartbeat(Done done);
    /// Breaks a migration channel QEMU is stuck in. Nothing to break is no error.
    void yank(Done done);
    void query_running(Running running);
    /// A secondary that goes on alone switches its filters off, all of them: redirectors and mirrors of set_up() are
    /// switched on again. Nothing to do is no error.
    void redirect(Done done);
    /// After COLO: the VM is as one that never was in it, and can be migrated or protected again.
    void clear_up(Done done);

    static constexpr uint32_t kPollMs = 100;
    /// Where nobody tells of passes, until the second one.
    static constexpr uint32_t kPassPollMs = 5;
    /// The downtime limit before let_migration_finish(): QEMU's shortest.
    static constexpr uint32_t kShortestDowntimeMs = 1;
    /// A migration that has looked for dirty pages this often more gets twice the downtime, up to:
    static constexpr uint64_t kRoundsPerDowntime = 8;
    static constexpr uint32_t kMostDowntimeMs = 2000;
    static constexpr Time kPatience = seconds(10);

  private:
    void qmp_ready() override;
    void qmp_closed(const std::string& why) override;
    void qmp_event(const std::string& name, const Json& data) override;

    std::string told(const std::string& failure) const { return who_ + ": " + failure; }
    void find_filters(Done done);
    void look_at_filters(const Json& objects, Done done);
    void execute(const std::vector<QmpRequest>& requests, Done done);
    void inspect_further(std::shared_ptr<VmInspection> inspection, Inspected inspected);
    void break_instances(const Json& instances, Done done);
    void poll();
    void polled(const MigrationProgress& progress);
    void look_at_pass(uint64_t pass);
    void help_to_converge(uint64_t rounds);
    void finish_migration(const std::optional<std::string>& error);

    EventLoop& loop_;
    const std::string who_;
    ColoControl::Observer& observer_;
    const std::unique_ptr<Qmp> qmp_;
    std::vector<std::string> filters_;  ///< paths of redirectors and mirrors; of a VM that is redirected
    Timer poll_;
    Progress progress_;
    bool nears_its_end_ = false;
    uint32_t downtime_limit_ms_ = 0;
    uint64_t next_help_ = 0;  ///< the round in which there will be more downtime
    Done migrated_;           ///< empty: no migration of ours runs
};

}  // namespace colo
