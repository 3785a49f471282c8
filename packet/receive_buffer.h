// SPDX-License-Identifier: GPL-2.0-or-later
// Bytes from a stream socket, and the frames in them, where they lie: a big read takes many frames in
// with one system call and without a copy. A frame keeps its slab alive; while a flow's output is held,
// a small frame can so keep 256 KiB. Above a number of slabs in use frames are copied instead, which
// bounds that.
#pragma once

#include <cstdint>

#include "packet/bytes.h"
#include "packet/frame.h"

namespace colo {

class ReceiveBuffer {
  public:
    /// `pool` must outlive the buffer.
    explicit ReceiveBuffer(FramePool& pool) : pool_(pool) {}
    ~ReceiveBuffer() { drop_slab(); }
    ReceiveBuffer(const ReceiveBuffer&) = delete;
    ReceiveBuffer& operator=(const ReceiveBuffer&) = delete;

    /// Where to read into, with room for the largest frame and what stands before it. What is pending may
    /// move.
    MutableBytes space();
    /// `count` bytes were read into space().
    void commit(size_t count) { end_ += static_cast<uint32_t>(count); }

    /// Read and not taken yet.
    Bytes pending() const { return {bytes() + begin_, static_cast<size_t>(end_ - begin_)}; }
    /// Drops the first `count` pending bytes.
    void skip(size_t count) { begin_ += static_cast<uint32_t>(count); }
    /// Takes a frame off pending(): `front` bytes of vnet header and `size` bytes of frame.
    Frame take(uint32_t front, uint32_t size);
    /// Forgets all that is pending.
    void clear();

  private:
    /// Slabs in use above which frames are copied: 64 MiB.
    static constexpr uint32_t kMaxSlabs = 256;
    /// Any frame fits; a read shorter than this is not worth its system call: a new slab is begun.
    static constexpr uint32_t kLeastSpace = kMaxFrameBytes + 64;

    const uint8_t* bytes() const { return slab_ ? slab_->bytes() : nullptr; }
    void drop_slab();
    void begin_slab();

    FramePool& pool_;
    FrameBuffer* slab_ = nullptr;
    uint32_t begin_ = 0;
    uint32_t end_ = 0;
};

}  // namespace colo
