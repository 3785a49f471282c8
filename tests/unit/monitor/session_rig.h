// SPDX-License-Identifier: GPL-2.0-or-later
// A session without a socket, and commands to give it.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "monitor/builtin_commands.h"
#include "monitor/command_registry.h"
#include "monitor/json_value.h"
#include "monitor/session.h"

namespace colo {

class RecordedOutput final : public SessionOutput {
  public:
    void send(std::string text) override { sent += text; }
    bool full() const override { return is_full; }
    void end() override { ended = true; }
    void settled() override { ++settled_count; }

    /// What has been sent since the last time.
    std::string take() { return std::exchange(sent, {}); }
    /// The same as JSON, a message a line.
    std::vector<Json> take_messages() {
        std::vector<Json> messages;
        const std::string text = take();
        for (size_t at = 0; at < text.size();) {
            const size_t end = text.find("\r\n", at);
            if (end == std::string::npos) throw std::runtime_error("no end of line: " + text);
            messages.push_back(Json::parse(text.substr(at, end - at)));
            at = end + 2;
        }
        return messages;
    }

    std::string sent;
    bool is_full = false;
    bool ended = false;
    int settled_count = 0;
};

/// The built-in commands and some that behave in every way a command can.
class SampleCommands {
  public:
    SampleCommands() {
        add_builtin_commands(registry, version, [this] { ++quits; });
        registry.add({"sample-echo",
                      {{"text"},
                       {"count", ArgumentType::kInteger, false},
                       {"loud", ArgumentType::kBoolean, false},
                       {"more", ArgumentType::kObject, false}},
                      "give back what was given",
                      answer_with([](const Json& arguments) { return Result(arguments); })});
        registry.add({"sample-set",
                      {{"path"}, {"value", ArgumentType::kAny}},
                      "take any value",
                      answer_with([](const Json& arguments) { return Result(arguments); }),
                      "",
                      true});
        registry.add({"sample-fail", {}, "fail", answer_with([](auto&&) {
                          return Result(CommandError{"it was asked to fail"});
                      })});
        registry.add({"sample-throw", {}, "throw", answer_with([](auto&&) -> Result {
                          throw std::runtime_error("it was asked to throw");
                      })});
        registry.add({"sample-later", {}, "answer later", [this](const Json&, Reply reply) {
                          kept.push_back(std::move(reply));
                      }});
        registry.add({"query-sample-state",
                      {},
                      "an answer for people",
                      answer_with([](auto&&) {
                          return Result(Json{{"mode", "lockstep"}, {"count", 3}});
                      }),
                      "state"});
    }

    /// Answers the oldest that is kept.
    void answer(Result result) {
        const Reply reply = kept.front();
        kept.erase(kept.begin());
        reply(std::move(result));
    }

    Version version = Version::from_text("0.1.0");
    CommandRegistry registry;
    std::vector<Reply> kept;
    int quits = 0;
};

}  // namespace colo
