// SPDX-License-Identifier: GPL-2.0-or-later
// Both ends of a TLS session, joined by memory.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "link/tls_session.h"
#include "tests/support/certificate_folder.h"
#include "tests/support/socket_rig.h"

namespace colo {

class TlsTest : public testing::Test {
  protected:
    TlsTest() {
        write_certificates(folder_.file(""), CertificateAuthority("an authority", valid_now()));
        server_credentials_ = std::make_unique<TlsCredentials>(options(TlsRole::kServer));
        client_credentials_ = std::make_unique<TlsCredentials>(options(TlsRole::kClient));
        begin();
    }
    TlsCredentials::Options options(TlsRole role) const { return {folder_.file(""), role, {}, {}}; }
    /// New sessions of the credentials there are.
    void begin() {
        server_ = std::make_unique<TlsSession>(*server_credentials_);
        client_ = std::make_unique<TlsSession>(*client_credentials_);
    }
    static void give(TlsSession& to, Bytes bytes) {
        while (!bytes.empty()) {
            const MutableBytes space = to.space();
            const size_t part = std::min(space.size(), bytes.size());
            std::copy_n(bytes.begin(), part, space.begin());
            to.commit(part);
            bytes = bytes.subspan(part);
        }
    }
    static void carry(TlsSession& from, TlsSession& to) {
        give(to, from.output());
        from.consume(from.output().size());
    }
    /// Until both are done. Who is done must not be asked again: GnuTLS would take it for a change of keys.
    void shake_hands() {
        using Step = TlsSession::Step;
        Step client = Step::kNeedsMore, server = Step::kNeedsMore;
        while (client == Step::kNeedsMore || server == Step::kNeedsMore) {
            if (client == Step::kNeedsMore) client = client_->handshake();
            carry(*client_, *server_);
            if (server == Step::kNeedsMore) server = server_->handshake();
            carry(*server_, *client_);
        }
    }

    TemporaryFolder folder_;
    std::unique_ptr<TlsCredentials> server_credentials_;
    std::unique_ptr<TlsCredentials> client_credentials_;
    std::unique_ptr<TlsSession> server_;
    std::unique_ptr<TlsSession> client_;
};

/// A client that knows TLS 1.2 at best.
class OlderClient {
  public:
    OlderClient() {
        gnutls_certificate_allocate_credentials(&credentials_);
        gnutls_init(&session_, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
        gnutls_priority_set_direct(session_, "NORMAL:-VERS-ALL:+VERS-TLS1.2", nullptr);
        gnutls_credentials_set(session_, GNUTLS_CRD_CERTIFICATE, credentials_);
        gnutls_transport_set_ptr(session_, this);
        gnutls_transport_set_push_function(session_, [](gnutls_transport_ptr_t self, const void* from, size_t size) {
            const auto* bytes = static_cast<const uint8_t*>(from);
            auto& said = static_cast<OlderClient*>(self)->said_;
            said.insert(said.end(), bytes, bytes + size);
            return static_cast<ssize_t>(size);
        });
        gnutls_transport_set_pull_function(session_, [](gnutls_transport_ptr_t self, void*, size_t) {
            gnutls_transport_set_errno(static_cast<OlderClient*>(self)->session_, EAGAIN);
            return ssize_t{-1};
        });
    }
    OlderClient(const OlderClient&) = delete;
    OlderClient& operator=(const OlderClient&) = delete;
    ~OlderClient() {
        gnutls_deinit(session_);
        gnutls_certificate_free_credentials(credentials_);
    }

    const std::vector<uint8_t>& first_words() {
        gnutls_handshake(session_);
        return said_;
    }

  private:
    gnutls_certificate_credentials_t credentials_ = nullptr;
    gnutls_session_t session_ = nullptr;
    std::vector<uint8_t> said_;
};

}  // namespace colo
