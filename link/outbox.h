// SPDX-License-Identifier: GPL-2.0-or-later
// What goes out next. Urgent messages (link, control, heartbeat, what streams say of themselves) go before
// packets, packets before bulk data; what is of one rank stays in order. Little is committed to the wire
// ahead, so that what overtakes has little to wait for.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>

#include "link/message_queue.h"

namespace colo {

/// Where bulk data comes from.
class BulkSource {
  public:
    /// A message, its header included; nullptr: there is none. Must not call anybody back.
    virtual ChunkPtr next_bulk() = 0;

  protected:
    ~BulkSource() = default;
};

class Outbox {
  public:
    explicit Outbox(BulkSource& bulk) : bulk_(bulk) {}
    Outbox(const Outbox&) = delete;
    Outbox& operator=(const Outbox&) = delete;

    ChunkPool& pool() { return pool_; }
    MessageQueue& urgent() { return urgent_; }
    MessageQueue& packets() { return packets_; }
    const MessageQueue& urgent() const { return urgent_; }
    const MessageQueue& packets() const { return packets_; }

    /// What to write next; returns how many of `vectors` are in use. 0: nothing waits.
    size_t gather(std::span<iovec> vectors);
    /// The first `count` bytes of it have been written.
    void consume(size_t count);
    /// Bytes that gather() has given out and that are not consumed.
    size_t committed() const { return committed_; }

    /// Nothing is to follow but what is urgent and what has been begun.
    void drop_all_but_urgent();

    /// Committed at most, and of bulk data: more is begun below only.
    static constexpr size_t kMostCommitted = 256u << 10;
    static constexpr size_t kBulkCommitted = 64u << 10;

  private:
    void commit_more();
    ChunkPtr next();

    ChunkPool pool_;
    BulkSource& bulk_;
    MessageQueue urgent_{pool_};
    MessageQueue packets_{pool_};
    Ring<ChunkPtr> wire_;  ///< its order is fixed
    size_t committed_ = 0;
    bool closing_ = false;
};

}  // namespace colo
