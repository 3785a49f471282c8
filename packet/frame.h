// SPDX-License-Identifier: GPL-2.0-or-later
// Frames and the memory they live in.
//
// A Frame is a handle on bytes in a reference-counted buffer. Holding a frame back costs a pointer,
// not a copy, and a frame that is compared and released at once is never copied at all. Counts are
// not atomic: a pool and its frames belong to one thread.
//
// Ownership: a Frame owns one reference; moving hands it over, share() makes another. The pool must
// outlive its frames.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "packet/bytes.h"

namespace colo {

class FramePool;

/// Largest frame anything in the project handles: QEMU's NET_BUFSIZE (4096 + 65536 bytes).
inline constexpr uint32_t kMaxFrameBytes = 69632;

/// Header in front of each buffer's bytes.
struct FrameBuffer {
    FramePool* pool;
    FrameBuffer* next_free;
    uint32_t references;
    uint32_t capacity;

    uint8_t* bytes() { return reinterpret_cast<uint8_t*>(this + 1); }
};

class Frame {
  public:
    Frame() = default;
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;
    Frame(Frame&& other) noexcept
        : buffer_(std::exchange(other.buffer_, nullptr)),
          size_(other.size_),
          wire_size_(other.wire_size_) {}
    Frame& operator=(Frame&& other) noexcept {
        if (this != &other) {
            reset();
            buffer_ = std::exchange(other.buffer_, nullptr);
            size_ = other.size_;
            wire_size_ = other.wire_size_;
        }
        return *this;
    }
    ~Frame() { reset(); }

    explicit operator bool() const { return buffer_ != nullptr; }

    /// A second handle on the same bytes.
    Frame share() const {
        Frame twin;
        twin.buffer_ = buffer_;
        twin.size_ = size_;
        twin.wire_size_ = wire_size_;
        if (buffer_) ++buffer_->references;
        return twin;
    }

    Bytes bytes() const { return {data(), size_}; }
    MutableBytes mutable_bytes() { return {buffer_->bytes(), size_}; }
    const uint8_t* data() const { return buffer_->bytes(); }
    /// Bytes that are here.
    uint32_t size() const { return size_; }
    /// Bytes the frame had on the wire; more than size() when a capture's snaplen cut it.
    uint32_t wire_size() const { return wire_size_; }
    /// What holding this frame costs, for the byte caps.
    uint32_t memory() const { return buffer_->capacity + sizeof(FrameBuffer); }

    inline void reset();

  private:
    friend class FramePool;

    FrameBuffer* buffer_ = nullptr;
    uint32_t size_ = 0;
    uint32_t wire_size_ = 0;
};

/// Buffers of a few sizes, recycled; in the steady state nothing is allocated.
class FramePool {
  public:
    FramePool() = default;
    FramePool(const FramePool&) = delete;
    FramePool& operator=(const FramePool&) = delete;
    ~FramePool();

    /// A frame of `size` uninitialised bytes; an empty handle when size exceeds kMaxFrameBytes.
    Frame make(uint32_t size);
    /// A frame with a copy of `bytes`, empty as above. wire_size: see Frame; 0 means bytes.size().
    Frame copy(Bytes bytes, uint32_t wire_size = 0);

  private:
    friend class Frame;

    static constexpr uint32_t kClassBytes[] = {256, 2048, 16384, kMaxFrameBytes};
    static constexpr size_t kClasses = sizeof kClassBytes / sizeof kClassBytes[0];
    /// Idle buffers kept a class, in bytes; what comes back above it is freed.
    static constexpr size_t kMaxIdleBytes = 32u << 20;

    static size_t class_of(uint32_t size);
    void recycle(FrameBuffer* buffer);

    FrameBuffer* idle_[kClasses] = {};
    size_t idle_bytes_[kClasses] = {};
};

inline void Frame::reset() {
    if (buffer_ && --buffer_->references == 0) buffer_->pool->recycle(buffer_);
    buffer_ = nullptr;
}

}  // namespace colo
