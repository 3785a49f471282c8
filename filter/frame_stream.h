// SPDX-License-Identifier: GPL-2.0-or-later
// The frames on one connected stream socket, both ways. Reads much at once; what is sent in one turn of
// the loop is written with one system call at its end. Stays when its connection ends, for the next one.
#pragma once

#include <string>

#include "filter/endpoint_counters.h"
#include "filter/event_loop.h"
#include "filter/frame_decoder.h"
#include "filter/frame_queue.h"
#include "filter/frame_sink.h"
#include "filter/lifeline.h"
#include "monitor/file_descriptor.h"

namespace colo {

class FrameStream final : private Flushable {
  public:
    class Owner {
      public:
        /// The connection is over, and the descriptor closed. May destroy the stream.
        virtual void stream_ended(const std::string& reason) = 0;

      protected:
        ~Owner() = default;
    };

    FrameStream(EventLoop& loop, FramePool& pool, EndpointCounters& counters, Owner& owner);

    /// Begins with a connected socket.
    void open(FileDescriptor fd);
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

    void flush() override;
    bool write_once();
    void write_failed(int error);
    void end_after_failed_write();
    void readable();
    Read read_batch(size_t share, bool until_empty);
    Read read_once(bool until_empty);
    bool deliver();
    void end(std::string reason);
    void update_watch();

    EventLoop& loop_;
    EndpointCounters& counters_;
    Owner& owner_;
    FileDescriptor fd_;
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
    SourcePtr readable_;
    SourcePtr writable_;  ///< there while the peer is to make room
    SourcePtr ending_;
    Lifeline lifeline_;
};

}  // namespace colo
