// SPDX-License-Identifier: GPL-2.0-or-later
#include "io/socket_address.h"

#include <netdb.h>
#include <sys/un.h>

#include <cstring>
#include <memory>
#include <stdexcept>

namespace colo {

namespace {

/// 0, or getaddrinfo()'s error.
int look_up(const std::string& host, const std::string& port, int type, int flags,
            std::vector<SocketAddress>& addresses) {
    addrinfo hints{};
    hints.ai_socktype = type;
    hints.ai_flags = AI_NUMERICSERV | flags;
    addrinfo* found = nullptr;
    if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found)) return error;
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
    for (const addrinfo* at = found; at; at = at->ai_next) {
        SocketAddress& address = addresses.emplace_back();
        std::memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
        address.size = at->ai_addrlen;
    }
    return 0;
}

}  // namespace

SocketAddress unix_address(const std::string& path) {
    SocketAddress address;
    auto& name = reinterpret_cast<sockaddr_un&>(address.storage);
    if (path.size() >= sizeof(name.sun_path)) {
        throw std::invalid_argument("'" + path + "' is longer than " +
                                    std::to_string(sizeof(name.sun_path) - 1) + " bytes");
    }
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
    address.size = sizeof(name);
    return address;
}

std::vector<SocketAddress> numeric_address(const std::string& host, const std::string& port, int type) {
    std::vector<SocketAddress> addresses;
    look_up(host, port, type, AI_NUMERICHOST, addresses);
    return addresses;
}

std::vector<SocketAddress> resolve(const std::string& host, const std::string& port, int type) {
    std::vector<SocketAddress> addresses;
    const int error = look_up(host, port, type, 0, addresses);
    if (error != 0) throw std::runtime_error("'" + host + "': " + gai_strerror(error));
    return addresses;
}

}  // namespace colo
