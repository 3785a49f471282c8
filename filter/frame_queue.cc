// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/frame_queue.h"

#include <utility>

#include "io/stream_socket.h"

namespace colo {

namespace {

/// Within it the counting of frames is coarse; a slab is smaller anyway.
constexpr uint32_t kMaxPieceBytes = 1u << 20;

bool lies_before(const uint8_t* begin, const uint8_t* prefix, Framing framing) {
    if (framing == Framing::kVnet) {
        return load_native<uint64_t>(begin - 8) == load_native<uint64_t>(prefix);
    }
    return load_native<uint32_t>(begin - 4) == load_native<uint32_t>(prefix);
}

}  // namespace

void FrameQueue::push(Frame&& frame, Framing framing) {
    const bool with_front = framing == Framing::kVnet;
    const uint32_t front = static_cast<uint32_t>(frame.front().size());
    const uint32_t size = frame.size() + (with_front ? front : 0);
    const uint8_t* const begin = with_front ? frame.front().data() : frame.data();
    const uint32_t prefix_bytes = prefix_size(framing);
    std::array<uint8_t, kMaxPrefix> prefix;
    store_be32(prefix.data(), size);
    if (with_front) store_be32(prefix.data() + 4, front);

    ++frames_;
    bytes_ += prefix_bytes + size;
    // A front that stays behind lies where the prefix would, and may be changed by who shares it.
    const bool in_place = (with_front || front == 0) && lies_before(begin, prefix.data(), framing);
    const uint32_t before = in_place ? prefix_bytes : 0;
    if (in_place && extend_last(frame, begin - before, size + before)) return frame.reset();
    Piece& piece = pieces_.push();
    piece.frame = std::move(frame);
    piece.at = begin - before;
    piece.size = size + before;
    piece.frames = 1;
    piece.prefix_size = prefix_bytes - before;
    piece.prefix = prefix;
}

bool FrameQueue::extend_last(const Frame& frame, const uint8_t* begin, uint32_t size) {
    if (pieces_.empty()) return false;
    Piece& last = pieces_.back();
    if (last.at + last.size != begin || !last.frame.shares_buffer(frame)) return false;
    if (last.size + size > kMaxPieceBytes) return false;
    last.size += size;
    ++last.frames;
    return true;
}

size_t FrameQueue::gather(std::span<iovec> vectors) const {
    size_t used = 0;
    size_t skip = written_;
    for (size_t i = 0; i < pieces_.size() && used + 2 <= vectors.size(); ++i) {
        const Piece& piece = pieces_[i];
        if (skip < piece.prefix_size) {
            vectors[used++] = to_iovec(piece.prefix.data() + skip, piece.prefix_size - skip);
            skip = 0;
        } else {
            skip -= piece.prefix_size;
        }
        if (skip < piece.size) vectors[used++] = to_iovec(piece.at + skip, piece.size - skip);
        skip = 0;
    }
    return used;
}

size_t FrameQueue::consume(size_t count) {
    bytes_ -= count;
    written_ += count;
    size_t done = 0;
    while (!pieces_.empty()) {
        const Piece& piece = pieces_.front();
        const size_t whole = size_t{piece.prefix_size} + piece.size;
        if (written_ < whole) break;
        written_ -= whole;
        done += piece.frames;
        pieces_.pop();
    }
    frames_ -= done;
    return done;
}

size_t FrameQueue::clear() {
    pieces_.clear();
    bytes_ = written_ = 0;
    return std::exchange(frames_, 0);
}

}  // namespace colo
