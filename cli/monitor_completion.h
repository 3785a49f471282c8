// SPDX-License-Identifier: GPL-2.0-or-later
// What the words of a monitor command may be.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "monitor/json.h"

namespace colo {

class MonitorCompletion {
  public:
    /// `commands`: what colo-proxy-command-help returns; of QEMU's query-commands only names are
    /// there.
    explicit MonitorCompletion(const Json& commands);

    /// What `word`, which follows `before` on the line, can become. '_' is as good as '-'.
    std::vector<std::string> complete(std::string_view before, std::string_view word) const;

  private:
    struct Argument {
        std::string name;
        bool is_boolean;
    };
    struct Command {
        std::string name;
        std::string info;
        std::vector<Argument> arguments;
    };

    std::vector<std::string> first_words() const;
    std::vector<std::string> infos() const;
    std::vector<std::string> arguments(const std::vector<std::string>& before,
                                       std::string_view word) const;

    std::vector<Command> commands_;
};

}  // namespace colo
