// SPDX-License-Identifier: GPL-2.0-or-later
// Who answers a stream that the peer has opened. Services look after themselves and say when they end.
#pragma once

#include <functional>
#include <memory>

#include "link/stream.h"

namespace colo {

class StreamService : protected Stream::User {
  public:
    using Done = std::function<void(const LinkStatus& status)>;

    StreamService(const StreamService&) = delete;
    StreamService& operator=(const StreamService&) = delete;
    virtual ~StreamService() = default;

    const Stream& stream() const { return *stream_; }

  protected:
    /// `done`: once, may destroy the service.
    StreamService(std::unique_ptr<Stream> stream, Done done)
        : stream_(std::move(stream)), done_(std::move(done)) {
        stream_->set_user(this);
    }

    Stream& stream() { return *stream_; }
    /// Why it cannot go on; both ends are told.
    void fail(LinkStatus why) {
        stream_->abort(why);
        end(why);
    }

  private:
    void stream_over(Stream&, const LinkStatus& status) override { end(status); }
    void end(const LinkStatus& status) {
        const Done done = std::move(done_);
        if (done) done(status);
    }

    std::unique_ptr<Stream> stream_;
    Done done_;
};

/// Sends back what comes.
class EchoService final : public StreamService {
  public:
    static constexpr const char* kName = "echo";
    EchoService(std::unique_ptr<Stream> stream, Done done)
        : StreamService(std::move(stream), std::move(done)) {}

  private:
    void stream_readable(Stream&) override { copy(); }
    void stream_writable(Stream&) override { copy(); }
    void copy();
};

/// Reads what comes, and finishes when it ends.
class DiscardService final : public StreamService {
  public:
    static constexpr const char* kName = "discard";
    DiscardService(std::unique_ptr<Stream> stream, Done done)
        : StreamService(std::move(stream), std::move(done)) {}

  private:
    void stream_readable(Stream& stream) override;
    void stream_writable(Stream&) override {}
};

}  // namespace colo
