// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair/fence_command.h"

#include <stdexcept>
#include <utility>

namespace colo {

FenceCommand::FenceCommand(EventLoop& loop, std::string command)
    : loop_(loop), command_(std::move(command)), deadline_(loop, [this] { too_late(); }) {}

void FenceCommand::run(Time deadline, Done done) {
    done_ = std::move(done);
    const auto ended = [this](const std::string& why_not) { tell(why_not); };
    try {
        process_ = std::make_unique<ChildProcess>(loop_.context(), std::vector<std::string>{"/bin/sh", "-c", command_},
                                                  ended);
        deadline_.set(loop_.now() + deadline);
    } catch (const std::runtime_error& error) {
        failed_ = after(loop_.context(), 0, [this, why = std::string(error.what())] { tell(why); });
    }
}

/// Whoever was told that it is too late is not told of the end.
void FenceCommand::tell(const std::string& why_not) {
    deadline_.cancel();
    const Done done = std::exchange(done_, {});
    if (done) done(why_not);
}

void FenceCommand::too_late() {
    process_->kill();
    tell("it took longer than fence-deadline");
}

}  // namespace colo
