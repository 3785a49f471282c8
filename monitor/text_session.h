// SPDX-License-Identifier: GPL-2.0-or-later
// One client of the text monitor: prompt, lines, answers.
#pragma once

#include <string>

#include "monitor/command_session.h"
#include "monitor/text_interpreter.h"
#include "monitor/version.h"

namespace colo {

class TextSession final : public CommandSession {
  public:
    TextSession(const CommandRegistry& commands, const Version& version, SessionOutput& output)
        : CommandSession(output), interpreter_(commands), version_(version) {}

    void start() override;

  private:
    void push(std::string_view bytes) override;
    bool has_input() const override { return at_ < input_.size(); }
    bool step() override;
    void step_last() override;

    void take(std::string_view piece);
    void run();
    void prompt();

    TextInterpreter interpreter_;
    const Version& version_;
    std::string input_;
    size_t at_ = 0;
    std::string line_;       ///< what there is of it
    bool too_long_ = false;  ///< and its rest is skipped
};

}  // namespace colo
