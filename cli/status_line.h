// SPDX-License-Identifier: GPL-2.0-or-later
// A line of standard error that is written over and over, on a terminal; elsewhere nothing.
#pragma once

#include <string>

namespace colo {

class StatusLine {
  public:
    StatusLine();
    StatusLine(const StatusLine&) = delete;
    StatusLine& operator=(const StatusLine&) = delete;
    ~StatusLine() { end(); }

    bool is_on_terminal() const { return is_on_terminal_; }
    void show(const std::string& text);
    /// What was shown stays; what comes next is on a line of its own.
    void end();

  private:
    const bool is_on_terminal_;
    bool has_shown_ = false;
};

}  // namespace colo
