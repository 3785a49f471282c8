// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/receive_buffer.h"

#include <cstring>


namespace colo {

MutableBytes ReceiveBuffer::space() {
    static_assert(FramePool::kSlabBytes >= kLeastSpace + kMaxFrameBytes + kMaxFront + 8);
    if (!slab_) begin_slab();
    const bool is_ours_alone = slab_->references == 1;
    if (begin_ == end_ && is_ours_alone) begin_ = end_ = 0;
    if (FramePool::kSlabBytes - end_ < kLeastSpace) begin_slab();
    return {slab_->bytes() + end_, FramePool::kSlabBytes - end_};
}

/// Goes on in another slab (or at this one's beginning, when nobody else uses it) with what is pending.
void ReceiveBuffer::begin_slab() {
    FrameBuffer* last = slab_;
    const Bytes rest = pending();
    const bool reuse = last && last->references == 1;
    if (!reuse) {
        slab_ = pool_.take(FramePool::kSlabBytes);
        ++pool_.slabs_;
    }
    if (!rest.empty()) std::memmove(slab_->bytes(), rest.data(), rest.size());
    begin_ = 0;
    end_ = static_cast<uint32_t>(rest.size());
    if (last && !reuse && --last->references == 0) pool_.recycle(last);
}

Frame ReceiveBuffer::take(uint32_t front, uint32_t size) {
    uint8_t* at = slab_->bytes() + begin_;
    begin_ += front + size;
    if (pool_.slabs_ > kMaxSlabs) [[unlikely]] {
        return pool_.copy_with_front({at, front}, {at + front, size});
    }
    Frame frame;
    frame.buffer_ = slab_;
    ++slab_->references;
    frame.data_ = at + front;
    frame.size_ = frame.wire_size_ = size;
    frame.front_ = static_cast<uint8_t>(front);
    return frame;
}

void ReceiveBuffer::clear() {
    begin_ = end_ = 0;
    drop_slab();
}

void ReceiveBuffer::drop_slab() {
    if (slab_ && --slab_->references == 0) pool_.recycle(slab_);
    slab_ = nullptr;
}

}  // namespace colo
