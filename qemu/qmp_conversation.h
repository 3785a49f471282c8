// SPDX-License-Identifier: GPL-2.0-or-later
// Our end of a QMP conversation with a QEMU, without its socket: bytes and the time come in, lines
// go out. Commands may be given at any time; they go out once capabilities are negotiated, and are
// answered in any order, each exactly once: by QEMU, at its deadline, or when the conversation
// ends.
//
// An event may come before the greeting (seen with QEMU 7.2): nobody is listening yet, it is
// dropped.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "monitor/json.h"
#include "monitor/json_framer.h"
#include "packet/time.h"

namespace colo {

/// Why a command has no result. QEMU's own words when it answered.
struct QmpFailure {
    std::string description;
    bool is_answer = false;  ///< QEMU refused; else it said nothing
};

class QmpConversation {
  public:
    /// The last call an answer makes; `result` is nullptr on failure.
    using Answer = std::function<void(const Json* result, const QmpFailure* failure)>;

    class Sink {
      public:
        virtual void send(const std::string& line) = 0;
        /// Capabilities are negotiated.
        virtual void ready() = 0;
        virtual void event(const std::string& name, const Json& data) = 0;
        /// The other end does not speak QMP. The caller closes, and end()s the conversation.
        virtual void broken(const std::string& why) = 0;

      protected:
        ~Sink() = default;
    };

    explicit QmpConversation(Sink& sink);
    QmpConversation(const QmpConversation&) = delete;
    QmpConversation& operator=(const QmpConversation&) = delete;

    /// `arguments` may be null. Fails at once when kMostCommands wait.
    void execute(const std::string& command, const Json& arguments, Time deadline, Answer answer);
    void feed(std::string_view bytes, Time now);
    /// A connection begins: QEMU greets.
    void begin(Time now);
    /// It is over: what waits has failed. The conversation may begin() again.
    void end(const std::string& why);

    void tick(Time now);
    Time next_deadline() const;

    bool is_ready() const { return state_ == State::kReady; }
    /// Since when QEMU has owed an answer; nothing: it owes none.
    std::optional<Time> owed_since() const;

    static constexpr size_t kMostCommands = 256;
    /// query-qmp-schema is the largest answer, 200 to 300 KiB.
    static constexpr size_t kMostBytes = 16 << 20;

  private:
    enum class State : uint8_t { kClosed, kGreeting, kNegotiating, kReady, kBroken };
    struct Command {
        uint64_t id;
        std::string line;
        std::string name;
        Time deadline;
        Answer answer;                ///< empty: it was given up, an answer says nothing
        std::optional<Time> sent_at;  ///< nothing: it waits
    };

    void handle(const JsonMessage& message, Time now);
    void greeted(const Json& message);
    void negotiated(const Json& message, Time now);
    void answered(const Json& message);
    void send_waiting(Time now);
    void send(Command& command, Time now);
    void break_off(const std::string& why);

    Sink& sink_;
    JsonFramer framer_;
    State state_ = State::kClosed;
    std::deque<Command> commands_;
    uint64_t next_id_ = 1;
    Time now_{0};
};

}  // namespace colo
