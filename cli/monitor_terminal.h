// SPDX-License-Identifier: GPL-2.0-or-later
// Lines from a terminal: GNU readline with history and completion, while events come in. There is
// one terminal, so there is one of these.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "cli/monitor_completion.h"

namespace colo {

class MonitorTerminal {
  public:
    /// The history is that of the file, "" for none.
    MonitorTerminal(MonitorCompletion completion, std::string history_file);
    MonitorTerminal(const MonitorTerminal&) = delete;
    MonitorTerminal& operator=(const MonitorTerminal&) = delete;
    ~MonitorTerminal();

    /// A line; nothing: the end. `wait` returns when there is input to read.
    std::optional<std::string> line(const char* prompt, const std::function<void()>& wait);
    /// Above the line that is being typed.
    static void show(const std::string& text);

  private:
    std::string history_file_;
};

/// In the user's state directory (XDG_STATE_HOME), which is made; "" when it cannot be.
std::string monitor_history_file();

}  // namespace colo
