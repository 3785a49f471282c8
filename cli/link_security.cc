// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/link_security.h"

#include <stdexcept>
#include <utility>

namespace colo {

void LinkSecurity::check(const ListenAddress& link) const {
    const bool has_tls = !creds.empty();
    if (has_tls && is_insecure) throw std::invalid_argument("--tls-creds and --insecure exclude each other");
    if (!has_tls && (!peer.empty() || !allow.empty()))
        throw std::invalid_argument("--tls-peer and --tls-allow need --tls-creds");
    if (has_tls || is_insecure || link.kind == ListenAddress::Kind::kUnix) return;
    throw std::invalid_argument("a TCP --link without --tls-creds is not encrypted: --insecure allows that");
}

std::shared_ptr<TlsCredentials> LinkSecurity::credentials(TlsRole role, const ListenAddress& link) const {
    if (creds.empty()) return nullptr;
    TlsCredentials::Options options{creds, role, peer, allow};
    if (options.peer_name.empty() && role == TlsRole::kClient) options.peer_name = link.host;
    return std::make_shared<TlsCredentials>(std::move(options));
}

}  // namespace colo
