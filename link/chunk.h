// SPDX-License-Identifier: GPL-2.0-or-later
// Memory for messages on their way out: whole ones, one after the other. Chunks are recycled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "link/message_header.h"
#include "packet/bytes.h"

namespace colo {

struct Chunk {
    /// Any message fits.
    static constexpr uint32_t kBytes = 72u << 10;
    static_assert(kBytes >= kMaxMessageBytesOnLink);

    uint32_t begin = 0;  ///< of what is still to be used
    uint32_t end = 0;
    uint8_t bytes[kBytes];

    uint32_t size() const { return end - begin; }
    uint32_t room() const { return kBytes - end; }
    Bytes content() const { return {bytes + begin, size()}; }
    MutableBytes space() { return {bytes + end, room()}; }
};
using ChunkPtr = std::unique_ptr<Chunk>;

/// Belongs to one thread.
class ChunkPool {
  public:
    ChunkPtr take();
    void give(ChunkPtr chunk);

    /// Idle ones kept: 4.5 MiB.
    static constexpr size_t kMaxIdle = 64;

  private:
    std::vector<ChunkPtr> idle_;
};

}  // namespace colo
