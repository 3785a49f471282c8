// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair/fence_command.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <utility>

extern char** environ;

namespace colo {

namespace {

/// A group of its own, that all of it can be killed; no input, our output; signals as they are by default.
class SpawnAttributes {
  public:
    SpawnAttributes() {
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

std::string describe_status(int status) {
    if (WIFSIGNALED(status)) return std::string("killed by ") + strsignal(WTERMSIG(status));
    return "exit status " + std::to_string(WEXITSTATUS(status));
}

SourcePtr watch_child(GMainContext* context, pid_t pid, GChildWatchFunc ended, void* self) {
    SourcePtr source(g_child_watch_source_new(pid));
    g_source_set_callback(source.get(), G_SOURCE_FUNC(ended), self, nullptr);
    g_source_attach(source.get(), context);
    return source;
}

}  // namespace

FenceCommand::FenceCommand(EventLoop& loop, std::string command)
    : loop_(loop), command_(std::move(command)), deadline_(loop, [this] { too_late(); }) {}

FenceCommand::~FenceCommand() {
    kill_all();
    if (pid_ > 0) waitpid(pid_, nullptr, 0);
}

void FenceCommand::run(Time deadline, Done done) {
    done_ = std::move(done);
    const char* arguments[] = {"sh", "-c", command_.c_str(), nullptr};
    const SpawnAttributes spawn;
    const int error = posix_spawn(&pid_, "/bin/sh", spawn.actions(), spawn.attributes(),
                                  const_cast<char**>(arguments), environ);
    if (error != 0) {
        pid_ = 0;
        const std::string why = std::string("cannot be run: ") + std::strerror(error);
        child_ = after(loop_.context(), 0, [this, why] { std::exchange(done_, {})(why); });
        return;
    }
    child_ = watch_child(
        loop_.context(), pid_,
        [](GPid, gint status, gpointer self) { static_cast<FenceCommand*>(self)->ended(status); }, this);
    deadline_.set(loop_.now() + deadline);
}

void FenceCommand::ended(int status) {
    pid_ = 0;
    deadline_.cancel();
    const Done done = std::exchange(done_, {});
    if (done) done(status == 0 ? std::string() : describe_status(status));
}

/// ended() reaps it.
void FenceCommand::too_late() {
    kill_all();
    const Done done = std::exchange(done_, {});
    if (done) done("it took longer than fence-deadline");
}

void FenceCommand::kill_all() {
    if (pid_ > 0) kill(-pid_, SIGKILL);
}

}  // namespace colo
