// SPDX-License-Identifier: GPL-2.0-or-later
#include "qemu/colo_control.h"

#include <algorithm>
#include <utility>

#include "io/log.h"
#include "monitor/json_value.h"
#include "qemu/json_members.h"
#include "qemu/qmp_batch.h"
#include "qemu/vm_inspection.h"

namespace colo {

namespace {

Json capability(const char* name, bool state) {
    return {{"capability", name}, {"state", state}};
}

QmpRequest capabilities(Json list) {
    return {"migrate-set-capabilities", {{"capabilities", std::move(list)}}};
}

QmpRequest checkpoint_delay(uint32_t ms) {
    return {"migrate-set-parameters", {{"x-checkpoint-delay", ms}}};
}

QmpRequest downtime_limit(uint32_t ms) {
    return {"migrate-set-parameters", {{"downtime-limit", ms}}};
}

std::string end_of(const MigrationProgress& progress) {
    if (progress.status == "completed") {
        return "migrate: it is completed, and not COLO: was the capability x-colo taken back?";
    }
    const std::string status = progress.status.empty() ? "there is none" : progress.status;
    return "migrate: " + status + (progress.error.empty() ? "" : ": " + progress.error);
}

constexpr const char* kObjects = "/objects";

}  // namespace

ColoControl::ColoControl(EventLoop& loop, const std::string& side, const Qmp::Make& make_qmp,
                         Observer& observer)
    : loop_(loop),
      who_(side + "'s QEMU"),
      observer_(observer),
      qmp_(make_qmp(loop, who_, *this)),
      poll_(loop, [this] { poll(); }) {}

void ColoControl::qmp_ready() {
    observer_.qemu_ready();
}

void ColoControl::qmp_closed(const std::string& why) {
    finish_migration(told(why));
    observer_.qemu_closed(why);
}

void ColoControl::qmp_event(const std::string& name, const Json& data) {
    if (name == "STOP") return observer_.vm_stopped();
    if (name == "RESUME") return observer_.vm_resumed();
    if (name == "COLO_EXIT") return observer_.colo_exited(string_member(data, "reason"));
    if (name == "MIGRATION_PASS") return look_at_pass(number_member(data, "pass"));
}

void ColoControl::execute(const std::vector<QmpRequest>& requests, Done done) {
    execute_all(*qmp_, requests, kPatience,
                [this, done = std::move(done)](const QmpResults& results) {
                    const QmpFailure* failure = first_failure(results);
                    done(failure ? std::optional(told(failure->description)) : std::nullopt);
                });
}

void ColoControl::inspect(Inspected inspected) {
    const auto inspection = std::make_shared<VmInspection>();
    execute_all(*qmp_, VmInspection::first_round(), kPatience,
                [this, inspection, inspected = std::move(inspected)](const QmpResults& results) {
                    if (const auto why = inspection->take_first(results)) {
                        return inspected(nullptr, told(*why));
                    }
                    inspect_further(inspection, inspected);
                });
}

void ColoControl::inspect_further(std::shared_ptr<VmInspection> inspection, Inspected inspected) {
    execute_all(*qmp_, inspection->second_round(), kPatience,
                [this, inspection, inspected = std::move(inspected)](const QmpResults& results) {
                    if (const auto why = inspection->take_second(results)) {
                        return inspected(nullptr, told(*why));
                    }
                    inspected(&inspection->facts(), std::nullopt);
                });
}

/// "events" are those of the migration.
void ColoControl::set_up(Role role, const ColoSettings& settings, Done done) {
    std::vector<QmpRequest> requests{
        capabilities(Json::array({capability("x-colo", true), capability("events", true)})),
        checkpoint_delay(settings.checkpoint_delay_ms)};
    downtime_limit_ms_ = settings.downtime_limit_ms;
    if (role == Role::kPrimary) {
        requests.push_back({"migrate-set-parameters",
                            {{"max-bandwidth", settings.max_bandwidth},
                             {"downtime-limit", kShortestDowntimeMs}}});
    }
    filters_.clear();
    if (!settings.is_redirected) return execute(requests, std::move(done));
    find_filters([this, requests, done = std::move(done)](const std::optional<std::string>& error) {
        if (error) return done(error);
        execute(requests, done);
    });
}

void ColoControl::find_filters(Done done) {
    execute_all(*qmp_, {{"qom-list", {{"path", kObjects}}}}, kPatience,
                [this, done = std::move(done)](const QmpResults& results) {
                    const QmpFailure* failure = first_failure(results);
                    if (failure) return done(told(failure->description));
                    look_at_filters(results.front().value, done);
                });
}

void ColoControl::look_at_filters(const Json& objects, Done done) {
    std::vector<std::string> paths;
    std::vector<QmpRequest> requests;
    for (const Json& object : objects) {
        const std::string type = string_member(object, "type");
        if (type != "child<filter-redirector>" && type != "child<filter-mirror>") continue;
        paths.push_back(std::string(kObjects) + "/" + string_member(object, "name"));
        requests.push_back({"qom-get", {{"path", paths.back()}, {"property", "status"}}});
    }
    if (paths.empty()) return done(told("it has no filter-redirector: `colo-proxy qemu-args` prints what it needs"));
    execute_all(*qmp_, requests, kPatience, [this, paths, done = std::move(done)](const QmpResults& results) {
        for (size_t i = 0; i < paths.size(); ++i) {
            if (results[i].failure) return done(told(results[i].failure->description));
            if (results[i].value != "on") return done(told(paths[i] + " is off: frames would go past us"));
        }
        filters_ = paths;
        done(std::nullopt);
    });
}

void ColoControl::redirect(Done done) {
    if (filters_.empty()) return done(std::nullopt);
    std::vector<QmpRequest> requests;
    for (const std::string& path : filters_)
        requests.push_back({"qom-set", {{"path", path}, {"property", "status"}, {"value", "on"}}});
    execute(requests, std::move(done));
}

void ColoControl::migrate(const std::string& uri, Progress progress, Done done) {
    if (is_migrating()) return done(told("migrate: a migration runs already"));
    next_help_ = kRoundsPerDowntime;
    nears_its_end_ = false;
    progress_ = std::move(progress);
    migrated_ = std::move(done);
    execute({{"migrate", {{"uri", uri}}}}, [this](const std::optional<std::string>& error) {
        if (error) return finish_migration(error);
        poll();
    });
}

void ColoControl::poll() {
    if (!is_migrating()) return;
    execute_all(*qmp_, {{"query-migrate"}}, kPatience, [this](const QmpResults& results) {
        if (!is_migrating()) return;
        const QmpFailure* failure = first_failure(results);
        if (failure) return finish_migration(told(failure->description));
        polled(migration_progress(results.front().value));
    });
}

void ColoControl::polled(const MigrationProgress& progress) {
    progress_(progress);
    if (progress.status == "colo") return finish_migration(std::nullopt);
    if (progress.is_over()) return finish_migration(told(end_of(progress)));
    help_to_converge(progress.rounds);
    if (!qmp_->tells_passes()) look_at_pass(progress.rounds);
    const bool asks_often = !qmp_->tells_passes() && !nears_its_end_;
    poll_.set(loop_.now() + milliseconds(asks_often ? kPassPollMs : kPollMs));
}

/// The first pass sends all of the RAM. Of a checkpoint's passes nobody is told.
void ColoControl::look_at_pass(uint64_t pass) {
    if (!is_migrating() || pass < 2 || std::exchange(nears_its_end_, true)) return;
    observer_.migration_nears_its_end();
}

void ColoControl::let_migration_finish(Done done) {
    execute({downtime_limit(downtime_limit_ms_)}, std::move(done));
}

/// QEMU goes on for ever with what it cannot finish within the limit.
void ColoControl::help_to_converge(uint64_t rounds) {
    if (rounds < next_help_ || downtime_limit_ms_ >= kMostDowntimeMs) return;
    next_help_ = rounds + kRoundsPerDowntime;
    downtime_limit_ms_ = std::min(2 * std::max(downtime_limit_ms_, 1u), kMostDowntimeMs);
    log_info(who_, "the migration does not come to its end: the VM may stand still for " +
                       std::to_string(downtime_limit_ms_) + " ms");
    let_migration_finish([this](const std::optional<std::string>& error) {
        if (error) log_warning(who_, *error);
    });
}

void ColoControl::finish_migration(const std::optional<std::string>& error) {
    poll_.cancel();
    progress_ = nullptr;
    if (const Done done = std::exchange(migrated_, nullptr)) done(error);
}

void ColoControl::cancel(Done done) {
    execute({{"migrate_cancel"}}, std::move(done));
}

void ColoControl::ask_checkpoint(uint32_t delay_ms, Done done) {
    execute({checkpoint_delay(delay_ms)}, std::move(done));
}

void ColoControl::lose_heartbeat(Done done) {
    execute_all(*qmp_, {{"x-colo-lost-heartbeat"}}, kPatience,
                [this, done = std::move(done)](const QmpResults& results) {
                    const QmpFailure* failure = first_failure(results);
                    if (!failure) return done(std::nullopt);
                    if (!failure->is_answer) return done(told(failure->description));
                    log_warning(who_, failure->description);
                    done(std::nullopt);
                });
}

/// Others, chardevs and disks, are not ours to break.
void ColoControl::yank(Done done) {
    execute_all(*qmp_, {{"query-yank"}}, kPatience,
                [this, done = std::move(done)](const QmpResults& results) {
                    const QmpFailure* failure = first_failure(results);
                    if (failure) return done(told(failure->description));
                    break_instances(results.front().value, done);
                });
}

void ColoControl::break_instances(const Json& instances, Done done) {
    Json ours = Json::array();
    for (const Json& instance : instances) {
        if (string_member(instance, "type") == "migration") ours.push_back(instance);
    }
    if (ours.empty()) return done(std::nullopt);
    execute({{"yank", {{"instances", ours}}}}, std::move(done));
}

void ColoControl::query_running(Running running) {
    execute_all(*qmp_, {{"query-status"}}, kPatience,
                [this, running = std::move(running)](const QmpResults& results) {
                    const QmpFailure* failure = first_failure(results);
                    if (failure) return running(false, told(failure->description));
                    running(is_set(results.front().value, "running"), std::nullopt);
                });
}

void ColoControl::clear_up(Done done) {
    execute({capabilities(Json::array({capability("x-colo", false)}))}, std::move(done));
}

}  // namespace colo
