// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/tunnel_arguments.h"

#include <stdexcept>
#include <string_view>

#include "link/link_endpoint.h"

namespace colo {

namespace {

/// What stands on the command line, not yet looked at.
struct Values {
    std::string link, to, from, monitor;
    LinkSecurity security;
};

std::string& place_of(Values& values, std::string_view name) {
    const struct {
        std::string_view name;
        std::string& place;
    } known[] = {
        {"--link", values.link}, {"--to", values.to}, {"--from", values.from},
        {"--monitor", values.monitor},
        {"--tls-creds", values.security.creds}, {"--tls-peer", values.security.peer},
    };
    if (name == "--tls-allow") return values.security.allow.emplace_back();
    for (const auto& [its_name, place] : known) {
        if (its_name != name) continue;
        if (!place.empty()) throw std::invalid_argument(std::string(name) + ": given twice");
        return place;
    }
    throw std::invalid_argument("'" + std::string(name) + "': invalid option");
}

Values parse(int argc, char** argv) {
    Values values;
    for (int i = 2; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--insecure") {
            values.security.is_insecure = true;
            continue;
        }
        const size_t equals = argument.find('=');
        const std::string_view name = argument.substr(0, equals);
        std::string& place = place_of(values, name);
        if (equals != std::string_view::npos) {
            place = argument.substr(equals + 1);
        } else if (++i < argc) {
            place = argv[i];
        }
        if (place.empty()) throw std::invalid_argument(std::string(name) + ": requires an argument");
    }
    return values;
}

ListenAddress need_local(const Values& values, bool listens) {
    const std::string& mine = listens ? values.to : values.from;
    const char* name = listens ? "--to" : "--from";
    if (!(listens ? values.from : values.to).empty()) {
        throw std::invalid_argument(listens ? "--from is for connect" : "--to is for listen");
    }
    if (mine.empty()) throw std::invalid_argument(std::string(name) + " is missing");
    if (!mine.starts_with("unix:") && !mine.starts_with("tcp:")) {
        throw std::invalid_argument(std::string(name) + " '" + mine + "': unix:PATH or tcp:HOST:PORT is needed");
    }
    return parse_listen_address(mine);
}

}  // namespace

TunnelArguments parse_tunnel_arguments(int argc, char** argv) {
    TunnelArguments arguments;
    const std::string_view mode = argc > 1 ? argv[1] : "";
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        arguments.help = arguments.help || argument == "-h" || argument == "--help";
    }
    if (arguments.help) return arguments;
    if (mode != "listen" && mode != "connect") throw std::invalid_argument("listen or connect is needed");
    arguments.listens = mode == "listen";
    const Values values = parse(argc, argv);
    if (values.link.empty()) throw std::invalid_argument("--link is missing");
    arguments.link = parse_link_address(values.link);
    arguments.local = need_local(values, arguments.listens);
    arguments.security = values.security;
    arguments.security.check(arguments.link);
    arguments.monitor = values.monitor;
    return arguments;
}

}  // namespace colo
