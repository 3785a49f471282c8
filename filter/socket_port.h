// SPDX-License-Identifier: GPL-2.0-or-later
// One stream of frames with whoever is at a socket's other end: a server serves one client at a time, the
// next when the first has gone; a client tries again. With TLS whoever does not shake hands, or may not be
// the peer, has never been there.
#pragma once

#include <memory>
#include <string>

#include "filter/frame_stream.h"
#include "filter/socket_options.h"
#include "filter/tls_handshake.h"
#include "io/listener.h"
#include "io/socket_connector.h"

namespace colo {

class SocketPort final : private FrameStream::Owner, private TlsHandshake::Owner {
  public:
    /// Called from the loop, never from within a call into the port. May destroy the port.
    class Observer {
      public:
        virtual void port_opened() = 0;
        virtual void port_closed(const std::string& reason) = 0;

      protected:
        ~Observer() = default;
    };

    /// Listens or connects at once; a name is looked up meanwhile. `what`: of whom errors and messages speak.
    /// Throws std::runtime_error when it cannot listen, or is refused at once and is not to try again.
    SocketPort(EventLoop& loop, FramePool& pool, std::string what, const SocketOptions& options,
               Observer& observer);

    FrameStream& stream() { return stream_; }
    const FrameStream& stream() const { return stream_; }
    bool is_connected() const { return stream_.is_open(); }
    /// What is set up depends on a peer that has not come yet: wait=on, or a client that does not try
    /// again. Throws std::runtime_error when that client has failed.
    bool is_waiting() const;
    const EndpointCounters& counters() const { return counters_; }
    /// Where it listens (with the port that was taken), or what it connects to.
    std::string name() const { return listener_ ? listener_->name() : options_.name(); }

  private:
    void stream_ended(const std::string& reason) override;
    void start();
    void watch_listener();
    void accept_client();
    void connect();
    void connected(FileDescriptor fd, const std::string& error);
    void connect_failed(const std::string& why);
    void take_peer(FileDescriptor fd);
    void open_stream(FileDescriptor fd, std::unique_ptr<TlsSession> tls);
    // TlsHandshake::Owner
    void handshake_done(FileDescriptor fd, std::unique_ptr<TlsSession> tls) override;
    void handshake_failed(const std::string& why) override;
    void connect_later();

    EventLoop& loop_;
    std::string what_;
    SocketOptions options_;
    Observer& observer_;
    EndpointCounters counters_;
    FrameStream stream_;
    std::unique_ptr<Listener> listener_;
    std::string failure_;        ///< of a client that will not try again
    std::string told_;           ///< the failure told last: attempts in a row that fail alike are one message
    bool is_set_up_ = false;     ///< there is somebody to tell
    SourcePtr acceptable_;
    std::unique_ptr<SocketConnector> connecting_;
    SourcePtr again_;
    std::unique_ptr<TlsHandshake> handshake_;
};

}  // namespace colo
