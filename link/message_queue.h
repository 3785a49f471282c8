// SPDX-License-Identifier: GPL-2.0-or-later
// Messages of one rank that wait to be sent, first in first out, packed into chunks.
#pragma once

#include <initializer_list>

#include "io/ring.h"
#include "link/chunk.h"

namespace colo {

class MessageQueue {
  public:
    explicit MessageQueue(ChunkPool& pool) : pool_(pool) {}

    /// Sets the header's length. The payload is in parts. By reference: a header that has just been made cannot be
    /// copied before its bytes have left the processor's store buffer, and a packet would wait a tenth of its cost.
    void push(MessageHeader& header, std::initializer_list<Bytes> payload);
    void push(MessageHeader& header, Bytes payload = {}) { push(header, {payload}); }

    bool empty() const { return chunks_.empty(); }
    size_t bytes() const { return bytes_; }
    /// The oldest messages, as many as a chunk has. There are some.
    ChunkPtr pop();
    void clear();

  private:
    Chunk& chunk_for(uint32_t size);

    ChunkPool& pool_;
    Ring<ChunkPtr> chunks_;
    size_t bytes_ = 0;
};

}  // namespace colo
