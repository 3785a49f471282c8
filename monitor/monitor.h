// SPDX-License-Identifier: GPL-2.0-or-later
// The monitor of a process: commands, QMP servers, text monitors, metrics, events.
#pragma once

#include <glib.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "monitor/command_registry.h"
#include "monitor/stream_server.h"
#include "monitor/version.h"

namespace colo {

/// Everything happens in the thread that runs `context`. SIGPIPE must be ignored where stdio is
/// served.
class Monitor {
  public:
    /// `quit` is what the command quit does; it must not destroy the monitor at once. Empty: there is no
    /// such command.
    Monitor(GMainContext* context, const Version& version, std::function<void()> quit);
    Monitor(const Monitor&) = delete;
    Monitor& operator=(const Monitor&) = delete;

    /// Where others add theirs, best before the first client.
    CommandRegistry& commands() { return commands_; }

    /// The values of -qmp, -monitor and -metrics, or of whatever `option` is. Metrics are query-colo-proxy's
    /// answer, on a unix socket or a loopback address only. Throw std::runtime_error that names the option and
    /// its value.
    const StreamServer& serve_qmp(const std::string& address, const char* option = "-qmp");
    const StreamServer& serve_text(const std::string& address, const char* option = "-monitor");
    const StreamServer& serve_metrics(const std::string& address, const char* option = "-metrics");

    /// To all QMP clients that have negotiated.
    void emit(const std::string& event, const Json& data);

    static constexpr unsigned kMetricsTimeoutMs = 10'000;
    static constexpr size_t kMaxMetricsClients = 32;

  private:
    const StreamServer& serve(const char* option, const std::string& text, SessionFactory factory,
                              const ServerConfig& config);
    Json servers_json() const;

    GMainContext* context_;
    Version version_;
    CommandRegistry commands_;
    std::vector<std::unique_ptr<StreamServer>> servers_;
    bool stdio_taken_ = false;
};

}  // namespace colo
