// SPDX-License-Identifier: GPL-2.0-or-later
// A monitor command as others register it: name, arguments, what it does; and how it answers, at
// once or later.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/json.h"

namespace colo {

enum class ErrorClass : uint8_t { kGenericError, kCommandNotFound };

struct CommandError {
    std::string description;
    ErrorClass error_class = ErrorClass::kGenericError;
};

const char* to_string(ErrorClass error_class);

/// A value or an error.
class Result {
  public:
    Result(Json value);          // NOLINT: a handler returns either
    Result(CommandError error);  // NOLINT

    bool ok() const { return value_ != nullptr; }
    const Json& value() const { return *value_; }
    const CommandError& error() const { return error_; }

  private:
    std::shared_ptr<const Json> value_;
    CommandError error_;
};

/// Where an answer goes. May be copied and kept for as long as the work takes; the client may be
/// gone by then. The first answer counts. When the last copy goes unanswered, the client gets an
/// error. Belongs to the thread of the monitor's main context.
class Reply {
  public:
    explicit Reply(std::function<void(Result)> answer);

    void operator()(Result result) const;

  private:
    struct State;
    std::shared_ptr<State> state_;
};

enum class ArgumentType : uint8_t {
    kAny,
    kString,
    kInteger,  ///< fits in int64_t
    kNumber,
    kBoolean,
    kObject,
    kArray,
};

const char* to_string(ArgumentType type);

struct Argument {
    std::string name;
    ArgumentType type = ArgumentType::kString;
    bool required = true;
};

/// The arguments have been checked against those declared; they last until the handler returns. An
/// exception becomes a GenericError.
using Handler = std::function<void(const Json& arguments, Reply reply)>;
/// The rest of a line in the text monitor -> arguments.
using FromText = std::function<Result(std::string_view rest)>;

struct Command {
    std::string name;
    std::vector<Argument> arguments;  ///< in the text monitor also in this order, without names
    std::string help;                 ///< one line
    Handler run = {};
    std::string info = {};    ///< `info X`; empty: X of query-X
    bool takes_more = false;  ///< what is not declared goes to the handler, too
    FromText from_text = {};  ///< where words and key=value do not fit

    /// What stands after `info`; empty for commands that do not inform.
    std::string_view info_name() const;
};

/// A handler that answers at once.
Handler answer_with(std::function<Result(const Json& arguments)> function);

/// What is wrong with `arguments`, an object, in QEMU's words; empty: nothing.
std::string wrong_arguments(const Command& command, const Json& arguments);

}  // namespace colo
