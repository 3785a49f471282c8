// SPDX-License-Identifier: GPL-2.0-or-later
// A session on a socket, in the clear or within TLS. Reads much at once; what is said in one turn of the
// loop is written at its end. Never waits.
#pragma once

#include <memory>
#include <string>

#include "io/event_loop.h"
#include "io/file_descriptor.h"
#include "io/lifeline.h"
#include "link/link_endpoint.h"
#include "link/tls_session.h"

namespace colo {

struct ConnectionCounters {
    uint64_t reads = 0;
    uint64_t writes = 0;
    uint64_t bytes_in = 0;
    uint64_t bytes_out = 0;
};

class LinkConnection final : private Flushable, private LinkSession::Carrier {
  public:
    /// `fd`: a connected socket, without blocking. `where`: of whom messages speak, an address. The pool
    /// must outlive it. May be destroyed at any time; what its session has said by then is still sent, as
    /// far as the system takes it.
    LinkConnection(EventLoop& loop, FramePool& pool, FileDescriptor fd, std::string where,
                   const LinkEndpoint& endpoint, LinkUser& user);
    ~LinkConnection();

    LinkSession& session() { return session_; }
    const std::string& where() const { return where_; }
    bool is_encrypted() const { return tls_ != nullptr; }
    const ConnectionCounters& counters() const { return counters_; }

  private:
    enum class Phase : uint8_t { kHandshake, kOpen, kClosed };

    void session_woke() override;
    void flush() override;
    void write_some();
    bool write_plain();
    bool write_tls();
    bool sent(ssize_t size);
    void wait_for_room();

    void readable();
    bool read_plain();
    bool read_tls();
    bool take_decrypted();
    bool received(ssize_t size);
    void shake_hands();
    void lost(LinkCode code, const std::string& why);
    void close_socket();
    void tick();

    EventLoop& loop_;
    FileDescriptor fd_;
    const std::string where_;
    std::shared_ptr<TlsCredentials> credentials_;
    std::unique_ptr<TlsSession> tls_;  ///< nullptr: in the clear
    Phase phase_;
    bool in_flush_ = false;
    bool woke_ = false;
    ReceiveBuffer buffer_;
    ConnectionCounters counters_;
    SourcePtr readable_;
    SourcePtr writable_;  ///< there while the peer is to make room
    Timer tick_;
    Timer again_;  ///< more is to be done in the next turn
    Lifeline lifeline_;
    LinkSession session_;  // last: goes first, it uses the rest
};

/// Keep-alive, no delay, and little waiting in the kernel, where nothing can overtake.
void set_link_socket_options(int fd, const ListenAddress& address);

}  // namespace colo
