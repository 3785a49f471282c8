// SPDX-License-Identifier: GPL-2.0-or-later
// What a line of words does: any command, `info X`, `help`.
#pragma once

#include <string_view>

#include "monitor/command_registry.h"

namespace colo {

class TextInterpreter {
  public:
    explicit TextInterpreter(const CommandRegistry& commands) : commands_(commands) {}

    /// Answers with a JSON string, the text to show, or with an error.
    void run(std::string_view line, const Reply& reply) const;

  private:
    void run(const Command& command, std::string_view rest, const Reply& reply) const;
    void info(std::string_view rest, const Reply& reply) const;
    Result help(std::string_view word) const;
    std::string all_commands() const;
    std::string all_info() const;

    const CommandRegistry& commands_;
};

}  // namespace colo
