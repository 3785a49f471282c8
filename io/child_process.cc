// SPDX-License-Identifier: GPL-2.0-or-later
#include "io/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <utility>

extern char** environ;

namespace colo {

namespace {

class SpawnAttributes {
  public:
    explicit SpawnAttributes(int inherited) {
        sigset_t none;
        sigset_t all;
        sigemptyset(&none);
        sigfillset(&all);
        posix_spawnattr_init(&attributes_);
        posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                   POSIX_SPAWN_SETSIGDEF);
        posix_spawnattr_setsigmask(&attributes_, &none);
        posix_spawnattr_setsigdefault(&attributes_, &all);
        posix_spawn_file_actions_init(&actions_);
        posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (inherited >= 0)
            posix_spawn_file_actions_adddup2(&actions_, inherited, ChildProcess::kInherited);
    }
    SpawnAttributes(const SpawnAttributes&) = delete;
    SpawnAttributes& operator=(const SpawnAttributes&) = delete;
    ~SpawnAttributes() {
        posix_spawnattr_destroy(&attributes_);
        posix_spawn_file_actions_destroy(&actions_);
    }

    const posix_spawnattr_t* attributes() const { return &attributes_; }
    const posix_spawn_file_actions_t* actions() const { return &actions_; }

  private:
    posix_spawnattr_t attributes_;
    posix_spawn_file_actions_t actions_;
};

pid_t spawn(const std::vector<std::string>& words, int inherited) {
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const SpawnAttributes attributes(inherited);
    pid_t pid = 0;
    const int error = posix_spawn(&pid, arguments[0], attributes.actions(), attributes.attributes(),
                                  arguments.data(), environ);
    if (error != 0) throw std::runtime_error(std::string("cannot be run: ") + std::strerror(error));
    return pid;
}

std::string describe_status(int status) {
    if (WIFSIGNALED(status)) return std::string("killed by ") + strsignal(WTERMSIG(status));
    return status == 0 ? std::string() : "exit status " + std::to_string(WEXITSTATUS(status));
}

SourcePtr watch_child(GMainContext* context, pid_t pid, GChildWatchFunc ended, void* self) {
    SourcePtr source(g_child_watch_source_new(pid));
    g_source_set_callback(source.get(), G_SOURCE_FUNC(ended), self, nullptr);
    g_source_attach(source.get(), context);
    return source;
}

}  // namespace

ChildProcess::ChildProcess(GMainContext* context, const std::vector<std::string>& words, Ended ended,
                           int inherited)
    : pid_(spawn(words, inherited)), ended_(std::move(ended)) {
    watch_ = watch_child(
        context, pid_,
        [](GPid, gint status, gpointer self) { static_cast<ChildProcess*>(self)->has_ended(status); }, this);
}

ChildProcess::~ChildProcess() {
    kill();
    if (pid_ > 0) waitpid(pid_, nullptr, 0);
}

void ChildProcess::kill() {
    if (pid_ > 0) ::kill(-pid_, SIGKILL);
}

void ChildProcess::has_ended(int status) {
    pid_ = 0;
    const Ended ended = std::move(ended_);
    ended(describe_status(status));
}

/// A context of its own: what else waits for the default one is not ready to be served.
std::string run_to_end(const std::vector<std::string>& words, Time deadline, int inherited) try {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(deadline);
    const ContextPtr context(g_main_context_new());
    std::optional<std::string> outcome;
    const ChildProcess process(
        context.get(), words, [&](const std::string& problem) { outcome = problem; }, inherited);
    const SourcePtr late = after(context.get(), static_cast<unsigned>(ms.count()), [&] {
        outcome = "took longer than " + std::to_string(ms.count()) + " ms";
    });
    while (!outcome) g_main_context_iteration(context.get(), true);
    return *outcome;
} catch (const std::runtime_error& error) {
    return error.what();
}

}  // namespace colo
