// SPDX-License-Identifier: GPL-2.0-or-later
#include "io/listen_address.h"

#include <sys/un.h>

#include <stdexcept>

#include "io/option_string.h"
#include "io/plain_value.h"

namespace colo {

namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kTcp = "tcp:";

std::string parse_path(std::string_view path) {
    if (path.empty()) throw std::invalid_argument("a path is needed");
    if (path.size() >= sizeof(sockaddr_un::sun_path)) {
        throw std::invalid_argument("the path is longer than " +
                                    std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes");
    }
    return std::string(path);
}

void parse_host_and_port(std::string_view text, ListenAddress& address) {
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) throw std::invalid_argument("HOST:PORT is needed");
    address.host = text.substr(0, colon);
    address.port = text.substr(colon + 1);
    if (!decimal<uint16_t>(address.port)) {
        throw std::invalid_argument("'" + address.port + "' is not a port (0 to 65535)");
    }
    if (address.host.starts_with('[') && address.host.ends_with(']')) {
        address.host = address.host.substr(1, address.host.size() - 2);
    }
    if (address.host.empty()) address.host = "127.0.0.1";
}

ListenAddress parse_socket(std::string_view text, Stdio stdio) {
    ListenAddress address;
    const bool may_be_stdio = stdio == Stdio::kPossible;
    if (may_be_stdio && text == "stdio") return address;
    if (text.starts_with(kUnix)) {
        address.kind = ListenAddress::Kind::kUnix;
        address.path = parse_path(text.substr(kUnix.size()));
    } else if (text.starts_with(kTcp)) {
        address.kind = ListenAddress::Kind::kTcp;
        parse_host_and_port(text.substr(kTcp.size()), address);
    } else {
        throw std::invalid_argument(may_be_stdio ? "unix:PATH, tcp:HOST:PORT or stdio is needed"
                                                 : "unix:PATH or tcp:HOST:PORT is needed");
    }
    return address;
}

void check_option(const Option& option) {
    const bool known = option.key == "server" || option.key == "wait";
    if (!known) throw std::invalid_argument("unknown option '" + option.key + "'");
    const bool server = option.key == "server";
    if (option.value == (server ? "on" : "off")) return;
    throw std::invalid_argument(
        option.key + "=" + option.value +
        (server ? ": only server=on is possible" : ": only wait=off is possible"));
}

}  // namespace

ListenAddress parse_listen_address(std::string_view text, Stdio stdio) {
    try {
        const std::vector<std::string> parts = split_at_commas(text);
        ListenAddress address = parse_socket(parts.front(), stdio);
        for (size_t i = 1; i < parts.size(); ++i) check_option(parse_option(parts[i]));
        return address;
    } catch (const std::invalid_argument& error) {
        throw std::invalid_argument("'" + std::string(text) + "': " + error.what());
    }
}

}  // namespace colo
