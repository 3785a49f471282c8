// SPDX-License-Identifier: GPL-2.0-or-later
// The command line of `colo-proxy tunnel`.
#pragma once

#include <string>

#include "link/link_security.h"
#include "io/listen_address.h"

namespace colo {

struct TunnelArguments {
    bool listens = false;   ///< for links; else it connects
    ListenAddress link;
    ListenAddress local;    ///< --to or --from
    LinkSecurity security;
    std::string monitor;    ///< a path; empty: none
    bool help = false;
};

/// Throws std::invalid_argument that names the option.
TunnelArguments parse_tunnel_arguments(int argc, char** argv);

}  // namespace colo
