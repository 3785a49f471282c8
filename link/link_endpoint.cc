// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/link_endpoint.h"

#include <stdexcept>

namespace colo {

ListenAddress parse_link_address(std::string_view text) {
    if (text == "stdio") throw std::invalid_argument("'stdio': HOST:PORT or unix:PATH is needed");
    const bool has_kind = text.starts_with("unix:") || text.starts_with("tcp:");
    return parse_listen_address(has_kind ? std::string(text) : "tcp:" + std::string(text));
}

std::string to_text(const ListenAddress& address) {
    if (address.kind == ListenAddress::Kind::kUnix) return "unix:" + address.path;
    const bool is_v6 = address.host.find(':') != std::string::npos;
    return "tcp:" + (is_v6 ? "[" + address.host + "]" : address.host) + ":" + address.port;
}

}  // namespace colo
