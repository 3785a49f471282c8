// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/tls_creds.h"

#include <stdexcept>
#include <utility>

#include "filter/host.h"
#include "filter/object_type.h"

namespace colo {

namespace {

constexpr const char* kEndpoints[] = {"server", "client"};

const char* endpoint_name(TlsRole role) { return kEndpoints[role == TlsRole::kServer ? 0 : 1]; }

TlsRole read_endpoint(OptionReader& options) {
    const std::string name = options.take("endpoint", "client");
    for (const TlsRole role : {TlsRole::kServer, TlsRole::kClient}) {
        if (name == endpoint_name(role)) return role;
    }
    options.fail("endpoint", "'" + name + "' is neither server nor client");
}

}  // namespace

TlsCreds::TlsCreds(std::string id, OptionReader& options) : Object("tls-creds-x509", std::move(id)) {
    options_.directory = options.need("dir");
    options_.role = read_endpoint(options);
    options_.verifies_peer = options.take_bool("verify-peer", true);
    options_.may_be_nameless = options_.role == TlsRole::kClient;
}

void TlsCreds::complete() {
    try {
        credentials({});
    } catch (const std::runtime_error& error) {
        throw std::runtime_error(what() + ": dir: " + error.what());
    }
}

std::shared_ptr<TlsCredentials> TlsCreds::credentials(const TlsPeer& peer) const {
    TlsCredentials::Options options = options_;
    options.peer_name = peer.name;
    options.allowed = peer.allowed;
    return std::make_shared<TlsCredentials>(std::move(options));
}

std::vector<Property> TlsCreds::properties() {
    return {
        {"dir", "string", [this] { return Value(options_.directory); }},
        {"endpoint", "QCryptoTLSCredsEndpoint", [this] { return Value(endpoint_name(options_.role)); }},
        {"verify-peer", "bool", [this] { return Value(options_.verifies_peer); }},
    };
}

std::shared_ptr<TlsCredentials> tls_credentials(const FilterHost& host, const std::string& who,
                                                const SocketOptions& socket, TlsPeer peer) {
    const std::string at = who + ": tls-creds: ";
    const std::string& id = socket.tls_creds;
    const TlsRole role = socket.is_server ? TlsRole::kServer : TlsRole::kClient;
    const Object* object = host.object(id);
    if (!object) throw std::invalid_argument(at + "no TLS credentials with id '" + id + "'");
    const auto* creds = dynamic_cast<const TlsCreds*>(object);
    if (!creds) throw std::invalid_argument(at + "object with id '" + id + "' is not TLS credentials");
    if (creds->role() != role)
        throw std::invalid_argument(at + "expected TLS credentials for a " + endpoint_name(role) + " endpoint");
    if (peer.name.empty() && role == TlsRole::kClient) peer.name = socket.address.host;
    return creds->credentials(peer);
}

namespace {

const ObjectType g_tls_creds_x509(
    "tls-creds-x509",
    [](FilterHost&, std::string id, OptionReader& options) {
        return std::unique_ptr<Object>(std::make_unique<TlsCreds>(std::move(id), options));
    },
    MakeOrder::kBeforeChardevs);

}  // namespace

}  // namespace colo
