// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/socket_port.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "filter/log.h"

namespace colo {

namespace {

constexpr unsigned kAcceptPauseMs = 1000;
/// A TCP peer that has vanished is noticed after about 25 s.
constexpr int kKeepAliveIdleSeconds = 10;
constexpr int kKeepAliveIntervalSeconds = 5;
constexpr int kKeepAliveProbes = 3;

void set_option(int fd, int level, int name, int value) {
    setsockopt(fd, level, name, &value, sizeof(value));
}

void set_tcp_options(int fd) {
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveIntervalSeconds);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
}

std::vector<SocketAddress> addresses_of(const ListenAddress& address) {
    if (address.kind == ListenAddress::Kind::kUnix) return {unix_address(address.path)};
    return resolve(address.host, address.port, SOCK_STREAM);
}

int take_socket_error(int fd) {
    int error = 0;
    socklen_t size = sizeof(error);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

}  // namespace

SocketPort::SocketPort(EventLoop& loop, FramePool& pool, std::string what,
                       const SocketOptions& options, Observer& observer)
    : loop_(loop),
      what_(std::move(what)),
      options_(options),
      observer_(observer),
      stream_(loop, pool, counters_, *this) {
    try {
        start();
    } catch (const std::runtime_error& error) {
        throw std::runtime_error(what_ + ": " + error.what());
    }
    is_waiting();  // throws when a connection was refused at once
}

bool SocketPort::is_waiting() const {
    if (!failure_.empty()) throw std::runtime_error(what_ + ": " + failure_);
    const bool needs_peer = options_.waits || connecting_;
    return needs_peer && counters_.connects == 0 && options_.reconnect_seconds == 0;
}

void SocketPort::start() {
    if (options_.is_server) {
        listener_ = std::make_unique<Listener>(options_.address);
        return watch_listener();
    }
    addresses_ = addresses_of(options_.address);
    if (const int error = connect_to_next()) connect_failed(error);
}

void SocketPort::watch_listener() {
    acceptable_ = watch_fd(loop_.context(), listener_->fd(), G_IO_IN, [this] { accept_client(); });
}

/// Who comes meanwhile waits in the system's queue.
void SocketPort::accept_client() {
    FileDescriptor client(accept4(listener_->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (client) {
        acceptable_.reset();
        open_stream(std::move(client));
        return observer_.port_opened();
    }
    const int error = errno;
    if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM) return;
    // The socket stays readable: trying at once would spin.
    ++counters_.connect_failures;
    log_error(what_, std::string("cannot accept: ") + std::strerror(error));
    acceptable_.reset();
    again_ = after(loop_.context(), kAcceptPauseMs, [this] { watch_listener(); });
}

/// 0: connected, or under way. Else all addresses have been tried.
int SocketPort::connect_to_next() {
    int error = 0;
    while (next_address_ < addresses_.size()) {
        const SocketAddress& address = addresses_[next_address_++];
        FileDescriptor fd(
            socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        if (connect(fd.get(), address.get(), address.size) == 0) {
            open_stream(std::move(fd));
            return 0;
        }
        error = errno;
        if (error == EINPROGRESS) {
            pending_ = std::move(fd);
            connecting_ = watch_fd(loop_.context(), pending_.get(), G_IO_OUT,
                                   [this] { connect_finished(); });
            return 0;
        }
    }
    return error;
}

void SocketPort::connect_finished() {
    int error = take_socket_error(pending_.get());
    connecting_.reset();
    FileDescriptor fd = std::exchange(pending_, {});
    if (error == 0) {
        open_stream(std::move(fd));
    } else if (next_address_ < addresses_.size()) {
        error = connect_to_next();
    }
    if (error != 0) return connect_failed(error);
    if (is_connected()) observer_.port_opened();
}

void SocketPort::connect_failed(int error) {
    ++counters_.connect_failures;
    const std::string problem = "cannot connect to " + options_.name() + ": " + std::strerror(error);
    if (options_.reconnect_seconds == 0) {
        failure_ = problem;
        log_error(what_, problem);
        return;
    }
    if (!std::exchange(failure_told_, true)) {
        log_warning(what_, problem + "; tries again every " +
                               std::to_string(options_.reconnect_seconds) + " s");
    }
    connect_later();
}

void SocketPort::connect_later() {
    again_ = after(loop_.context(), options_.reconnect_seconds * 1000, [this] { connect_again(); });
}

void SocketPort::connect_again() {
    next_address_ = 0;
    if (const int error = connect_to_next()) return connect_failed(error);
    if (is_connected()) observer_.port_opened();
}

void SocketPort::open_stream(FileDescriptor fd) {
    if (options_.address.kind == ListenAddress::Kind::kTcp) set_tcp_options(fd.get());
    failure_told_ = false;
    stream_.open(std::move(fd));
    log_info(what_, "connected (" + name() + ")");
}

void SocketPort::stream_ended(const std::string& reason) {
    log_warning(what_, "disconnected: " + reason);
    if (listener_) {
        watch_listener();
    } else if (options_.reconnect_seconds > 0) {
        connect_later();
    }
    observer_.port_closed(reason);
}

}  // namespace colo
