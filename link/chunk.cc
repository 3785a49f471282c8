// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/chunk.h"

#include <utility>

namespace colo {

ChunkPtr ChunkPool::take() {
    if (idle_.empty()) return ChunkPtr(new Chunk);  // its bytes stay as they are
    ChunkPtr chunk = std::move(idle_.back());
    idle_.pop_back();
    chunk->begin = chunk->end = 0;
    return chunk;
}

void ChunkPool::give(ChunkPtr chunk) {
    if (idle_.size() < kMaxIdle) idle_.push_back(std::move(chunk));
}

}  // namespace colo
