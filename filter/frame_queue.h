// SPDX-License-Identifier: GPL-2.0-or-later
// Frames on their way to a stream, in order, each behind its prefix.
//
// A frame that came from a stream of the same framing still has its prefix right before it in memory; it
// is sent from there, and frames that follow each other in memory are one piece. So what was received in
// one read and is sent in the same order is sent in one piece. Nothing is written into a frame's memory:
// other handles may share it.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "filter/framing.h"
#include "filter/queue_limits.h"
#include "io/ring.h"

namespace colo {

class FrameQueue {
  public:
    void set_limits(const QueueLimits& limits) { limits_ = limits; }
    /// Whether `frame` can be added within the limits. One frame fits always.
    bool has_room_for(const Frame& frame) const {
        return frames_ == 0 || (frames_ < limits_.frames &&
                                bytes_ + frame.size() + kMaxFront + kMaxPrefix <= limits_.bytes);
    }
    /// With Framing::kPlain the frame's front() stays behind: there is no room for it on the stream.
    void push(Frame&& frame, Framing framing);

    bool empty() const { return pieces_.empty(); }
    size_t bytes() const { return bytes_; }
    /// A frame counts until the last byte of its piece is gone.
    size_t frames() const { return frames_; }

    /// What to write next; returns how many of `vectors` are in use.
    size_t gather(std::span<iovec> vectors) const;
    /// The first `count` bytes of it have been written. Returns how many frames went with them.
    size_t consume(size_t count);
    /// Returns how many frames there were.
    size_t clear();

  private:
    struct Piece {
        Frame frame;  ///< keeps the memory
        const uint8_t* at = nullptr;
        uint32_t size = 0;
        uint32_t frames = 0;
        uint32_t prefix_size = 0;  ///< 0: the prefix lies at `at`
        std::array<uint8_t, kMaxPrefix> prefix{};
    };

    bool extend_last(const Frame& frame, const uint8_t* begin, uint32_t size);

    QueueLimits limits_;
    Ring<Piece> pieces_;
    size_t bytes_ = 0;
    size_t frames_ = 0;
    size_t written_ = 0;  ///< bytes of the first piece
};

}  // namespace colo
