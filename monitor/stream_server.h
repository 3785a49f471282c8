// SPDX-License-Identifier: GPL-2.0-or-later
// Accepts clients and gives each a session.
#pragma once

#include <glib.h>

#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include "io/listener.h"
#include "monitor/connection.h"

namespace colo {

struct ServerConfig {
    size_t max_clients = 128;  ///< others are disconnected at once
    ConnectionConfig connection;
    Reach reach = Reach::kAny;
};

struct ServerCounters {
    uint64_t accepted = 0;
    uint64_t refused = 0;          ///< one client too many
    uint64_t accept_failures = 0;  ///< no file descriptor or memory
    uint64_t overflowed = 0;       ///< did not read what they got
    uint64_t timed_out = 0;
};

class StreamServer {
  public:
    /// Not to be destroyed from within a session.
    StreamServer(GMainContext* context, SessionFactory factory, const ServerConfig& config);
    StreamServer(const StreamServer&) = delete;
    StreamServer& operator=(const StreamServer&) = delete;
    ~StreamServer();

    /// Throws std::runtime_error that names the address.
    void listen(const ListenAddress& address);
    /// A client that is there already. Without `out`, `in` serves for both.
    void adopt(FileDescriptor in, FileDescriptor out = {});
    /// To all clients.
    void event(const std::string& line);

    std::string name() const { return listener_ ? listener_->name() : "stdio"; }
    size_t clients() const;
    const ServerCounters& counters() const { return counters_; }

  private:
    void watch_listener();
    void accept_clients();
    void accept_failed(int error);
    void ended(Ending ending);
    void remove_ended();

    GMainContext* context_;
    SessionFactory factory_;
    ServerConfig config_;
    ServerCounters counters_;
    std::unique_ptr<Listener> listener_;
    SourcePtr acceptable_;
    SourcePtr accept_again_;
    SourcePtr removal_;
    std::list<Connection> connections_;
};

}  // namespace colo
