// SPDX-License-Identifier: GPL-2.0-or-later
// A stream socket connected to the first of some addresses that answers. The next one is tried when one
// has refused, or has kept silent for a moment while it is still waited for (RFC 8305, 5).
#pragma once

#include <glib.h>

#include <functional>
#include <list>
#include <vector>

#include "io/file_descriptor.h"
#include "io/glib_source.h"
#include "io/socket_address.h"

namespace colo {

class AddressRace {
  public:
    /// Once; may destroy the race. `fd`: connected, without blocking, and `error` is 0; or empty: all have
    /// refused, the last one with this errno.
    using Done = std::function<void(FileDescriptor fd, int error)>;

    AddressRace(GMainContext* context, std::vector<SocketAddress> addresses, Done done);
    AddressRace(const AddressRace&) = delete;
    AddressRace& operator=(const AddressRace&) = delete;

    /// What the system can tell at once, of unix sockets all, is told within.
    void begin() { try_next(); }

    /// RFC 8305, 8: Connection Attempt Delay.
    static constexpr unsigned kSilenceMs = 250;

  private:
    struct Attempt {
        FileDescriptor fd;
        SourcePtr answered;
    };

    void try_next();
    void wait_for(FileDescriptor fd);
    void answered(std::list<Attempt>::iterator attempt);
    void end(FileDescriptor fd, int error);

    GMainContext* const context_;
    const std::vector<SocketAddress> addresses_;
    Done done_;
    size_t next_ = 0;
    int error_ = 0;  ///< of the last that refused
    std::list<Attempt> attempts_;
    SourcePtr silence_;
};

}  // namespace colo
