// SPDX-License-Identifier: GPL-2.0-or-later
// Bytes -> JSON messages. As in QEMU, newlines mean nothing inside an object and are not needed
// between two, and strings may stand in single quotes. What is broken is reported once; then the
// framer finds its feet again.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "monitor/json.h"

namespace colo {

struct JsonMessage {
    std::string text;   ///< balanced, in double quotes, not parsed yet
    std::string error;  ///< not empty: the input was broken, there is no text
};

class JsonFramer {
  public:
    explicit JsonFramer(size_t max_bytes = kMaxMessageBytes) : max_bytes_(max_bytes) {}

    void push(std::string_view bytes);
    /// The next message; nothing: all input is used up.
    std::optional<JsonMessage> next();
    /// The input has ended: what had begun.
    std::optional<JsonMessage> finish();
    /// There are bytes that next() has not looked at.
    bool has_input() const { return at_ < input_.size(); }

  private:
    enum class State {
        kBetween,
        kInside,        ///< of an object or array
        kOutside,       ///< in something else, which ends with the line or at a bracket
        kSkipToObject,  ///< after a byte that cannot be: to the end of the line or the next brace
        kSkipNested,    ///< after too much: to the end of the line or of the outermost bracket
    };

    std::optional<JsonMessage> take(char byte);
    std::optional<JsonMessage> begin(char byte);
    std::optional<JsonMessage> inside(char byte);
    std::optional<JsonMessage> outside(char byte);
    void skip_nested(char byte);
    void copy(char byte);
    void track(char byte);
    bool impossible(char byte) const;
    JsonMessage complete();
    JsonMessage broken(std::string why, State next);

    size_t max_bytes_;
    std::string input_;
    size_t at_ = 0;
    std::string text_;
    State state_ = State::kBetween;
    unsigned depth_ = 0;
    char quote_ = 0;  ///< the one that ends the string we are in
    bool escaped_ = false;
};

}  // namespace colo
