// SPDX-License-Identifier: GPL-2.0-or-later
// TLS 1.3 without a socket: what came from it in, what is to go there out. Records are 16 KiB where there
// is enough to send.
#pragma once

#include <gnutls/gnutls.h>
#include <sys/uio.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "link/tls_credentials.h"
#include "packet/bytes.h"

namespace colo {

class TlsSession {
  public:
    explicit TlsSession(TlsCredentials& credentials);
    TlsSession(const TlsSession&) = delete;
    TlsSession& operator=(const TlsSession&) = delete;

    /// Where to read from the socket into, and how much was.
    MutableBytes space();
    void commit(size_t size) { in_end_ += size; }
    /// Nothing more comes from the socket.
    void peer_closed() { no_more_ = true; }

    /// Both ways, as far as it goes. After a failure there may be output, an alert.
    enum class Step { kNeedsMore, kDone, kFailed };
    Step handshake();
    /// Decrypts into `into`. kNeedsMore: nothing is left to decrypt; kDone: `size` bytes, more may follow.
    Step read(MutableBytes into, size_t& size);
    /// Encrypts what of it fits into the output, behind what is there; returns how much. failure() tells
    /// of an error.
    size_t write(std::span<const iovec> vectors);

    /// For the socket; bytes that are there are taken by consume().
    Bytes output() const { return Bytes(out_).subspan(out_begin_); }
    void consume(size_t size);

    /// Why it failed.
    const std::string& failure() const { return failure_; }
    /// See TlsCredentials::judge_peer.
    std::string judge_peer() const { return credentials_.judge_peer(session_.get()); }
    /// Output that tells a peer who was judged: its certificate will not do.
    void refuse();
    /// There is input that has not been decrypted.
    bool has_input() const { return in_end_ > in_begin_; }

    static constexpr size_t kRecordBytes = 16384;
    /// Encrypted ahead of the socket: what overtakes must wait for it.
    static constexpr size_t kMaxOutput = 128u << 10;

  private:
    struct FreeSession {
        void operator()(gnutls_session_t session) const { gnutls_deinit(session); }
    };

    static ssize_t pull(gnutls_transport_ptr_t self, void* into, size_t size);
    static ssize_t push(gnutls_transport_ptr_t self, const void* from, size_t size);
    static int wait(gnutls_transport_ptr_t self, unsigned ms);
    void fail(int error);

    TlsCredentials& credentials_;
    const TlsCertificates certificates_;  ///< of this session, whatever is read later
    std::unique_ptr<gnutls_session_int, FreeSession> session_;
    std::vector<uint8_t> in_;
    size_t in_begin_ = 0;
    size_t in_end_ = 0;
    std::vector<uint8_t> out_;
    size_t out_begin_ = 0;
    bool no_more_ = false;
    bool anything_came_ = false;
    std::string failure_;
};

}  // namespace colo
