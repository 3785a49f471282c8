// SPDX-License-Identifier: GPL-2.0-or-later
// The commands there are. The folders above register theirs, a group a file.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "monitor/command.h"

namespace colo {

class CommandRegistry {
  public:
    /// Throws std::invalid_argument when there is one of that name, or of that `info` name.
    void add(Command command);
    /// One that is there.
    void remove(std::string_view name);

    /// nullptr: there is none.
    const Command* find(std::string_view name) const;
    /// For people: '_' is as good as '-'.
    const Command* find_by_word(std::string_view word) const;
    const Command* find_info(std::string_view word) const;

    /// Checks the arguments, which must be an object, and runs the command.
    void execute(std::string_view name, const Json& arguments, const Reply& reply) const;
    void execute(const Command& command, const Json& arguments, const Reply& reply) const;

    /// In the order of their names.
    void for_each(const std::function<void(const Command&)>& visit) const;

  private:
    std::map<std::string, Command, std::less<>> commands_;
};

/// '_' -> '-'
std::string dashed(std::string_view word);

}  // namespace colo
