// SPDX-License-Identifier: GPL-2.0-or-later
// One QMP client: greeting, capabilities, commands, answers, events.
#pragma once

#include <string>

#include "monitor/command_registry.h"
#include "monitor/command_session.h"
#include "monitor/json_framer.h"
#include "monitor/version.h"

namespace colo {

class QmpSession final : public CommandSession {
  public:
    QmpSession(const CommandRegistry& commands, const Version& version, SessionOutput& output)
        : CommandSession(output), commands_(commands), version_(version) {}

    void start() override;
    /// Sent once capabilities have been negotiated.
    void event(const std::string& line) override;

  private:
    void push(std::string_view bytes) override { framer_.push(bytes); }
    bool has_input() const override { return framer_.has_input(); }
    bool step() override;
    void step_last() override;

    void handle(const JsonMessage& message);
    void execute(const Json& request);
    bool expected(const std::string& command, const Json* id);
    void answer(const Result& result, const Json* id);
    void send(const Json& message);

    const CommandRegistry& commands_;
    const Version& version_;
    JsonFramer framer_;
    bool negotiated_ = false;
};

/// An event as clients get it, stamped with the time that it is.
std::string qmp_event(const std::string& name, const Json& data);

}  // namespace colo
