// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/tls_credentials.h"

#include <fnmatch.h>
#include <gnutls/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "io/log.h"
#include "link/link_status.h"

namespace colo {

namespace {

void need(int result, const std::string& what) {
    if (result < 0) throw std::runtime_error(what + ": " + gnutls_strerror(result));
}

void need_readable(const std::string& path) {
    if (access(path.c_str(), R_OK) != 0) throw std::runtime_error(path + ": " + std::strerror(errno));
}

struct FreeCertificate {
    void operator()(gnutls_x509_crt_t certificate) const { gnutls_x509_crt_deinit(certificate); }
};
using Certificate = std::unique_ptr<gnutls_x509_crt_int, FreeCertificate>;

/// The peer's own; nullptr: there is none, or it is unreadable.
Certificate peer_certificate(gnutls_session_t session) {
    unsigned count = 0;
    const gnutls_datum_t* chain = gnutls_certificate_get_peers(session, &count);
    gnutls_x509_crt_t raw = nullptr;
    if (!chain || count == 0 || gnutls_x509_crt_init(&raw) < 0) return nullptr;
    Certificate certificate(raw);
    if (gnutls_x509_crt_import(raw, &chain[0], GNUTLS_X509_FMT_DER) < 0) return nullptr;
    return certificate;
}

std::string distinguished_name(gnutls_x509_crt_t certificate) {
    gnutls_datum_t name{};
    if (gnutls_x509_crt_get_dn2(certificate, &name) < 0) return {};
    std::string text(reinterpret_cast<const char*>(name.data), name.size);
    gnutls_free(name.data);
    return text;
}

/// GnuTLS's sentences.
std::string describe_status(unsigned status) {
    gnutls_datum_t text{};
    if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0) < 0) {
        return "status " + std::to_string(status);
    }
    std::string sentences(reinterpret_cast<const char*>(text.data));
    gnutls_free(text.data);
    while (sentences.ends_with(' ')) sentences.pop_back();
    return sentences;
}

std::string judge_chain(gnutls_session_t session, const char* purpose) {
    gnutls_typed_vdata_st data{};
    data.type = GNUTLS_DT_KEY_PURPOSE_OID;
    data.data = reinterpret_cast<unsigned char*>(const_cast<char*>(purpose));
    unsigned status = 0;
    const int result = gnutls_certificate_verify_peers(session, &data, 1, &status);
    if (result < 0) return gnutls_strerror(result);
    return status == 0 ? std::string() : describe_status(status);
}

}  // namespace

TlsCredentials::TlsCredentials(Options options) : options_(std::move(options)) {
    stamps_ = stamps();
    certificates_ = load();
}

/// The first, and the last two, must be there; the second is the list of revoked certificates.
std::vector<std::string> TlsCredentials::files() const {
    const std::string at = options_.directory + "/";
    const std::string own = at + (options_.role == TlsRole::kServer ? "server" : "client");
    return {at + "ca-cert.pem", at + "ca-crl.pem", own + "-cert.pem", own + "-key.pem"};
}

/// Differs when a file has been written or replaced.
std::string TlsCredentials::stamps() const {
    std::string text;
    for (const std::string& path : files()) {
        struct stat status{};
        if (stat(path.c_str(), &status) != 0) status = {};
        text += std::to_string(status.st_ino) + "." + std::to_string(status.st_size) + "." +
                std::to_string(status.st_mtim.tv_sec) + "." +
                std::to_string(status.st_mtim.tv_nsec) + " ";
    }
    return text;
}

TlsCertificates TlsCredentials::load() const {
    const std::vector<std::string> paths = files();
    const bool is_nameless = options_.may_be_nameless && access(paths[2].c_str(), F_OK) != 0;
    need_readable(paths[0]);
    for (const size_t i : {2, 3}) {
        if (!is_nameless) need_readable(paths[i]);
    }
    gnutls_certificate_credentials_t raw = nullptr;
    need(gnutls_certificate_allocate_credentials(&raw), "TLS credentials");
    TlsCertificates certificates(raw, &gnutls_certificate_free_credentials);
    const int authorities =
        gnutls_certificate_set_x509_trust_file(raw, paths[0].c_str(), GNUTLS_X509_FMT_PEM);
    need(authorities, paths[0]);
    if (authorities == 0) throw std::runtime_error(paths[0] + ": there is no certificate in it");
    if (access(paths[1].c_str(), F_OK) == 0) {
        need(gnutls_certificate_set_x509_crl_file(raw, paths[1].c_str(), GNUTLS_X509_FMT_PEM), paths[1]);
    }
    if (is_nameless) return certificates;
    need(gnutls_certificate_set_x509_key_file(raw, paths[2].c_str(), paths[3].c_str(), GNUTLS_X509_FMT_PEM),
         paths[2] + " and " + paths[3]);
    return certificates;
}

TlsCertificates TlsCredentials::current() {
    const std::string now = stamps();
    if (now == stamps_) return certificates_;
    stamps_ = now;
    try {
        certificates_ = load();
        log_info("tls", options_.directory + ": read again");
    } catch (const std::runtime_error& error) {
        log_error("tls", std::string(error.what()) + "; the last certificates stay in use");
    }
    return certificates_;
}

std::string TlsCredentials::judge_peer(gnutls_session_t session) const {
    if (!options_.verifies_peer) return {};
    const bool is_server = options_.role == TlsRole::kServer;
    const std::string bad = judge_chain(session, is_server ? GNUTLS_KP_TLS_WWW_CLIENT : GNUTLS_KP_TLS_WWW_SERVER);
    const Certificate certificate = peer_certificate(session);
    if (!certificate) return "it has no certificate";
    const std::string name = printable(distinguished_name(certificate.get()));
    if (!bad.empty()) return "the certificate of '" + name + "' is not valid: " + bad;
    if (!options_.peer_name.empty() &&
        !gnutls_x509_crt_check_hostname(certificate.get(), options_.peer_name.c_str())) {
        return "the certificate of '" + name + "' is not one for '" + options_.peer_name + "'";
    }
    const auto matches = [&](const std::string& pattern) {
        return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
    };
    if (options_.allowed.empty() || std::ranges::any_of(options_.allowed, matches)) return {};
    return "'" + name + "' is not in the list of names allowed";
}

}  // namespace colo
