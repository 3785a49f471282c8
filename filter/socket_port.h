// SPDX-License-Identifier: GPL-2.0-or-later
// One stream of frames with whoever is at a socket's other end: a server serves one client at a time, the
// next when the first has gone; a client tries again.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "filter/frame_stream.h"
#include "filter/socket_address.h"
#include "filter/socket_options.h"
#include "monitor/listener.h"

namespace colo {

class SocketPort final : private FrameStream::Owner {
  public:
    /// Called from the loop, never from within a call into the port. May destroy the port.
    class Observer {
      public:
        virtual void port_opened() = 0;
        virtual void port_closed(const std::string& reason) = 0;

      protected:
        ~Observer() = default;
    };

    /// Listens or connects at once. `what`: of whom errors and messages speak. Throws std::runtime_error
    /// when it cannot listen, or cannot connect and is not to try again.
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
    int connect_to_next();
    void connect_finished();
    void connect_failed(int error);
    void open_stream(FileDescriptor fd);
    void connect_later();
    void connect_again();

    EventLoop& loop_;
    std::string what_;
    SocketOptions options_;
    Observer& observer_;
    EndpointCounters counters_;
    FrameStream stream_;
    std::unique_ptr<Listener> listener_;
    std::vector<SocketAddress> addresses_;  ///< a client's
    size_t next_address_ = 0;
    FileDescriptor pending_;  ///< being connected
    std::string failure_;        ///< of a client that will not try again
    bool failure_told_ = false;  ///< one message for all attempts in a row
    SourcePtr acceptable_;
    SourcePtr connecting_;
    SourcePtr again_;
};

}  // namespace colo
