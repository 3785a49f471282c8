// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/qemu/pair_options.h"

#include <fstream>
#include <string>
#include <utility>

#include "link/link_endpoint.h"
#include "link/link_security.h"

namespace colo {

namespace {

constexpr std::string_view kFailover[] = {"manual", "auto"};
constexpr std::string_view kOnLinkLoss[] = {"hold", "solo"};

PeerLinkOptions read_link(OptionReader& options) {
    const ListenAddress address = parse_link_address(options.need("link"));
    LinkSecurity security;
    security.creds = options.take("tls-creds", "");
    security.peer = options.take("tls-peer", "");
    if (const auto allow = options.take("tls-allow")) security.allow.push_back(*allow);
    security.is_insecure = options.take_bool("insecure", false);
    security.dashes = "";
    security.check(address);
    return PeerLinkOptions::secured(address, security);
}

/// QEMU was told to be killed when it starts a command. Trying would be its end.
bool may_not_spawn() {
    std::ifstream words("/proc/self/cmdline");
    for (std::string word; std::getline(words, word, '\0');) {
        if (word.find("spawn=deny") != std::string::npos) return true;
    }
    return false;
}

/// "NAME=VALUE NAME=VALUE ..."
void read_settings(OptionReader& options, PairSettings& settings) {
    const std::string all = options.take("set", "");
    for (size_t begin = 0; begin < all.size();) {
        const size_t end = std::min(all.find(' ', begin), all.size());
        try {
            if (end > begin) settings.set(std::string_view(all).substr(begin, end - begin));
        } catch (const std::invalid_argument& error) {
            options.fail("set", error.what());
        }
        begin = end + 1;
    }
}

}  // namespace

ProtectedVmOptions read_pair_options(Role role, OptionReader& options, const std::string& migrate_path) {
    ProtectedVmOptions read;
    read.role = role;
    read.link = read_link(options);
    read.migrate_path = options.take("migrate", migrate_path);
    read.incoming_path = options.take("incoming", "");
    read.starts = options.take_bool("start", false);
    read.disk_is_external = options.take_bool("disk-external", false);
    read.survival.is_automatic = options.take_choice("failover", kFailover) == 1;
    read.survival.goes_solo = options.take_choice("on-link-loss", kOnLinkLoss) == 1;
    read.survival.fence_command = options.take("fence", "");
    if (!read.survival.fence_command.empty() && may_not_spawn())
        options.fail("fence", "QEMU was started with -sandbox spawn=deny, which kills it when a command is started");
    read_settings(options, read.settings);
    return read;
}

}  // namespace colo
