// SPDX-License-Identifier: GPL-2.0-or-later
// The other end of a QMP conversation: one request at a time, events in between.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>

#include "io/file_descriptor.h"
#include "monitor/json.h"
#include "monitor/json_framer.h"

namespace colo {

/// There is no conversation (any more).
class MonitorGone : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Connected to the unix socket `path`. Throws MonitorGone that names it.
FileDescriptor connect_to_monitor(const std::string& path);

/// All of it throws MonitorGone when the other end is gone or speaks something else.
class MonitorClient {
  public:
    /// Reads the greeting and negotiates.
    MonitorClient(FileDescriptor socket, std::function<void(const Json& event)> on_event);

    /// The response, with the member "return" or "error".
    Json request(const Json& request);
    Json request(const std::string& command, const Json& arguments);
    /// Reads what is there while nothing is asked.
    void read_events();
    int fd() const { return socket_.get(); }

  private:
    Json next();
    static Json parse(const JsonMessage& message);
    bool is_event(const Json& message);
    void receive();

    FileDescriptor socket_;
    std::function<void(const Json&)> on_event_;
    JsonFramer framer_;
};

}  // namespace colo
