// SPDX-License-Identifier: GPL-2.0-or-later
#include "io/socket_connector.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace colo {

SocketConnector::SocketConnector(GMainContext* context, const ListenAddress& peer, Done done)
    : context_(context), peer_(peer), done_(std::move(done)) {}

void SocketConnector::begin() {
    if (peer_.kind == ListenAddress::Kind::kUnix) return race({unix_address(peer_.path)});
    deadline_ = after(context_, kDeadlineMs, [this] { end({}, std::strerror(ETIMEDOUT)); });
    const std::vector<SocketAddress> number = numeric_address(peer_.host, peer_.port, SOCK_STREAM);
    if (!number.empty()) return race(number);
    lookup_ = std::make_unique<HostLookup>(
        context_, peer_.host, peer_.port, SOCK_STREAM,
        [this](std::vector<SocketAddress> addresses, const std::string& error) {
            looked_up(std::move(addresses), error);
        });
}

void SocketConnector::looked_up(std::vector<SocketAddress> addresses, const std::string& error) {
    if (!error.empty()) return end({}, error);
    race(std::move(addresses));
}

void SocketConnector::race(std::vector<SocketAddress> addresses) {
    race_ = std::make_unique<AddressRace>(context_, std::move(addresses), [this](FileDescriptor fd, int error) {
        end(std::move(fd), error == 0 ? std::string() : std::strerror(error));
    });
    race_->begin();
}

void SocketConnector::end(FileDescriptor fd, const std::string& error) {
    deadline_.reset();
    lookup_.reset();
    race_.reset();
    const Done done = std::move(done_);
    done(std::move(fd), error);
}

}  // namespace colo
