// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/outbox.h"

#include <algorithm>
#include <utility>

namespace colo {

ChunkPtr Outbox::next() {
    if (!urgent_.empty()) return urgent_.pop();
    if (!packets_.empty()) return packets_.pop();
    if (closing_ || committed_ > kBulkCommitted) return nullptr;
    return bulk_.next_bulk();
}

void Outbox::commit_more() {
    while (committed_ < kMostCommitted) {
        ChunkPtr chunk = next();
        if (!chunk) return;
        committed_ += chunk->size();
        wire_.push() = std::move(chunk);
    }
}

size_t Outbox::gather(std::span<iovec> vectors) {
    commit_more();
    const size_t used = std::min(vectors.size(), wire_.size());
    for (size_t i = 0; i < used; ++i) {
        Chunk& chunk = *wire_[i];
        vectors[i] = {chunk.bytes + chunk.begin, chunk.size()};
    }
    return used;
}

void Outbox::consume(size_t count) {
    committed_ -= count;
    while (count > 0) {
        Chunk& chunk = *wire_.front();
        const auto part = static_cast<uint32_t>(std::min<size_t>(count, chunk.size()));
        chunk.begin += part;
        count -= part;
        if (chunk.size() > 0) return;
        pool_.give(std::move(wire_.front()));
        wire_.pop();
    }
}

void Outbox::drop_all_but_urgent() {
    closing_ = true;
    packets_.clear();
}

}  // namespace colo
