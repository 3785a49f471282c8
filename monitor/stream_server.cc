// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/stream_server.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace colo {

namespace {

constexpr unsigned kAcceptPauseMs = 100;
constexpr int kAcceptsAtOnce = 32;

}  // namespace

StreamServer::StreamServer(GMainContext* context, SessionFactory factory,
                           const ServerConfig& config)
    : context_(context), factory_(std::move(factory)), config_(config) {}

StreamServer::~StreamServer() = default;

void StreamServer::listen(const ListenAddress& address) {
    listener_ = std::make_unique<Listener>(address, config_.reach);
    watch_listener();
}

void StreamServer::adopt(FileDescriptor in, FileDescriptor out) {
    ++counters_.accepted;
    connections_.emplace_back(context_, std::move(in), std::move(out), config_.connection,
                              [this](Ending ending) { ended(ending); });
    connections_.back().open(factory_);
}

void StreamServer::event(const std::string& line) {
    for (Connection& connection : connections_) {
        if (!connection.is_over()) connection.session().event(line);
    }
}

size_t StreamServer::clients() const {
    const auto is_over = [](const Connection& connection) { return connection.is_over(); };
    return connections_.size() -
           static_cast<size_t>(std::count_if(connections_.begin(), connections_.end(), is_over));
}

void StreamServer::watch_listener() {
    acceptable_ = watch_fd(context_, listener_->fd(), G_IO_IN, [this] { accept_clients(); });
}

void StreamServer::accept_clients() {
    for (int i = 0; i < kAcceptsAtOnce; ++i) {
        FileDescriptor client(
            accept4(listener_->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!client) return accept_failed(errno);
        if (clients() >= config_.max_clients) {
            ++counters_.refused;
        } else {
            adopt(std::move(client));
        }
    }
}

/// Without a descriptor to spare the listening socket stays readable: trying at once would spin.
void StreamServer::accept_failed(int error) {
    if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM) return;
    ++counters_.accept_failures;
    acceptable_.reset();
    accept_again_ = after(context_, kAcceptPauseMs, [this] { watch_listener(); });
}

void StreamServer::ended(Ending ending) {
    if (ending == Ending::kOverflow) ++counters_.overflowed;
    if (ending == Ending::kTimeout) ++counters_.timed_out;
    if (!removal_) removal_ = after(context_, 0, [this] { remove_ended(); });
}

void StreamServer::remove_ended() {
    removal_.reset();
    connections_.remove_if([](const Connection& connection) { return connection.is_over(); });
}

}  // namespace colo
