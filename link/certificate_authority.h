// SPDX-License-Identifier: GPL-2.0-or-later
// Makes what TlsCredentials reads: an authority of two hosts' own, and their certificates.
#pragma once

#include <gnutls/x509.h>

#include <ctime>
#include <memory>
#include <string>
#include <vector>

namespace colo {

struct CertificateValidity {
    time_t from = 0;
    time_t until = 0;
};

/// As PEM.
struct KeyAndCertificate {
    std::string key;
    std::string certificate;
};

/// Throws std::runtime_error that says what GnuTLS could not do.
class CertificateAuthority {
  public:
    enum class Purpose { kServer, kClient };

    CertificateAuthority(const std::string& name, CertificateValidity validity);
    /// One that was made before; `validity`: of what it issues from now on.
    CertificateAuthority(const KeyAndCertificate& own, CertificateValidity validity);

    /// For all of `hosts`, names and addresses; called by the first.
    KeyAndCertificate issue(const std::vector<std::string>& hosts, Purpose purpose) const;
    KeyAndCertificate own() const;

  private:
    struct FreeKey {
        void operator()(gnutls_x509_privkey_t key) const { gnutls_x509_privkey_deinit(key); }
    };
    struct FreeCertificate {
        void operator()(gnutls_x509_crt_t certificate) const { gnutls_x509_crt_deinit(certificate); }
    };
    using Key = std::unique_ptr<gnutls_x509_privkey_int, FreeKey>;
    using Certificate = std::unique_ptr<gnutls_x509_crt_int, FreeCertificate>;

    static Key make_key();
    static Key read_key(const std::string& pem);
    static Certificate read_certificate(const std::string& pem);
    Certificate begin(const std::string& name, const Key& key) const;
    static std::string pem(const Key& key);
    static std::string pem(const Certificate& certificate);

    CertificateValidity validity_;
    Key key_;
    Certificate certificate_;
};

}  // namespace colo
