// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/link/floors.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "io/system_failure.h"

namespace colo::bench {

namespace {

constexpr size_t kRecordBytes = 16384;

size_t moved(ssize_t size, const char* what) {
    if (size < 0) throw_errno(what);
    return static_cast<size_t>(size);
}

void write_all(int fd, const uint8_t* bytes, size_t size) {
    while (size > 0) {
        const size_t part = moved(write(fd, bytes, size), "write");
        bytes += part;
        size -= part;
    }
}

struct EndSession {
    void operator()(gnutls_session_t session) const { gnutls_deinit(session); }
};
using Session = std::unique_ptr<gnutls_session_int, EndSession>;

void need_tls(ssize_t result) {
    if (result < 0) throw std::runtime_error(std::string("TLS: ") + gnutls_strerror(static_cast<int>(result)));
}

/// As the link has it, but that GnuTLS reads and writes the socket itself.
Session shake_hands(int fd, TlsCredentials& credentials) {
    const bool is_server = credentials.options().role == TlsRole::kServer;
    gnutls_session_t raw = nullptr;
    need_tls(gnutls_init(&raw, (is_server ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_NO_TICKETS));
    Session session(raw);
    need_tls(gnutls_priority_set_direct(raw, "NORMAL:-VERS-ALL:+VERS-TLS1.3", nullptr));
    need_tls(gnutls_credentials_set(raw, GNUTLS_CRD_CERTIFICATE, credentials.current().get()));
    if (is_server) gnutls_certificate_server_set_request(raw, GNUTLS_CERT_REQUIRE);
    gnutls_transport_set_int(raw, fd);
    need_tls(gnutls_handshake(raw));
    return session;
}

}  // namespace

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void source(int fd, uint64_t total) {
    const std::vector<uint8_t> block(kBlockBytes, 0x5a);
    for (uint64_t left = total; left > 0; left -= std::min<uint64_t>(left, kBlockBytes)) {
        write_all(fd, block.data(), std::min<uint64_t>(left, kBlockBytes));
    }
    shutdown(fd, SHUT_WR);
}

double sink(int fd) {
    std::vector<uint8_t> block(kBlockBytes);
    moved(read(fd, block.data(), block.size()), "read");
    const double begin = now();
    while (moved(read(fd, block.data(), block.size()), "read") > 0) {
    }
    return now() - begin;
}

void copy_relay(int from, int to) {
    std::vector<uint8_t> block(kBlockBytes);
    while (const size_t size = moved(read(from, block.data(), block.size()), "read")) {
        write_all(to, block.data(), size);
    }
    shutdown(to, SHUT_WR);
}

void splice_relay(int from, int to) {
    std::array<int, 2> pipe;
    if (pipe2(pipe.data(), 0) != 0) throw_errno("pipe");
    if (fcntl(pipe[1], F_SETPIPE_SZ, 1 << 20) < 0) throw_errno("F_SETPIPE_SZ");
    while (size_t size = moved(splice(from, nullptr, pipe[1], nullptr, 1 << 20, SPLICE_F_MOVE), "splice")) {
        while (size > 0) size -= moved(splice(pipe[0], nullptr, to, nullptr, size, SPLICE_F_MOVE), "splice");
    }
    shutdown(to, SHUT_WR);
}

double tls_source(int fd, TlsCredentials& credentials, uint64_t total) {
    const Session session = shake_hands(fd, credentials);
    std::array<uint8_t, kRecordBytes> record{};
    const double begin = now();
    for (uint64_t left = total; left > 0; left -= std::min<uint64_t>(left, kRecordBytes)) {
        need_tls(gnutls_record_send(session.get(), record.data(), std::min<uint64_t>(left, kRecordBytes)));
    }
    need_tls(gnutls_bye(session.get(), GNUTLS_SHUT_RDWR));
    return now() - begin;
}

void tls_sink(int fd, TlsCredentials& credentials) {
    const Session session = shake_hands(fd, credentials);
    std::array<uint8_t, kRecordBytes> record;
    for (ssize_t size = 1; size > 0;) {
        size = gnutls_record_recv(session.get(), record.data(), record.size());
        need_tls(size);
    }
    gnutls_bye(session.get(), GNUTLS_SHUT_WR);
}

}  // namespace colo::bench
