// SPDX-License-Identifier: GPL-2.0-or-later
// The command lines of `colo-proxy primary` and `colo-proxy secondary`.
#pragma once

#include <string>
#include <vector>

#include "checkpoint/vm_health.h"
#include "link/link_security.h"
#include "io/listen_address.h"
#include "pair/pair_settings.h"
#include "pair/survival.h"

namespace colo {

struct PairArguments {
    struct NicArguments {
        std::string vm;      ///< path: where QEMU's netdev connects to
        std::string uplink;  ///< "tap:IFNAME" or "unix:PATH"
        std::string given;   ///< the whole --nic, for errors; empty: they are --vm's and --uplink's
        // Or paths where the chardevs of QEMU's filters connect to: `out` of its chain, and `in`. Guest's: the
        // side of the VM; net's: that of its netdev.
        std::string guest_out;
        std::string guest_in;  ///< may be empty beside a primary: filter-mirror has delivered the frames
        std::string net_out;
        std::string net_in;

        bool is_redirected() const {
            return !guest_out.empty() || !guest_in.empty() || !net_out.empty() || !net_in.empty();
        }
    };

    bool help = false;
    Role role = Role::kPrimary;
    std::vector<NicArguments> nics;
    ListenAddress link;
    std::string qmp;
    std::string migrate;
    std::string incoming;
    LinkSecurity security;
    std::string monitor;
    std::string text_monitor;
    std::string metrics;
    bool starts = false;
    bool disk_is_external = false;
    SurvivalOptions survival;
    PairSettings settings;
};

/// `argv[0]` is the subcommand. Throws std::invalid_argument that names the option.
PairArguments parse_pair_arguments(int argc, char** argv);

/// As QEMU must be told: it may have another working directory. Empty stays empty.
std::string absolute_path(const std::string& path);

}  // namespace colo
