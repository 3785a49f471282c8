// SPDX-License-Identifier: GPL-2.0-or-later
// A stream of the peer's, carried on to a socket of this host: connects, then pumps.
#pragma once

#include <memory>
#include <string>

#include "io/socket_connector.h"
#include "link/stream_pump.h"

namespace colo {

class StreamForward final : private Stream::User {
  public:
    /// `what`: who is there, for messages: "incoming QEMU at unix:in.sock". `done` as StreamPump's.
    StreamForward(EventLoop& loop, std::unique_ptr<Stream> stream, const ListenAddress& target,
                  std::string what, StreamPump::Done done);
    StreamForward(const StreamForward&) = delete;
    StreamForward& operator=(const StreamForward&) = delete;

    bool is_connected() const { return pump_ != nullptr; }
    bool is_waiting() const { return pump_ && pump_->is_waiting(); }
    const Stream& stream() const { return pump_ ? pump_->stream() : *stream_; }
    void cancel(const LinkStatus& why);

  private:
    void stream_readable(Stream&) override {}
    void stream_writable(Stream&) override {}
    void stream_over(Stream& stream, const LinkStatus& status) override;
    void connect();
    void connected(FileDescriptor fd, const std::string& error);
    void end(const LinkStatus& status);

    EventLoop& loop_;
    std::unique_ptr<Stream> stream_;  ///< until it is connected
    const ListenAddress target_;
    const std::string what_;
    StreamPump::Done done_;
    SourcePtr beginning_;
    std::unique_ptr<SocketConnector> connecting_;
    SourcePtr ending_;
    std::unique_ptr<StreamPump> pump_;
};

}  // namespace colo
