// SPDX-License-Identifier: GPL-2.0-or-later
#include "io/log.h"

#include <glib.h>

#include <utility>

namespace colo {

namespace {

constexpr const char* kDomain = "colo-proxy";

/// `priority` as syslog counts.
void write_log(GLogLevelFlags level, const char* priority, std::string_view what,
               std::string_view message) {
    static thread_local LogLimiter limiter;
    const auto left_out = limiter.admit(what, microseconds(g_get_monotonic_time()));
    if (!left_out) return;
    std::string text = std::string(what) + ": " + std::string(message);
    if (*left_out > 0) text += " (" + std::to_string(*left_out) + " messages left out before)";
    const std::string object(what);
    const GLogField fields[] = {
        {"MESSAGE", text.c_str(), -1},
        {"PRIORITY", priority, -1},
        {"GLIB_DOMAIN", kDomain, -1},
        {"COLO_OBJECT", object.c_str(), -1},
    };
    g_log_structured_array(level, fields, G_N_ELEMENTS(fields));
}

}  // namespace

void log_info(std::string_view what, std::string_view message) {
    write_log(G_LOG_LEVEL_INFO, "6", what, message);
}

void log_notice(std::string_view what, std::string_view message) {
    write_log(G_LOG_LEVEL_MESSAGE, "5", what, message);
}

void log_warning(std::string_view what, std::string_view message) {
    write_log(G_LOG_LEVEL_WARNING, "4", what, message);
}

// GLib's own error level ends the process.
void log_error(std::string_view what, std::string_view message) {
    write_log(G_LOG_LEVEL_CRITICAL, "3", what, message);
}

std::optional<uint64_t> LogLimiter::admit(std::string_view what, Time now) {
    Object& object = object_of(what);
    if (object.written == 0 || now - object.since >= kLogInterval) {
        object.since = now;
        object.written = 0;
    }
    if (object.written >= kBurst) {
        ++object.left_out;
        return std::nullopt;
    }
    ++object.written;
    return std::exchange(object.left_out, 0);
}

LogLimiter::Object& LogLimiter::object_of(std::string_view what) {
    for (Object& object : objects_) {
        if (object.what == what) return object;
    }
    if (objects_.size() <= kMaxObjects) {
        const bool has_room = objects_.size() < kMaxObjects;
        objects_.push_back({has_room ? std::string(what) : "others"});
    }
    return objects_.back();
}

}  // namespace colo
