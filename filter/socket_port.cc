// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/socket_port.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "io/log.h"
#include "io/stream_socket.h"

namespace colo {

namespace {

constexpr unsigned kAcceptPauseMs = 1000;
constexpr KeepAlive kKeepAlive{.idle_seconds = 10, .interval_seconds = 5, .probes = 3};

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
    is_set_up_ = true;
    is_waiting();  // throws when a connection was refused at once
}

bool SocketPort::is_waiting() const {
    if (!failure_.empty()) throw std::runtime_error(what_ + ": " + failure_);
    const bool needs_peer = options_.waits || connecting_ || (handshake_ && !listener_);
    return needs_peer && counters_.connects == 0 && options_.reconnect_seconds == 0;
}

void SocketPort::start() {
    if (options_.is_server) {
        listener_ = std::make_unique<Listener>(options_.address);
        return watch_listener();
    }
    connect();
}

void SocketPort::watch_listener() {
    acceptable_ = watch_fd(loop_.context(), listener_->fd(), G_IO_IN, [this] { accept_client(); });
}

/// Who comes meanwhile waits in the system's queue.
void SocketPort::accept_client() {
    FileDescriptor client(accept4(listener_->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (client) {
        acceptable_.reset();
        take_peer(std::move(client));
        if (is_connected()) observer_.port_opened();
        return;
    }
    const int error = errno;
    if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM) return;
    // The socket stays readable: trying at once would spin.
    ++counters_.connect_failures;
    log_error(what_, std::string("cannot accept: ") + std::strerror(error));
    acceptable_.reset();
    again_ = after(loop_.context(), kAcceptPauseMs, [this] { watch_listener(); });
}

void SocketPort::connect() {
    connecting_ = std::make_unique<SocketConnector>(
        loop_.context(), options_.address,
        [this](FileDescriptor fd, const std::string& error) { connected(std::move(fd), error); });
    connecting_->begin();
}

/// Who sets the port up sees for itself.
void SocketPort::connected(FileDescriptor fd, const std::string& error) {
    connecting_.reset();
    if (!fd) return connect_failed(error);
    take_peer(std::move(fd));
    if (is_set_up_ && is_connected()) observer_.port_opened();
}

void SocketPort::connect_failed(const std::string& error) {
    ++counters_.connect_failures;
    const std::string problem = "cannot connect to " + options_.name() + ": " + error;
    if (options_.reconnect_seconds == 0) {
        failure_ = problem;
        // By then whoever sets things up has had it from is_waiting(), and we are gone.
        again_ = after(loop_.context(), 0, [this] { log_error(what_, failure_); });
        return;
    }
    if (std::exchange(told_, problem) != problem) {
        log_warning(what_, problem + "; tries again every " +
                               std::to_string(options_.reconnect_seconds) + " s");
    }
    connect_later();
}

void SocketPort::connect_later() {
    again_ = after(loop_.context(), options_.reconnect_seconds * 1000, [this] { connect(); });
}

/// With TLS that is half the way.
void SocketPort::take_peer(FileDescriptor fd) {
    if (options_.address.kind == ListenAddress::Kind::kTcp) set_tcp_options(fd.get(), kKeepAlive);
    if (!options_.tls) return open_stream(std::move(fd), nullptr);
    TlsHandshake::Owner& owner = *this;
    handshake_ = std::make_unique<TlsHandshake>(loop_, std::move(fd), *options_.tls, owner);
}

void SocketPort::open_stream(FileDescriptor fd, std::unique_ptr<TlsSession> tls) {
    told_.clear();
    stream_.open(std::move(fd), std::move(tls));
    log_info(what_, "connected (" + name() + ")");
}

void SocketPort::handshake_done(FileDescriptor fd, std::unique_ptr<TlsSession> tls) {
    handshake_.reset();
    open_stream(std::move(fd), std::move(tls));
    observer_.port_opened();
}

void SocketPort::handshake_failed(const std::string& why) {
    handshake_.reset();
    if (!listener_) return connect_failed(why);
    ++counters_.connect_failures;
    log_warning(what_, "a client was refused: " + why);
    watch_listener();
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
