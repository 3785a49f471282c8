// SPDX-License-Identifier: GPL-2.0-or-later
// Where a link goes to or comes from, and how.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "io/listen_address.h"
#include "link/link_session.h"
#include "link/tls_credentials.h"

namespace colo {

struct LinkEndpoint {
    ListenAddress address;
    LinkConfig config;
    std::shared_ptr<TlsCredentials> tls;  ///< nullptr: in the clear
};

/// "unix:PATH" or "HOST:PORT" ("tcp:HOST:PORT" too). Throws std::invalid_argument that quotes it.
ListenAddress parse_link_address(std::string_view text);

std::string to_text(const ListenAddress& address);

}  // namespace colo
