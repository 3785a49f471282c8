// SPDX-License-Identifier: GPL-2.0-or-later
#include "io/stream_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

namespace colo {

namespace {

void set_option(int fd, int level, int name, int value) {
    setsockopt(fd, level, name, &value, sizeof(value));
}

}  // namespace

int take_socket_error(int fd) {
    int error = 0;
    socklen_t size = sizeof(error);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

bool would_wait(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

bool would_wait_or_lacks_memory(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == ENOMEM;
}

FileDescriptor connect_unix(const SocketAddress& address) {
    FileDescriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd || connect(fd.get(), address.get(), address.size) == 0) return fd;
    const int error = errno;
    fd = {};
    errno = error;
    return fd;
}

void set_tcp_options(int fd, const KeepAlive& keep_alive) {
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, keep_alive.idle_seconds);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, keep_alive.interval_seconds);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, keep_alive.probes);
}

}  // namespace colo
