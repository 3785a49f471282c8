// SPDX-License-Identifier: GPL-2.0-or-later
// The operator's command that makes sure that the peer's host is off (semantics.md, 10): run under sh,
// with a deadline; status 0 means fenced, anything else not.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "io/event_loop.h"

namespace colo {

/// Whatever switches the peer's host off.
class Fencing {
  public:
    /// `why_not` is empty: the peer is fenced.
    using Done = std::function<void(const std::string& why_not)>;

    Fencing() = default;
    Fencing(const Fencing&) = delete;
    Fencing& operator=(const Fencing&) = delete;
    /// Ends what runs; `done` is not called any more.
    virtual ~Fencing() = default;

    /// One at a time. `done` is called from the loop, once.
    virtual void run(Time deadline, Done done) = 0;
};

class FenceCommand final : public Fencing {
  public:
    FenceCommand(EventLoop& loop, std::string command);
    ~FenceCommand() override;

    void run(Time deadline, Done done) override;

  private:
    void ended(int status);
    void too_late();
    void kill_all();

    EventLoop& loop_;
    const std::string command_;
    pid_t pid_ = 0;  ///< leads a process group; 0: none runs
    Done done_;
    SourcePtr child_;
    Timer deadline_;
};

}  // namespace colo
