// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/frame.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace colo {

namespace {

FrameBuffer* allocate(FramePool* pool, uint32_t capacity) {
    void* memory = std::malloc(sizeof(FrameBuffer) + capacity);
    if (!memory) throw std::bad_alloc();
    return new (memory) FrameBuffer{pool, nullptr, 0, capacity};
}

}  // namespace

FramePool::~FramePool() {
    for (FrameBuffer* buffer : idle_) {
        while (buffer) std::free(std::exchange(buffer, buffer->next_free));
    }
}

size_t FramePool::class_of(uint32_t size) {
    size_t index = 0;
    while (kClassBytes[index] < size) ++index;
    return index;
}

/// A buffer of at least `size` bytes, with one reference.
FrameBuffer* FramePool::take(uint32_t size) {
    const size_t index = class_of(size);
    FrameBuffer* buffer = idle_[index];
    if (buffer) {
        idle_[index] = buffer->next_free;
        idle_bytes_[index] -= buffer->capacity;
    } else {
        buffer = allocate(this, kClassBytes[index]);
    }
    buffer->references = 1;
    return buffer;
}

Frame FramePool::make(uint32_t size) {
    if (size > kMaxFrameBytes) return {};
    Frame frame;
    frame.buffer_ = take(size);
    frame.data_ = frame.buffer_->bytes();
    frame.size_ = frame.wire_size_ = size;
    return frame;
}

Frame FramePool::copy(Bytes bytes, uint32_t wire_size) {
    if (bytes.size() > kMaxFrameBytes) return {};
    Frame frame = make(static_cast<uint32_t>(bytes.size()));
    if (!bytes.empty()) std::memcpy(frame.data_, bytes.data(), bytes.size());
    if (wire_size > frame.size_) frame.wire_size_ = std::min(wire_size, kMaxWireBytes);
    return frame;
}

Frame FramePool::copy_with_front(Bytes front, Bytes bytes) {
    if (front.size() > kMaxFront || bytes.size() > kMaxFrameBytes) return {};
    Frame frame;
    frame.buffer_ = take(static_cast<uint32_t>(front.size() + bytes.size()));
    frame.data_ = frame.buffer_->bytes() + front.size();
    frame.size_ = frame.wire_size_ = static_cast<uint32_t>(bytes.size());
    frame.front_ = static_cast<uint8_t>(front.size());
    if (!front.empty()) std::memcpy(frame.buffer_->bytes(), front.data(), front.size());
    if (!bytes.empty()) std::memcpy(frame.data_, bytes.data(), bytes.size());
    return frame;
}

void FramePool::recycle(FrameBuffer* buffer) {
    const size_t index = class_of(buffer->capacity);
    if (buffer->capacity == kSlabBytes) --slabs_;
    if (idle_bytes_[index] >= kMaxIdleBytes) {
        std::free(buffer);
        return;
    }
    idle_bytes_[index] += buffer->capacity;
    buffer->next_free = idle_[index];
    idle_[index] = buffer;
}

}  // namespace colo
