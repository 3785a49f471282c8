// SPDX-License-Identifier: GPL-2.0-or-later
// tls-creds, tls-peer, tls-allow and insecure, as all take them who have a link: subcommands, and the plugin.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/listen_address.h"
#include "link/tls_credentials.h"

namespace colo {

struct LinkSecurity {
    std::string creds;  ///< a directory; empty: in the clear
    std::string peer;   ///< whom the peer's certificate must be for; empty: as the role has it
    std::vector<std::string> allow;
    bool is_insecure = false;
    const char* dashes = "--";  ///< what the options' names have in front, for messages

    /// A TCP link in the clear is for who says so. Throws std::invalid_argument that names the options.
    void check(const ListenAddress& link) const;
    /// nullptr: in the clear. A client expects the link's host if nobody else. Throws as TlsCredentials.
    std::shared_ptr<TlsCredentials> credentials(TlsRole role, const ListenAddress& link) const;
};

}  // namespace colo
