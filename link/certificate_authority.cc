// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/certificate_authority.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>

#include <array>
#include <stdexcept>

namespace colo {

namespace {

void must(int result, const std::string& what) {
    if (result < 0) throw std::runtime_error(what + ": " + gnutls_strerror(result));
}

/// RFC 5280, 4.1.2.2: positive, and at most 20 bytes.
void set_serial(gnutls_x509_crt_t certificate) {
    std::array<unsigned char, 16> serial;
    must(gnutls_rnd(GNUTLS_RND_NONCE, serial.data(), serial.size()), "a serial number");
    serial[0] = (serial[0] & 0x7f) | 0x40;
    must(gnutls_x509_crt_set_serial(certificate, serial.data(), serial.size()), "the serial number");
}

void add_host(gnutls_x509_crt_t certificate, const std::string& host) {
    std::array<unsigned char, 16> address;
    gnutls_x509_subject_alt_name_t type = GNUTLS_SAN_IPADDRESS;
    const void* data = address.data();
    unsigned size = 4;
    if (inet_pton(AF_INET6, host.c_str(), address.data()) == 1) {
        size = 16;
    } else if (inet_pton(AF_INET, host.c_str(), address.data()) != 1) {
        type = GNUTLS_SAN_DNSNAME;
        data = host.data();
        size = static_cast<unsigned>(host.size());
    }
    must(gnutls_x509_crt_set_subject_alt_name(certificate, type, data, size, GNUTLS_FSAN_APPEND),
         "the name '" + host + "'");
}

gnutls_datum_t datum(const std::string& text) {
    return {reinterpret_cast<unsigned char*>(const_cast<char*>(text.data())), static_cast<unsigned>(text.size())};
}

template <typename Id, typename Object>
std::string key_id(Id function, Object object) {
    std::array<unsigned char, 64> id;
    size_t size = id.size();
    must(function(object, 0, id.data(), &size), "the key's id");
    return {reinterpret_cast<const char*>(id.data()), size};
}

template <typename Export, typename Object>
std::string exported(Export function, Object object) {
    gnutls_datum_t data{};
    must(function(object, GNUTLS_X509_FMT_PEM, &data), "exporting");
    std::string text(reinterpret_cast<const char*>(data.data), data.size);
    gnutls_free(data.data);
    return text;
}

}  // namespace

CertificateAuthority::CertificateAuthority(const std::string& name, CertificateValidity validity)
    : validity_(validity), key_(make_key()), certificate_(begin(name, key_)) {
    gnutls_x509_crt_t own = certificate_.get();
    must(gnutls_x509_crt_set_basic_constraints(own, 1, 0), "the authority");
    must(gnutls_x509_crt_set_key_usage(own, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN), "the authority");
    must(gnutls_x509_crt_sign2(own, own, key_.get(), GNUTLS_DIG_SHA256, 0), "signing the authority");
}

CertificateAuthority::CertificateAuthority(const KeyAndCertificate& own, CertificateValidity validity)
    : validity_(validity), key_(read_key(own.key)), certificate_(read_certificate(own.certificate)) {
    const std::string of_key = key_id(gnutls_x509_privkey_get_key_id, key_.get());
    if (of_key != key_id(gnutls_x509_crt_get_key_id, certificate_.get()))
        throw std::runtime_error("the authority's key and certificate do not belong together");
}

CertificateAuthority::Key CertificateAuthority::read_key(const std::string& pem) {
    gnutls_x509_privkey_t raw = nullptr;
    must(gnutls_x509_privkey_init(&raw), "a key");
    Key key(raw);
    const gnutls_datum_t data = datum(pem);
    must(gnutls_x509_privkey_import(raw, &data, GNUTLS_X509_FMT_PEM), "the authority's key");
    return key;
}

CertificateAuthority::Certificate CertificateAuthority::read_certificate(const std::string& pem) {
    gnutls_x509_crt_t raw = nullptr;
    must(gnutls_x509_crt_init(&raw), "a certificate");
    Certificate certificate(raw);
    const gnutls_datum_t data = datum(pem);
    must(gnutls_x509_crt_import(raw, &data, GNUTLS_X509_FMT_PEM), "the authority's certificate");
    return certificate;
}

CertificateAuthority::Key CertificateAuthority::make_key() {
    gnutls_x509_privkey_t raw = nullptr;
    must(gnutls_x509_privkey_init(&raw), "a key");
    Key key(raw);
    must(gnutls_x509_privkey_generate(raw, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
         "a key");
    return key;
}

CertificateAuthority::Certificate CertificateAuthority::begin(const std::string& name, const Key& key) const {
    gnutls_x509_crt_t raw = nullptr;
    must(gnutls_x509_crt_init(&raw), "a certificate");
    Certificate certificate(raw);
    must(gnutls_x509_crt_set_version(raw, 3), "a certificate");
    must(gnutls_x509_crt_set_activation_time(raw, validity_.from), "its time");
    must(gnutls_x509_crt_set_expiration_time(raw, validity_.until), "its time");
    must(gnutls_x509_crt_set_dn_by_oid(raw, GNUTLS_OID_X520_COMMON_NAME, 0, name.data(),
                                       static_cast<unsigned>(name.size())),
         "the name '" + name + "'");
    must(gnutls_x509_crt_set_key(raw, key.get()), "its key");
    set_serial(raw);
    const std::string id = key_id(gnutls_x509_crt_get_key_id, raw);
    must(gnutls_x509_crt_set_subject_key_id(raw, id.data(), id.size()), "the key's id");
    return certificate;
}

KeyAndCertificate CertificateAuthority::issue(const std::vector<std::string>& hosts, Purpose purpose) const {
    const Key key = make_key();
    const Certificate certificate = begin(hosts.front(), key);
    gnutls_x509_crt_t raw = certificate.get();
    for (const std::string& host : hosts) add_host(raw, host);
    const char* oid = purpose == Purpose::kServer ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT;
    must(gnutls_x509_crt_set_basic_constraints(raw, 0, -1), "a certificate");
    must(gnutls_x509_crt_set_key_usage(raw, GNUTLS_KEY_DIGITAL_SIGNATURE), "its use");
    must(gnutls_x509_crt_set_key_purpose_oid(raw, oid, 0), "its use");
    must(gnutls_x509_crt_sign2(raw, certificate_.get(), key_.get(), GNUTLS_DIG_SHA256, 0), "signing");
    return {pem(key), pem(certificate)};
}

KeyAndCertificate CertificateAuthority::own() const {
    return {pem(key_), pem(certificate_)};
}

std::string CertificateAuthority::pem(const Key& key) {
    return exported(gnutls_x509_privkey_export2, key.get());
}

std::string CertificateAuthority::pem(const Certificate& certificate) {
    return exported(gnutls_x509_crt_export2, certificate.get());
}

}  // namespace colo
