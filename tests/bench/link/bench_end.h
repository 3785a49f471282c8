// SPDX-License-Identifier: GPL-2.0-or-later
// An end of a link on a socket that is connected already, in a process that does nothing else.
#pragma once

#include <list>
#include <memory>
#include <string>

#include "io/event_loop.h"
#include "link/link_connection.h"
#include "link/stream_pump.h"
#include "link/stream_service.h"

namespace colo::bench {

using Credentials = std::shared_ptr<TlsCredentials>;

class BenchEnd : protected LinkUser {
  public:
    BenchEnd(int fd, bool connected, const Credentials& tls);
    BenchEnd(const BenchEnd&) = delete;
    BenchEnd& operator=(const BenchEnd&) = delete;

    EventLoop& loop() { return loop_; }
    LinkSession& session() { return link_->session(); }

  protected:
    ~BenchEnd() = default;

    void link_up(const Hello&) override { is_up_ = true; }
    void link_over(const LinkStatus& status) override;

    bool is_up_ = false;
    bool is_over_ = false;
    LinkStatus ending_;

  private:
    EventLoop loop_;
    FramePool pool_;

  protected:
    std::unique_ptr<LinkConnection> link_;
};

/// The end that begins all.
class BenchCaller final : public BenchEnd {
  public:
    /// Returns when the link is up.
    explicit BenchCaller(int fd, const Credentials& tls = nullptr);
    /// Says goodbye.
    ~BenchCaller();

    /// Never empty: throws std::runtime_error.
    std::unique_ptr<Stream> open(const char* service);
};

/// The end that answers: calls at once, and streams to these services, until the caller leaves.
class BenchServer final : public BenchEnd {
  public:
    static constexpr const char* kSink = "sink";    ///< into a descriptor
    static constexpr const char* kAcks = "acks";    ///< a byte for each block of kAckedBytes
    static constexpr const char* kStuck = "stuck";  ///< nobody reads; a control message tells of its end
    static constexpr size_t kAckedBytes = 64 << 10;

    /// `sink`: of kSink, for one stream; -1: there is none.
    explicit BenchServer(int fd, const Credentials& tls = nullptr, int sink = -1);

    void run();

  private:
    class Acks;
    class Stuck;

    bool control_call(const ControlHeader& header, Bytes) override;
    void stream_offered(std::unique_ptr<Stream> stream) override;
    StreamService::Done done();

    FileDescriptor sink_;
    std::unique_ptr<StreamPump> pump_;
    std::list<std::unique_ptr<StreamService>> services_;
};

/// Writes into a stream as long as there is room, until so much is written.
class StreamWriter final : private Stream::User {
  public:
    StreamWriter(EventLoop& loop, std::unique_ptr<Stream> stream, uint64_t total);

    /// Until the other end has consumed all. Throws std::runtime_error when it has not.
    void finish();

  private:
    void stream_readable(Stream&) override {}
    void stream_writable(Stream&) override { write(); }
    void stream_over(Stream&, const LinkStatus&) override { is_over_ = true; }
    void write();

    EventLoop& loop_;
    std::unique_ptr<Stream> stream_;
    uint64_t left_;
    bool is_over_ = false;
};

/// A socket that is inherited, as the link wants it.
FileDescriptor without_blocking(int fd);

}  // namespace colo::bench
