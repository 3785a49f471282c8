// SPDX-License-Identifier: GPL-2.0-or-later
// A stream joined to a descriptor, both ways: what one has the other gets, and the end of a direction is
// the end of that direction. No byte is read that there is no room for, so whoever is slow slows the
// other end down, and nobody else.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "io/event_loop.h"
#include "io/file_descriptor.h"
#include "io/lifeline.h"
#include "link/stream.h"

namespace colo {

class StreamPump final : private Stream::User {
  public:
    /// Once; may destroy the pump. With kOk all bytes of both directions have arrived.
    using Done = std::function<void(const LinkStatus& status)>;

    /// `fd`: a connected stream socket, without blocking. `what`: who is at its other end, for messages:
    /// "incoming QEMU".
    StreamPump(EventLoop& loop, std::unique_ptr<Stream> stream, FileDescriptor fd, std::string what,
               Done done);
    StreamPump(const StreamPump&) = delete;
    StreamPump& operator=(const StreamPump&) = delete;

    const Stream& stream() const { return *stream_; }
    /// There is something to carry and no room for it: the descriptor takes nothing, or the peer does not.
    bool is_waiting() const { return writable_ || (!readable_ && !input_over_); }
    /// At once, also while nobody reads.
    void cancel(const LinkStatus& why);

  private:
    void stream_readable(Stream& stream) override;
    void stream_writable(Stream& stream) override;
    void stream_over(Stream& stream, const LinkStatus& status) override;

    void fd_readable();
    bool read_some();
    void drain_stream();
    void watch_input(bool on);
    void watch_output(bool on);
    void fd_failed(int error, const char* doing);
    void end(const LinkStatus& status);

    EventLoop& loop_;
    std::unique_ptr<Stream> stream_;
    FileDescriptor fd_;
    const std::string what_;
    Done done_;
    bool input_over_ = false;  ///< the descriptor has ended
    SourcePtr readable_;
    SourcePtr writable_;
    SourcePtr ending_;
    Lifeline lifeline_;
};

/// "1,204,224 bytes"
std::string bytes_text(uint64_t count);

}  // namespace colo
