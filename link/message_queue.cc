// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/message_queue.h"

#include <cstring>
#include <utility>

namespace colo {

void MessageQueue::push(MessageHeader& header, std::initializer_list<Bytes> payload) {
    header.length = kHeaderBytes;
    for (const Bytes& part : payload) header.length += static_cast<uint32_t>(part.size());
    Chunk& chunk = chunk_for(header.length);
    uint8_t* at = chunk.bytes + chunk.end;
    encode(header, at);
    at += kHeaderBytes;
    for (const Bytes& part : payload) {
        if (part.empty()) continue;
        std::memcpy(at, part.data(), part.size());
        at += part.size();
    }
    chunk.end += header.length;
    bytes_ += header.length;
}

Chunk& MessageQueue::chunk_for(uint32_t size) {
    if (chunks_.empty() || chunks_.back()->room() < size) chunks_.push() = pool_.take();
    return *chunks_.back();
}

ChunkPtr MessageQueue::pop() {
    ChunkPtr chunk = std::move(chunks_.front());
    chunks_.pop();
    bytes_ -= chunk->size();
    return chunk;
}

void MessageQueue::clear() {
    while (!empty()) pool_.give(pop());
}

}  // namespace colo
