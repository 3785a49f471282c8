// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/tls_session.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace colo {

namespace {

constexpr const char* kPriorities = "NORMAL:-VERS-ALL:+VERS-TLS1.3";
constexpr size_t kInputBytes = 256u << 10;

/// Of the vectors' bytes the first of one record: in place where they lie together.
Bytes next_record(std::span<const iovec> vectors, size_t skip, MutableBytes staging) {
    size_t used = 0;
    for (const iovec& vector : vectors) {
        if (skip >= vector.iov_len) {
            skip -= vector.iov_len;
            continue;
        }
        const auto* at = static_cast<const uint8_t*>(vector.iov_base) + skip;
        const size_t size = vector.iov_len - skip;
        skip = 0;
        if (used == 0 && size >= staging.size()) return {at, staging.size()};
        const size_t part = std::min(size, staging.size() - used);
        std::memcpy(staging.data() + used, at, part);
        used += part;
        if (used == staging.size()) break;
    }
    return staging.first(used);
}

}  // namespace

TlsSession::TlsSession(TlsCredentials& credentials)
    : credentials_(credentials), certificates_(credentials.current()) {
    const bool is_server = credentials.options().role == TlsRole::kServer;
    gnutls_session_t raw = nullptr;
    const unsigned flags = (is_server ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_NONBLOCK |
                           GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS;
    if (gnutls_init(&raw, flags) < 0) throw std::runtime_error("TLS: no memory for a session");
    session_.reset(raw);
    gnutls_priority_set_direct(raw, kPriorities, nullptr);
    gnutls_credentials_set(raw, GNUTLS_CRD_CERTIFICATE, certificates_.get());
    const bool asks = is_server && credentials.options().verifies_peer;
    if (asks) gnutls_certificate_server_set_request(raw, GNUTLS_CERT_REQUIRE);
    gnutls_handshake_set_timeout(raw, GNUTLS_INDEFINITE_TIMEOUT);  // the link has its own
    gnutls_transport_set_ptr(raw, this);
    gnutls_transport_set_pull_function(raw, &TlsSession::pull);
    gnutls_transport_set_pull_timeout_function(raw, &TlsSession::wait);
    gnutls_transport_set_push_function(raw, &TlsSession::push);
}

MutableBytes TlsSession::space() {
    if (in_begin_ == in_end_) in_begin_ = in_end_ = 0;
    if (in_.empty()) in_.resize(kInputBytes);
    if (in_end_ == in_.size() && in_begin_ > 0) {
        std::memmove(in_.data(), in_.data() + in_begin_, in_end_ - in_begin_);
        in_end_ -= in_begin_;
        in_begin_ = 0;
    }
    return {in_.data() + in_end_, in_.size() - in_end_};
}

ssize_t TlsSession::pull(gnutls_transport_ptr_t data, void* into, size_t size) {
    auto& self = *static_cast<TlsSession*>(data);
    const size_t part = std::min(size, self.in_end_ - self.in_begin_);
    if (part == 0) {
        if (self.no_more_) return 0;
        gnutls_transport_set_errno(self.session_.get(), EAGAIN);
        return -1;
    }
    self.anything_came_ = true;
    std::memcpy(into, self.in_.data() + self.in_begin_, part);
    self.in_begin_ += part;
    return static_cast<ssize_t>(part);
}

/// GnuTLS asks before it pulls.
int TlsSession::wait(gnutls_transport_ptr_t data, unsigned) {
    const auto& self = *static_cast<TlsSession*>(data);
    return self.in_end_ > self.in_begin_ || self.no_more_ ? 1 : 0;
}

ssize_t TlsSession::push(gnutls_transport_ptr_t data, const void* from, size_t size) {
    auto& out = static_cast<TlsSession*>(data)->out_;
    const auto* bytes = static_cast<const uint8_t*>(from);
    out.insert(out.end(), bytes, bytes + size);
    return static_cast<ssize_t>(size);
}

void TlsSession::consume(size_t size) {
    out_begin_ += size;
    if (out_begin_ < out_.size()) return;
    out_.clear();
    out_begin_ = 0;
}

TlsSession::Step TlsSession::handshake() {
    const int result = gnutls_handshake(session_.get());
    if (result == GNUTLS_E_SUCCESS) return Step::kDone;
    if (!gnutls_error_is_fatal(result)) return Step::kNeedsMore;
    fail(result);
    gnutls_alert_send_appropriate(session_.get(), result);
    return Step::kFailed;
}

TlsSession::Step TlsSession::read(MutableBytes into, size_t& size) {
    const ssize_t result = gnutls_record_recv(session_.get(), into.data(), into.size());
    size = result > 0 ? static_cast<size_t>(result) : 0;
    if (result > 0) return Step::kDone;
    if (result < 0 && !gnutls_error_is_fatal(static_cast<int>(result))) return Step::kNeedsMore;
    if (result == 0) failure_ = "the other end closed it";
    if (result < 0) fail(static_cast<int>(result));
    return Step::kFailed;
}

size_t TlsSession::write(std::span<const iovec> vectors) {
    std::array<uint8_t, kRecordBytes> staging;
    size_t written = 0;
    while (out_.size() < kMaxOutput && failure_.empty()) {
        const Bytes record = next_record(vectors, written, staging);
        if (record.empty()) break;
        const ssize_t result = gnutls_record_send(session_.get(), record.data(), record.size());
        if (result < 0) fail(static_cast<int>(result));
        if (result <= 0) break;
        written += static_cast<size_t>(result);
    }
    return written;
}

void TlsSession::refuse() {
    gnutls_alert_send(session_.get(), GNUTLS_AL_FATAL, GNUTLS_A_BAD_CERTIFICATE);
}

void TlsSession::fail(int error) {
    if (error == GNUTLS_E_FATAL_ALERT_RECEIVED) {
        const char* alert = gnutls_alert_get_name(gnutls_alert_get(session_.get()));
        failure_ = std::string("the other end ended TLS: ") + (alert ? alert : "unknown alert");
    } else if (error == GNUTLS_E_UNEXPECTED_PACKET || error == GNUTLS_E_UNEXPECTED_PACKET_LENGTH ||
               error == GNUTLS_E_RECORD_LIMIT_REACHED || error == GNUTLS_E_UNSUPPORTED_VERSION_PACKET) {
        failure_ = std::string("the other end does not speak TLS: ") + gnutls_strerror(error);
    } else if (error == GNUTLS_E_PREMATURE_TERMINATION || error == GNUTLS_E_PULL_ERROR) {
        failure_ = "the other end closed it";
    } else {
        failure_ = std::string("TLS: ") + gnutls_strerror(error);
    }
}

}  // namespace colo
