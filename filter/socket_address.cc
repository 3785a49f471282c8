// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/socket_address.h"

#include <netdb.h>
#include <sys/un.h>

#include <cstring>
#include <memory>
#include <stdexcept>

namespace colo {

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

std::vector<SocketAddress> resolve(const std::string& host, const std::string& port, int type) {
    addrinfo hints{};
    hints.ai_socktype = type;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
    if (error != 0) throw std::runtime_error("'" + host + "': " + gai_strerror(error));
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
    std::vector<SocketAddress> addresses;
    for (const addrinfo* at = found; at; at = at->ai_next) {
        SocketAddress& address = addresses.emplace_back();
        std::memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
        address.size = at->ai_addrlen;
    }
    return addresses;
}

}  // namespace colo
