// SPDX-License-Identifier: GPL-2.0-or-later
// Changes of state and errors, through GLib's structured logging. Never for a frame. Of each object at
// most kBurst messages in kLogInterval are written; what was left out is counted in the next one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "packet/time.h"

namespace colo {

/// `what`: the object, such as "chardev 'pri'" (the field COLO_OBJECT). Information is for who asks GLib for
/// it (G_MESSAGES_DEBUG); a notice is for everybody.
void log_info(std::string_view what, std::string_view message);
void log_notice(std::string_view what, std::string_view message);
void log_warning(std::string_view what, std::string_view message);
void log_error(std::string_view what, std::string_view message);

/// Who may write now.
class LogLimiter {
  public:
    static constexpr uint32_t kBurst = 10;
    static constexpr Time kLogInterval = seconds(5);
    /// Objects told apart; the others share one allowance.
    static constexpr size_t kMaxObjects = 256;

    /// Nothing: not now. Else the number of messages left out since the last one.
    std::optional<uint64_t> admit(std::string_view what, Time now);

  private:
    struct Object {
        std::string what;
        Time since = Time::min();
        uint32_t written = 0;
        uint64_t left_out = 0;
    };

    Object& object_of(std::string_view what);

    std::vector<Object> objects_;
};

}  // namespace colo
