// SPDX-License-Identifier: GPL-2.0-or-later
// The addresses of a host, without keeping the loop waiting: name servers are waited for in a thread.
#pragma once

#include <glib.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "io/socket_address.h"

namespace colo {

class HostLookup {
  public:
    /// Once, from the context, never within the constructor; may destroy the lookup. With an error there
    /// are no addresses, else at least one.
    using Done = std::function<void(std::vector<SocketAddress> addresses, const std::string& error)>;

    /// `type`: SOCK_STREAM or SOCK_DGRAM.
    HostLookup(GMainContext* context, const std::string& host, const std::string& port, int type, Done done);
    HostLookup(const HostLookup&) = delete;
    HostLookup& operator=(const HostLookup&) = delete;
    /// Nobody is told any more. A thread that waits goes on until the system's resolver gives up.
    ~HostLookup();

    /// Of the process; more lookups wait for their turn.
    static constexpr int kMaxThreads = 4;

  private:
    struct Question;

    std::shared_ptr<Question> question_;
};

}  // namespace colo
