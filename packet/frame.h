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
class ReceiveBuffer;

/// Largest frame anything in the project handles: QEMU's NET_BUFSIZE (4096 + 65536 bytes).
inline constexpr uint32_t kMaxFrameBytes = 69632;

/// Longest frame a capture may speak of; one that claims more counts as this long.
inline constexpr uint32_t kMaxWireBytes = 0xffffff;

/// Largest vnet header: virtio_net_hdr_v1_hash.
inline constexpr uint32_t kMaxFront = 20;

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
          data_(other.data_),
          size_(other.size_),
          wire_size_(other.wire_size_),
          front_(other.front_) {}
    Frame& operator=(Frame&& other) noexcept {
        if (this != &other) {
            reset();
            buffer_ = std::exchange(other.buffer_, nullptr);
            data_ = other.data_;
            size_ = other.size_;
            wire_size_ = other.wire_size_;
            front_ = other.front_;
        }
        return *this;
    }
    ~Frame() { reset(); }

    explicit operator bool() const { return buffer_ != nullptr; }

    /// A second handle on the same bytes.
    Frame share() const {
        Frame twin;
        twin.buffer_ = buffer_;
        twin.data_ = data_;
        twin.size_ = size_;
        twin.wire_size_ = wire_size_;
        twin.front_ = front_;
        if (buffer_) ++buffer_->references;
        return twin;
    }

    Bytes bytes() const { return {data(), size_}; }
    MutableBytes mutable_bytes() { return {data_, size_}; }
    const uint8_t* data() const { return data_; }
    /// Bytes that are here.
    uint32_t size() const { return size_; }
    /// Bytes the frame had on the wire; more than size() when a capture's snaplen cut it.
    uint32_t wire_size() const { return wire_size_; }
    /// The vnet header that came with the frame (virtio_net_hdr), which lies right before data(); empty
    /// when there is none.
    Bytes front() const { return {data_ - front_, front_}; }
    /// How many bytes in memory right before front() may be read: a stream's prefix, if the frame lies
    /// where it was received. What they are is for the reader to find out.
    static constexpr uint32_t kReadableBefore = sizeof(FrameBuffer);
    /// Whether both are handles on one buffer.
    bool shares_buffer(const Frame& other) const { return buffer_ == other.buffer_; }
    /// From here on the frame has no vnet header; its bytes stay where they are.
    void drop_front() { front_ = 0; }
    /// Leaves the first `skip` bytes out; the next `front` become the vnet header. size() must be more.
    void split_front(uint32_t skip, uint32_t front) {
        data_ += skip + front;
        size_ -= skip + front;
        wire_size_ -= skip + front;
        front_ = front;
    }
    /// Whether somebody else has a handle on the buffer, too (the receive buffer it came from counts).
    bool is_shared() const { return buffer_->references > 1; }
    /// What holding this frame costs, for the byte caps.
    uint32_t memory() const { return buffer_->capacity + sizeof(FrameBuffer); }

    inline void reset();

  private:
    friend class FramePool;
    friend class ReceiveBuffer;

    FrameBuffer* buffer_ = nullptr;
    uint8_t* data_ = nullptr;
    uint32_t size_ = 0;
    uint32_t wire_size_ : 24 = 0;
    uint32_t front_ : 8 = 0;
};
static_assert(sizeof(Frame) == 24);

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
    /// The same with a vnet header in front (at most kMaxFront bytes).
    Frame copy_with_front(Bytes front, Bytes bytes);

  private:
    friend class Frame;
    friend class ReceiveBuffer;

    /// A whole ReceiveBuffer's.
    static constexpr uint32_t kSlabBytes = 256u << 10;
    static constexpr uint32_t kClassBytes[] = {256, 2048, 16384, kMaxFrameBytes + kMaxFront,
                                               kSlabBytes};
    static constexpr size_t kClasses = sizeof kClassBytes / sizeof kClassBytes[0];
    /// Idle buffers kept a class, in bytes; what comes back above it is freed.
    static constexpr size_t kMaxIdleBytes = 32u << 20;

    static size_t class_of(uint32_t size);
    FrameBuffer* take(uint32_t size);
    void recycle(FrameBuffer* buffer);

    FrameBuffer* idle_[kClasses] = {};
    size_t idle_bytes_[kClasses] = {};
    uint32_t slabs_ = 0;  ///< in use
};

inline void Frame::reset() {
    if (buffer_ && --buffer_->references == 0) buffer_->pool->recycle(buffer_);
    buffer_ = nullptr;
}

}  // namespace colo
