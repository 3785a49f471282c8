// SPDX-License-Identifier: GPL-2.0-or-later
// One HTTP client: GET /metrics, an answer, the end.
#pragma once

#include <string>

#include "monitor/command_registry.h"
#include "monitor/command_session.h"

namespace colo {

/// Its figures are query-colo-proxy's answer, asked for anew each time.
class MetricsSession final : public CommandSession {
  public:
    MetricsSession(const CommandRegistry& commands, SessionOutput& output)
        : CommandSession(output), commands_(commands) {}

  private:
    void push(std::string_view bytes) override;
    bool has_input() const override { return false; }
    bool step() override;
    void step_last() override;

    void handle(std::string_view request_line);
    void respond(const char* status, const char* type, const std::string& body);
    void refuse(const char* status);

    const CommandRegistry& commands_;
    std::string head_;  ///< of the request
    bool answered_ = false;
    bool with_body_ = true;  ///< GET, not HEAD
};

}  // namespace colo
