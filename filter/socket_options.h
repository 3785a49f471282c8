// SPDX-License-Identifier: GPL-2.0-or-later
// How a stream socket comes to its peer, as a chardev's or a netdev's options say it.
#pragma once

#include <memory>
#include <string>

#include "filter/option_reader.h"
#include "io/listen_address.h"
#include "link/tls_credentials.h"

namespace colo {

struct SocketOptions {
    ListenAddress address;
    bool is_server = false;
    bool waits = false;             ///< a server's: nothing starts before it has a client
    unsigned reconnect_seconds = 0;  ///< a client's; 0: it does not try again
    std::string tls_creds;           ///< id of the credentials; empty: in the clear
    std::shared_ptr<TlsCredentials> tls;  ///< what is meant by it

    /// "unix:PATH" or "tcp:HOST:PORT"
    std::string name() const;
};

/// path= | host=,port=; server=, wait=, reconnect=, tls-creds=.
SocketOptions take_chardev_socket(OptionReader& options);
/// A link's: path= | host=,port=; server=, tls-creds=.
SocketOptions take_link_socket(OptionReader& options);
/// addr.type=unix,addr.path= | addr.type=inet,addr.host=,addr.port=; server=, reconnect=
SocketOptions take_netdev_socket(OptionReader& options);

/// The value of `key`, which must be there: a path that fits into a socket's address.
std::string need_socket_path(OptionReader& options, std::string_view key);
/// The value of `key`, which must be there: a port.
std::string need_port(OptionReader& options, std::string_view key);

}  // namespace colo
