// SPDX-License-Identifier: GPL-2.0-or-later
// What all who connect stream sockets without waiting need.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

#include "io/file_descriptor.h"
#include "io/socket_address.h"

namespace colo {

/// How connecting has ended: 0, or errno. Reading it clears it.
int take_socket_error(int fd);

/// Of reading and writing without waiting: nothing was done, and all is as well as ever.
bool would_wait(int error);

/// The same of frames, for which the kernel may also have no memory at the moment.
bool would_wait_or_lacks_memory(int error);

/// A unix socket without blocking, connected at once or not at all; empty: errno tells why.
FileDescriptor connect_unix(const SocketAddress& address);

/// What is written with writev() and sendmmsg(), whose structure serves reading, too: hence the cast.
inline iovec to_iovec(const uint8_t* at, size_t size) { return {const_cast<uint8_t*>(at), size}; }

/// When a TCP peer that has vanished is noticed: after idle + interval * probes.
struct KeepAlive {
    int idle_seconds;
    int interval_seconds;
    int probes;
};
/// Of a TCP socket: no delay, and keep-alives.
void set_tcp_options(int fd, const KeepAlive& keep_alive);

}  // namespace colo
