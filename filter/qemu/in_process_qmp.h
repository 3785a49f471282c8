// SPDX-License-Identifier: GPL-2.0-or-later
// QMP with the QEMU that we are in: each line goes to QEMU's main loop, which answers it as its monitors' are, and
// the answer comes back. There is no socket, and no monitor is taken. Of events there are STOP and RESUME.
#pragma once

#include <memory>
#include <string>

#include "io/call_guard.h"
#include "qemu/qmp.h"

namespace colo {

class InProcessQmp final : public Qmp, private QmpConversation::Sink {
  public:
    InProcessQmp(EventLoop& loop, Observer& observer, std::function<void(InProcessQmp*)> made);

    /// `made` is told of each, and of its end (nullptr).
    static Make maker(std::function<void(InProcessQmp*)> made);
    ~InProcessQmp() override;

    void execute(const std::string& command, const Json& arguments, Time patience,
                 QmpConversation::Answer answer) override;
    bool is_ready() const override { return conversation_.is_ready(); }
    const std::string& problem() const override { return problem_; }
    std::optional<Time> owed_since() const override { return conversation_.owed_since(); }
    bool tells_passes() const override { return false; }

    /// QEMU has gone over to another run state.
    void tell_run_state(bool runs);
    /// QEMU answers no more.
    void end(const std::string& why);

  private:
    // QmpConversation::Sink
    void send(const std::string& line) override;
    void ready() override { observer_.qmp_ready(); }
    void event(const std::string& name, const Json& data) override { observer_.qmp_event(name, data); }
    void broken(const std::string& why) override;

    void greet();
    void feed(const std::string& text);
    void set_timer();

    EventLoop& loop_;
    Observer& observer_;
    QmpConversation conversation_;
    std::string problem_ = "its main loop has not been asked yet";
    std::function<void(InProcessQmp*)> made_;
    SourcePtr greeting_;
    Timer timer_;
    CallGuard guard_;
};

}  // namespace colo
