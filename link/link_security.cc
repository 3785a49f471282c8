// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/link_security.h"

#include <stdexcept>
#include <utility>

namespace colo {

void LinkSecurity::check(const ListenAddress& link) const {
    const auto fail = [](const std::string& problem) { throw std::invalid_argument(problem); };
    const auto name = [this](const char* option) { return dashes + std::string(option); };
    const bool has_tls = !creds.empty();
    if (has_tls && is_insecure) fail(name("tls-creds") + " and " + name("insecure") + " exclude each other");
    if (!has_tls && (!peer.empty() || !allow.empty()))
        fail(name("tls-peer") + " and " + name("tls-allow") + " need " + name("tls-creds"));
    if (has_tls || is_insecure || link.kind == ListenAddress::Kind::kUnix) return;
    fail("a TCP " + name("link") + " without " + name("tls-creds") + " is not encrypted: " + name("insecure") +
         " allows that");
}

std::shared_ptr<TlsCredentials> LinkSecurity::credentials(TlsRole role, const ListenAddress& link) const {
    if (creds.empty()) return nullptr;
    TlsCredentials::Options options{creds, role, peer, allow};
    if (options.peer_name.empty() && role == TlsRole::kClient) options.peer_name = link.host;
    return std::make_shared<TlsCredentials>(std::move(options));
}

}  // namespace colo
