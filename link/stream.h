// SPDX-License-Identifier: GPL-2.0-or-later
// Bytes both ways to a named service of the peer, or from a user of one of ours. Never waits: what there
// is no room for is told to the user when there is. Either side may end it at any time.
//
// A direction ends with finish(). The stream is over, with kOk, when both directions are finished and
// both sides have consumed all; or with a reason when either side aborts or the link goes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/ring.h"
#include "link/chunk.h"
#include "link/link_status.h"

namespace colo {

class StreamTable;

class Stream {
  public:
    /// Called from the link's turn of the loop, never from within a call into the stream. May destroy the
    /// stream, and the link.
    class User {
      public:
        /// peek() has something new, or at_end() has become true.
        virtual void stream_readable(Stream& stream) = 0;
        /// space() was empty and is not any more.
        virtual void stream_writable(Stream& stream) = 0;
        /// Once; not after abort(), whose caller knows. Nothing is called after it.
        virtual void stream_over(Stream& stream, const LinkStatus& status) = 0;

      protected:
        ~User() = default;
    };

    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    /// Aborts what is not over.
    ~Stream();

    /// What is there already is told in the next turn. nullptr: what comes waits.
    void set_user(User* user);

    uint32_t id() const { return id_; }
    const std::string& service() const { return service_; }
    const std::string& argument() const { return argument_; }
    /// Whether this side opened it.
    bool is_ours() const { return is_ours_; }

    // --- writing

    /// Where to write into; empty: nothing can be sent now, and the user is told when it can. What stands
    /// there goes out with commit(), which must follow, and nothing else of the stream's in between.
    MutableBytes space();
    /// `size` bytes were written into space(); may be 0.
    void commit(size_t size);
    /// Returns how much of it there was room for; less than all: the user is told.
    size_t write(Bytes bytes);
    /// Nothing follows. What has been written is still sent.
    void finish();
    bool is_finished() const { return finishing_; }
    /// Bytes written and not yet on their way.
    size_t queued() const { return queued_; }

    // --- reading

    /// What has come, or its beginning; valid until anything else is called.
    Bytes peek() const;
    /// Lets the peer send as much again.
    void consume(size_t size);
    size_t read(MutableBytes into);
    /// The peer has finished and all of it is consumed.
    bool at_end() const { return peer_finished_ && unread_ == 0 && status_.ok(); }

    // --- the end

    /// At once, whatever is under way in either direction. The text says what failed and what was under
    /// way; the peer sees it, with our name before it.
    void abort(LinkStatus why);
    bool is_over() const { return is_over_; }
    /// Once it is over.
    const LinkStatus& status() const { return status_; }

    uint64_t bytes_in() const { return bytes_in_; }    ///< consumed
    uint64_t bytes_out() const { return bytes_out_; }  ///< written

    /// Written and not on the wire: what an abort throws away.
    static constexpr size_t kMaxQueuedBytes = 256u << 10;

  private:
    friend class StreamTable;

    Stream(StreamTable& table, uint32_t id, bool is_ours, std::string service, std::string argument,
           uint32_t receive_window);

    size_t sendable() const;
    Chunk& last_chunk();
    ChunkPtr next_message();
    void send_finish();
    void send_done_if_due();
    void grant(size_t size);
    bool arrived(Bytes payload);
    void store(Bytes bytes);
    void over(LinkStatus status);
    void drop_buffers();

    StreamTable* table_;  ///< nullptr: over, and nothing to tell any more
    User* user_ = nullptr;
    const uint32_t id_;
    const bool is_ours_;
    const std::string service_;
    const std::string argument_;

    Ring<ChunkPtr> outgoing_;
    size_t queued_ = 0;
    uint64_t credit_ = 0;  ///< bytes that the peer has room for
    bool is_ready_ = false;    ///< in the table's list of those that have data
    bool wants_space_ = false;
    bool finishing_ = false;
    bool finish_sent_ = false;
    bool done_sent_ = false;

    Bytes arriving_;  ///< where it was received, during the user's call
    Ring<ChunkPtr> incoming_;
    size_t unread_ = 0;
    uint64_t window_;          ///< bytes that the peer may still send
    uint64_t ungranted_ = 0;   ///< consumed since the last credit
    bool peer_finished_ = false;
    bool peer_done_ = false;

    bool is_due_ = false;  ///< in the table's list of those to be told something
    bool due_readable_ = false;
    bool due_writable_ = false;
    bool due_over_ = false;
    bool is_over_ = false;
    LinkStatus status_;
    uint64_t bytes_in_ = 0;
    uint64_t bytes_out_ = 0;
};

}  // namespace colo
