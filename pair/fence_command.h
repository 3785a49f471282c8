// SPDX-License-Identifier: GPL-2.0-or-later
// The operator's command that makes sure that the peer's host is off (semantics.md, 10): run under sh,
// with a deadline; status 0 means fenced, anything else not.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "io/child_process.h"
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

    void run(Time deadline, Done done) override;

  private:
    void tell(const std::string& why_not);
    void too_late();

    EventLoop& loop_;
    const std::string command_;
    Done done_;
    std::unique_ptr<ChildProcess> process_;  ///< the last one, if any
    SourcePtr failed_;
    Timer deadline_;
};

}  // namespace colo
