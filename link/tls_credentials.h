// SPDX-License-Identifier: GPL-2.0-or-later
// Our certificate and key, whom we trust, and whom we expect: a directory as QEMU's tls-creds-x509 has it
// (ca-cert.pem, ca-crl.pem if there is one, server-cert.pem and server-key.pem, or client-cert.pem and
// client-key.pem). Files that have changed are read again before the next handshake; links that are up
// keep what they have.
#pragma once

#include <gnutls/gnutls.h>

#include <memory>
#include <string>
#include <vector>

namespace colo {

enum class TlsRole { kServer, kClient };

/// GnuTLS's credentials, which every handshake under way shares.
using TlsCertificates = std::shared_ptr<gnutls_certificate_credentials_st>;

class TlsCredentials {
  public:
    struct Options {
        std::string directory;
        TlsRole role = TlsRole::kServer;
        /// The peer's certificate must be for it; empty: any name.
        std::string peer_name;
        /// Distinguished names (RFC 4514) the peer may have, with * and ? as in a shell; empty: any.
        std::vector<std::string> allowed;
        /// False: the peer may be anybody, as with QEMU's verify-peer=off; a server asks for no certificate.
        bool verifies_peer = true;
        /// A client's: it may do without a certificate of its own, as QEMU's.
        bool may_be_nameless = false;
    };

    /// Reads the files. Throws std::runtime_error that names the file and what is wrong.
    explicit TlsCredentials(Options options);

    const Options& options() const { return options_; }

    /// Those of the files as they are now. When they can't be read, the last good ones (and a message).
    TlsCertificates current();

    /// Whether the peer at the other end of a finished handshake may be one. Why not; empty: it may.
    std::string judge_peer(gnutls_session_t session) const;

  private:
    std::vector<std::string> files() const;
    std::string stamps() const;
    TlsCertificates load() const;

    Options options_;
    std::string stamps_;  ///< of the files that were read
    TlsCertificates certificates_;
};

}  // namespace colo
