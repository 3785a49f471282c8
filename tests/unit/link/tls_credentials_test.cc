// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/tls_credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "tests/support/connection_rig.h"
#include "tests/support/certificate_folder.h"
#include "tests/support/socket_rig.h"

namespace colo {
namespace {

using testing::HasSubstr;

CertificateValidity valid_once() { return {std::time(nullptr) - 7200, std::time(nullptr) - 3600}; }

std::string error_of(const TlsCredentials::Options& options) {
    try {
        TlsCredentials credentials(options);
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "no error";
}

class TlsCredentialsTest : public ConnectionTest {
  protected:
    std::string folder(const std::string& name) {
        const std::string path = folder_.file(name);
        std::filesystem::create_directories(path);
        return path;
    }
    /// An authority of its own and what it has issued.
    std::string make(const std::string& name, CertificateValidity validity = valid_now(),
                     const std::vector<std::string>& hosts = {"somebody"}) {
        write_certificates(folder(name), CertificateAuthority("an authority", validity), hosts);
        return folder(name);
    }
    static Credentials read(TlsCredentials::Options options) {
        return std::make_shared<TlsCredentials>(std::move(options));
    }
    static Credentials server(const std::string& directory) { return read({directory, TlsRole::kServer, {}, {}}); }
    static Credentials client(const std::string& directory) { return read({directory, TlsRole::kClient, {}, {}}); }

    TemporaryFolder folder_;
};

TEST_F(TlsCredentialsTest, OfOneAuthorityBothEndsAreUp) {
    const std::string good = make("good");
    join(server(good), client(good));
    EXPECT_EQ(client_.user.peer, "server");
    EXPECT_EQ(server_.user.peer, "client");
    EXPECT_TRUE(client_.connection->is_encrypted());
}

struct Refusal {
    const char* name;
    TlsCredentials::Options server;
    TlsCredentials::Options client;
    const char* server_says;
    const char* client_says;
};

TEST_F(TlsCredentialsTest, WhoWillNotDoIsRefusedAndBothEndsSayWhy) {
    const std::string good = make("good");
    const std::string foreign = make("foreign");
    const std::string stranger = folder("stranger");
    write_certificates(stranger, CertificateAuthority("a stranger", valid_now()), {"somebody"});
    const std::string expired = make("expired", valid_once());
    const std::string swapped = make("swapped");
    for (const char* part : {"key", "cert"}) {
        std::filesystem::copy_file(swapped + "/server-" + part + ".pem", swapped + "/client-" + part + ".pem",
                                   std::filesystem::copy_options::overwrite_existing);
    }
    const auto serves = [](const std::string& directory, std::vector<std::string> allowed = {}) {
        return TlsCredentials::Options{directory, TlsRole::kServer, {}, std::move(allowed)};
    };
    const auto connects = [](const std::string& directory, std::string expected = {}) {
        return TlsCredentials::Options{directory, TlsRole::kClient, std::move(expected), {}};
    };
    const Refusal cases[] = {
        {"another authority's", serves(good), connects(foreign), "signature in the certificate is invalid",
         "signature in the certificate is invalid"},
        {"a stranger's", serves(good), connects(stranger), "TLS: Certificate is required", "issuer is unknown"},
        {"expired", serves(expired), connects(expired), "expired", "expired"},
        {"for a server only", serves(swapped), connects(swapped), "'CN=somebody' is not valid",
         "server: the certificate of 'CN=somebody' is not valid"},
        {"not in the list", serves(good, {"CN=nobody", "CN=some*y2"}), connects(good),
         "'CN=somebody' is not in the list of names allowed",
         "server: 'CN=somebody' is not in the list of names allowed"},
        {"for another host", serves(good), connects(good, "elsewhere"), "is not one for 'elsewhere'",
         "the certificate of 'CN=somebody' is not one for 'elsewhere'"},
    };
    for (const Refusal& one : cases) {
        client_.user = {};
        server_.user = {};
        join(read(one.server), read(one.client));
        until([&] { return client_.user.overs > 0 && server_.user.overs > 0; });
        EXPECT_THAT(server_.user.ending.text, HasSubstr(one.server_says)) << one.name;
        EXPECT_THAT(client_.user.ending.text, HasSubstr(one.client_says)) << one.name;
        EXPECT_EQ(server_.user.overs + client_.user.overs, 2) << one.name;
    }
}

TEST_F(TlsCredentialsTest, NamesAllowedAndExpectedPass) {
    const std::string good = make("good", valid_now(), {"hostA", "127.0.0.1"});
    join(read({good, TlsRole::kServer, {}, {"CN=other", "CN=host?"}}), read({good, TlsRole::kClient, "127.0.0.1", {}}));
    EXPECT_EQ(server_.user.peer, "client");
}

TEST_F(TlsCredentialsTest, AListOfRevokedCertificatesIsReadWhenThereIsOne) {
    const std::string good = make("good");
    EXPECT_EQ(error_of({good, TlsRole::kServer, {}, {}}), "no error");
    std::ofstream(good + "/ca-crl.pem") << "no list\n";
    EXPECT_THAT(error_of({good, TlsRole::kServer, {}, {}}), HasSubstr("ca-crl.pem: "));
}

TEST_F(TlsCredentialsTest, FilesThatChangeAreReadBeforeTheNextHandshake) {
    const std::string path = make("renewed");
    const Credentials serving = server(path);
    const TlsCertificates first = serving->current();
    EXPECT_EQ(serving->current(), first);
    join(serving, client(path));
    make("renewed");  // another authority, too
    EXPECT_NE(serving->current(), first);
    client_.session().message(1, 0, as_bytes("still up"));
    until([&] { return !server_.user.messages.empty(); });
    ConnectedEnd old_server = std::move(server_), old_client = std::move(client_);
    server_ = {};
    client_ = {};
    join(serving, client(path));
    EXPECT_EQ(server_.user.peer, "client");
}

TEST_F(TlsCredentialsTest, FilesThatBecomeUnreadableLeaveTheLastOnesInUse) {
    const std::string path = make("broken");
    const Credentials serving = server(path);
    const TlsCertificates first = serving->current();
    std::ofstream(path + "/server-cert.pem") << "nonsense\n";
    EXPECT_EQ(serving->current(), first);
    EXPECT_EQ(serving->current(), first);
    make("broken");
    EXPECT_NE(serving->current(), first);
}

TEST_F(TlsCredentialsTest, WhatCannotBeReadIsNamed) {
    const std::pair<const char*, const char*> cases[] = {
        {"ca-cert.pem", "/ca-cert.pem: No such file or directory"},
        {"server-cert.pem", "/server-cert.pem: No such file or directory"},
        {"server-key.pem", "/server-key.pem: No such file or directory"},
    };
    for (const auto& [file, words] : cases) {
        const std::string path = make("missing");
        std::filesystem::remove(path + "/" + file);
        EXPECT_EQ(error_of({path, TlsRole::kServer, {}, {}}), path + words);
        std::ofstream(path + "/" + file) << "nonsense\n";
        EXPECT_THAT(error_of({path, TlsRole::kServer, {}, {}}), HasSubstr(file));
    }
    const std::string path = make("missing");
    std::filesystem::remove(path + "/client-key.pem");  // not a server's
    EXPECT_EQ(error_of({path, TlsRole::kServer, {}, {}}), "no error");
}

TEST_F(TlsCredentialsTest, PlaintextAndTlsTellEachOther) {
    const std::string good = make("good");
    join(server(good), nullptr);
    until([&] { return client_.user.overs > 0 && server_.user.overs > 0; });
    EXPECT_THAT(server_.user.ending.text, HasSubstr("does not speak TLS"));
    EXPECT_THAT(client_.user.ending.text, HasSubstr("sent TLS, which is not used here"));
}

}  // namespace
}  // namespace colo
