// SPDX-License-Identifier: GPL-2.0-or-later
// Whole frames that wait for something, in order, within limits. What there is no room for is its user's
// to count.
#pragma once

#include <utility>

#include "filter/queue_limits.h"
#include "io/ring.h"
#include "packet/frame.h"

namespace colo {

class WaitingFrames {
  public:
    void set_limits(const QueueLimits& limits) { limits_ = limits; }
    /// One frame fits always.
    bool has_room_for(const Frame& frame) const {
        return frames_.empty() || (frames_.size() < limits_.frames && bytes_ + frame.size() <= limits_.bytes);
    }
    void push(Frame&& frame) {
        bytes_ += frame.size();
        frames_.push() = std::move(frame);
    }
    /// The oldest; there is one.
    Frame pop() {
        Frame frame = std::move(frames_.front());
        frames_.pop();
        bytes_ -= frame.size();
        return frame;
    }
    void clear() {
        frames_.clear();
        bytes_ = 0;
    }

    bool empty() const { return frames_.empty(); }
    size_t size() const { return frames_.size(); }
    size_t bytes() const { return bytes_; }
    /// 0 is the oldest.
    const Frame& operator[](size_t index) const { return frames_[index]; }

  private:
    QueueLimits limits_;
    Ring<Frame> frames_;
    size_t bytes_ = 0;
};

}  // namespace colo
