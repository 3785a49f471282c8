// SPDX-License-Identifier: GPL-2.0-or-later
// A session that takes one request after the other: the next one begins when the last one has been
// answered, however long that takes.
#pragma once

#include <functional>
#include <memory>

#include "monitor/command.h"
#include "monitor/session.h"

namespace colo {

class CommandSession : public Session {
  public:
    CommandSession(const CommandSession&) = delete;
    CommandSession& operator=(const CommandSession&) = delete;

    void feed(std::string_view bytes) final;
    void finish() final;
    void resume() final { pump(); }
    bool idle() const final { return !waiting_ && !finishing_ && !has_input(); }

  protected:
    explicit CommandSession(SessionOutput& output) : output_(output) {}

    virtual void push(std::string_view bytes) = 0;
    /// There are bytes that step() has not looked at.
    virtual bool has_input() const = 0;
    /// Deals with the next request of what was pushed. False: there is no whole one.
    virtual bool step() = 0;
    /// The input has ended: deals with the rest.
    virtual void step_last() = 0;

    /// For the request at hand: the next one waits until `answer` has been called. It is not when
    /// the session is gone by then.
    Reply reply(std::function<void(const Result&)> answer);
    SessionOutput& output() { return output_; }

  private:
    void pump();
    void answered();

    SessionOutput& output_;
    bool waiting_ = false;    ///< for an answer
    bool finishing_ = false;  ///< step_last() is to come
    bool pumping_ = false;
    std::shared_ptr<CommandSession*> self_ = std::make_shared<CommandSession*>(this);
};

}  // namespace colo
