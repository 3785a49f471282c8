// SPDX-License-Identifier: GPL-2.0-or-later
// The frames on one connected stream socket, both ways, in the clear or within TLS. Reads much at once; what is sent in one turn of
// the loop is written with one system call at its end. Stays when its connection ends, for the next one.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "filter/endpoint_counters.h"
#include "filter/frame_decoder.h"
#include "filter/frame_queue.h"
#include "filter/frame_sink.h"
#include "io/event_loop.h"
#include "io/file_descriptor.h"
#include "io/lifeline.h"
#include "link/tls_session.h"

namespace colo {

class FrameStream final : private FdWatch::Owner, private Flushable {
  public:
    class Owner {
      public:
        /// The connection is over, and the descriptor closed. May destroy the stream.
        virtual void stream_ended(const std::string& reason) = 0;

      protected:
        ~Owner() = default;
    };

    FrameStream(EventLoop& loop, FramePool& pool, EndpointCounters& counters, Owner& owner);

    /// Begins with a connected socket, and its TLS session once hands are shaken.
    void open(FileDescriptor fd, std::unique_ptr<TlsSession> tls = nullptr);
    bool is_open() const { return static_cast<bool>(fd_); }
    /// Ends the connection without stream_ended().
    void close();

    /// From the next frame on; one that has come in part is read as it began. The stream reads from the
    /// first call on: before, nobody knows where a frame ends.
    void set_framing(Framing in, Framing out);
    /// nullptr: frames are discarded and counted. May be called from within the sink.
    void set_sink(FrameSink* sink) { sink_ = sink; }
    void set_limits(const QueueLimits& limits) { queue_.set_limits(limits); }

    /// Takes the frame only with kQueued.
    SendResult send(Frame&& frame);

    /// While reading is paused only drain() reads.
    void pause_reading(bool paused);
    /// Reads until there is nothing. False: to be called again, because it ended inside a frame, or there
    /// was too much of it, or this is called from within the sink. A stream that is not open has nothing.
    bool drain();

    /// Bytes that are queued here and, as far as the system tells, by the peer not yet read.
    size_t unsent() const;

  private:
    enum class Read { kSome, kEmpty, kOver };

    FdWatch::Owner& watch_owner() { return *this; }
    void fd_ready(GIOCondition condition) override { condition == G_IO_OUT ? flush() : readable(); }
    void flush() override;
    bool write_once();
    bool write_plain();
    bool write_tls();
    bool is_writable_again(ssize_t size);
    bool has_output() const { return !queue_.empty() || (tls_ && !tls_->output().empty()); }
    void write_failed(std::string why);
    void end_after_failed_write();
    void readable();
    Read read_batch(size_t share, bool until_empty);
    Read read_once(bool until_empty);
    Read read_plain(bool until_empty);
    Read read_tls(bool until_empty);
    Read decrypt();
    Read read_ended(ssize_t size);
    bool deliver();
    void end(std::string reason);
    void update_watch();

    EventLoop& loop_;
    EndpointCounters& counters_;
    Owner& owner_;
    FileDescriptor fd_;
    std::unique_ptr<TlsSession> tls_;  ///< nullptr: in the clear
    ReceiveBuffer buffer_;
    FrameQueue queue_;
    FrameSink* sink_ = nullptr;
    Framing in_ = Framing::kPlain;
    Framing current_in_ = Framing::kPlain;  ///< of the frame that is being read
    Framing out_ = Framing::kPlain;
    bool has_framing_ = false;
    bool paused_ = false;
    bool in_batch_ = false;
    std::string read_failure_;   ///< why nothing more can be read; empty: it can
    std::string write_failure_;  ///< the same of writing
    std::optional<FdWatch> readable_;
    std::optional<FdWatch> writable_;  ///< there while the peer is to make room
    SourcePtr ending_;
    SourcePtr undecrypted_;  ///< came with the handshake
    Lifeline lifeline_;
};

}  // namespace colo
