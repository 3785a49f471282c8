// SPDX-License-Identifier: GPL-2.0-or-later
// QMP with one QEMU, however its words travel: over a socket (qmp_client.h), or within QEMU's own process.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "io/event_loop.h"
#include "qemu/qmp_conversation.h"

namespace colo {

class Qmp {
  public:
    /// Called from the loop, never from within a call into the Qmp. Must not destroy it.
    class Observer {
      public:
        virtual void qmp_ready() = 0;
        /// Of a conversation that was ready.
        virtual void qmp_closed(const std::string& why) = 0;
        virtual void qmp_event(const std::string& name, const Json& data) = 0;

      protected:
        ~Observer() = default;
    };
    using Make = std::function<std::unique_ptr<Qmp>(EventLoop& loop, const std::string& what, Observer& observer)>;

    Qmp() = default;
    Qmp(const Qmp&) = delete;
    Qmp& operator=(const Qmp&) = delete;
    virtual ~Qmp() = default;

    /// `patience`: a failure is told after it, at the latest. Commands given while there is no
    /// connection wait for one as long. `answer` must not destroy the Qmp either.
    virtual void execute(const std::string& command, const Json& arguments, Time patience,
                         QmpConversation::Answer answer) = 0;
    virtual bool is_ready() const = 0;
    /// Why there is no conversation: "QMP at PATH: ...". Empty: there is one.
    virtual const std::string& problem() const = 0;
    virtual std::optional<Time> owed_since() const = 0;
    /// Events of a migration's passes come; else one has to ask, and may do so often.
    virtual bool tells_passes() const = 0;
};

}  // namespace colo
