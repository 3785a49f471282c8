// SPDX-License-Identifier: GPL-2.0-or-later
// tls-creds-x509: a directory of certificates, laid out and named as QEMU's, for chardevs and links. Each
// of them reads the files again when they change, before its next handshake.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "filter/object.h"
#include "filter/option_reader.h"
#include "filter/socket_options.h"
#include "link/tls_credentials.h"

namespace colo {

class FilterHost;

/// Whom a user of credentials expects.
struct TlsPeer {
    std::string name;                  ///< as in TlsCredentials::Options
    std::vector<std::string> allowed;  ///< the same
};

class TlsCreds final : public Object {
  public:
    explicit TlsCreds(std::string id, OptionReader& options);

    void complete() override;
    std::vector<Property> properties() override;

    TlsRole role() const { return options_.role; }
    /// Throws std::runtime_error that names a file.
    std::shared_ptr<TlsCredentials> credentials(const TlsPeer& peer) const;

  private:
    TlsCredentials::Options options_;
};

/// What a socket of `who` means by tls-creds=: as a client it expects, if nobody else, the host it connects
/// to. Throws std::invalid_argument or std::runtime_error that names them.
std::shared_ptr<TlsCredentials> tls_credentials(const FilterHost& host, const std::string& who,
                                                const SocketOptions& socket, TlsPeer peer = {});

}  // namespace colo
