// SPDX-License-Identifier: GPL-2.0-or-later
// Lines for a terminal, with or without colours.
#pragma once

#include <string>

namespace colo {

class ReplayLines {
  public:
    /// `colour`: with ANSI colours.
    explicit ReplayLines(bool colour) : colour_(colour) {}

    /// A line of any length; the newline is added.
    [[gnu::format(printf, 2, 3)]] void add(const char* format, ...);
    void add_empty() { text_ += '\n'; }

    std::string red(const std::string& text) const { return paint("\033[31m", text); }
    std::string green(const std::string& text) const { return paint("\033[32m", text); }
    std::string bold(const std::string& text) const { return paint("\033[1m", text); }

    const std::string& text() const { return text_; }

  private:
    std::string paint(const char* code, const std::string& text) const {
        return colour_ ? code + text + "\033[0m" : text;
    }

    bool colour_;
    std::string text_;
};

}  // namespace colo
