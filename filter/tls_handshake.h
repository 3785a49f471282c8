// SPDX-License-Identifier: GPL-2.0-or-later
// From a connected socket to a TLS session with a peer who may be one, without waiting, within a deadline.
#pragma once

#include <memory>
#include <string>

#include "io/event_loop.h"
#include "io/file_descriptor.h"
#include "link/tls_session.h"

namespace colo {

class TlsHandshake {
  public:
    /// Either of them is told, once, from the loop. May destroy the handshake.
    class Owner {
      public:
        /// Bytes behind the handshake may be in the session already.
        virtual void handshake_done(FileDescriptor fd, std::unique_ptr<TlsSession> tls) = 0;
        /// The peer has been told as much as TLS can.
        virtual void handshake_failed(const std::string& why) = 0;

      protected:
        ~Owner() = default;
    };

    /// `fd` does not block. The credentials must outlive the session that comes of it.
    TlsHandshake(EventLoop& loop, FileDescriptor fd, TlsCredentials& credentials, Owner& owner);
    TlsHandshake(const TlsHandshake&) = delete;
    TlsHandshake& operator=(const TlsHandshake&) = delete;

    static constexpr unsigned kDeadlineMs = 5000;

  private:
    void advance();
    bool read_some();
    bool write_all();
    void judge();
    void fail(const std::string& why);

    EventLoop& loop_;
    FileDescriptor fd_;
    std::unique_ptr<TlsSession> tls_;
    Owner& owner_;
    bool is_done_ = false;
    std::string failure_;
    SourcePtr begin_;
    SourcePtr readable_;
    SourcePtr writable_;
    SourcePtr deadline_;
};

}  // namespace colo
