// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/socket_options.h"

#include <limits>
#include <stdexcept>

#include "io/socket_address.h"

namespace colo {

namespace {

constexpr uint64_t kMaxReconnectSeconds = 24 * 60 * 60;

ListenAddress take_path(OptionReader& options, std::string_view key) {
    return unix_at(need_socket_path(options, key));
}

ListenAddress take_host(OptionReader& options, const std::string& prefix) {
    std::string host = options.need(prefix + "host");
    return {ListenAddress::Kind::kTcp, {}, std::move(host), need_port(options, prefix + "port")};
}

ListenAddress take_path_or_host(OptionReader& options) {
    const bool has_host = options.has("host");
    if (has_host && options.has("path")) options.fail("path", "and host exclude each other");
    if (!has_host && !options.has("path")) options.need("path", "is missing, and so is host");
    return has_host ? take_host(options, "") : take_path(options, "path");
}

ListenAddress take_netdev_address(OptionReader& options) {
    const std::string type = options.need("addr.type");
    if (type == "unix") return take_path(options, "addr.path");
    if (type == "inet") return take_host(options, "addr.");
    options.fail("addr.type", "'" + type + "' is neither unix nor inet");
}

void take_direction(OptionReader& options, SocketOptions& socket) {
    socket.is_server = options.take_bool("server", false);
    const uint64_t seconds = options.take_uint("reconnect", 0, 0, kMaxReconnectSeconds);
    if (socket.is_server && seconds > 0) options.fail("reconnect", "is for a client, not a server");
    socket.reconnect_seconds = static_cast<unsigned>(seconds);
}

}  // namespace

std::string SocketOptions::name() const {
    if (address.kind == ListenAddress::Kind::kUnix) return "unix:" + address.path;
    return "tcp:" + address.host + ":" + address.port;
}

std::string need_socket_path(OptionReader& options, std::string_view key) {
    std::string path = options.need(key);
    try {
        unix_address(path);
    } catch (const std::invalid_argument& error) {
        options.fail(key, error.what());
    }
    return path;
}

std::string need_port(OptionReader& options, std::string_view key) {
    if (!options.has(key)) options.fail(key, "is missing");
    return std::to_string(options.take_uint(key, 0, 0, std::numeric_limits<uint16_t>::max()));
}

SocketOptions take_chardev_socket(OptionReader& options) {
    SocketOptions socket;
    socket.address = take_path_or_host(options);
    take_direction(options, socket);
    socket.waits = options.take_bool("wait", socket.is_server);
    if (socket.waits && !socket.is_server) options.fail("wait", "is for a server, not a client");
    socket.tls_creds = options.take("tls-creds", "");
    return socket;
}

SocketOptions take_link_socket(OptionReader& options) {
    SocketOptions socket;
    socket.address = take_path_or_host(options);
    socket.is_server = options.take_bool("server", false);
    socket.tls_creds = options.take("tls-creds", "");
    return socket;
}

SocketOptions take_netdev_socket(OptionReader& options) {
    SocketOptions socket;
    socket.address = take_netdev_address(options);
    take_direction(options, socket);
    return socket;
}

}  // namespace colo
