// SPDX-License-Identifier: GPL-2.0-or-later
// Connects a stream socket to a peer, by name or number, without waiting.
#pragma once

#include <glib.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "io/address_race.h"
#include "io/host_lookup.h"
#include "io/listen_address.h"

namespace colo {

class SocketConnector {
  public:
    /// Once; may destroy the connector. `fd`: connected, without blocking; or empty, and `error` says why.
    using Done = std::function<void(FileDescriptor fd, const std::string& error)>;

    /// `peer` is no stdio, and a path fits into a socket's address.
    SocketConnector(GMainContext* context, const ListenAddress& peer, Done done);
    SocketConnector(const SocketConnector&) = delete;
    SocketConnector& operator=(const SocketConnector&) = delete;

    /// What needs neither a name server nor an answer is told within: how a unix socket does.
    void begin();

    /// For all of it.
    static constexpr unsigned kDeadlineMs = 10'000;

  private:
    void looked_up(std::vector<SocketAddress> addresses, const std::string& error);
    void race(std::vector<SocketAddress> addresses);
    void end(FileDescriptor fd, const std::string& error);

    GMainContext* const context_;
    const ListenAddress peer_;
    Done done_;
    SourcePtr deadline_;
    std::unique_ptr<HostLookup> lookup_;
    std::unique_ptr<AddressRace> race_;
};

}  // namespace colo
