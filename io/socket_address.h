// SPDX-License-Identifier: GPL-2.0-or-later
// An address as the system calls take it.
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

namespace colo {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;

    int family() const { return storage.ss_family; }
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// Throws std::invalid_argument when `path` does not fit.
SocketAddress unix_address(const std::string& path);

/// The address that `host` is as a number; nothing: it is a name. `type` is SOCK_STREAM or SOCK_DGRAM.
std::vector<SocketAddress> numeric_address(const std::string& host, const std::string& port, int type);

/// All addresses of a host, at least one; `type` is SOCK_STREAM or SOCK_DGRAM. May wait for a name
/// server. Throws std::runtime_error.
std::vector<SocketAddress> resolve(const std::string& host, const std::string& port, int type);

}  // namespace colo
