// SPDX-License-Identifier: GPL-2.0-or-later
// One side's recording during a replay: the next frame, its time on the common clock, and whether it is
// output.
#pragma once

#include <optional>
#include <vector>

#include "filter/capture_reader.h"
#include "packet/address.h"
#include "packet/frame.h"
#include "packet/time.h"
#include "packet/view.h"

namespace colo {

struct RecordedFrame {
    Frame frame;
    Time time{0};  ///< as recorded, but never before the one in front of it
    bool output = false;
};

class Recording {
  public:
    Recording(const std::string& path, const std::vector<GuestAddress>& guests, FramePool& pool)
        : reader_(path), guests_(guests), pool_(pool) {
        advance();
    }

    /// The next frame; nothing at the end.
    const std::optional<RecordedFrame>& front() const { return front_; }
    RecordedFrame take() {
        RecordedFrame taken = std::move(*front_);
        advance();
        return taken;
    }
    void rewind() {
        reader_.rewind();
        last_time_ = Time::min();
        advance();
    }
    const std::string& truncated() const { return reader_.truncated(); }

  private:
    void advance() {
        front_.reset();
        const auto record = reader_.next();
        if (!record) return;
        last_time_ = std::max(last_time_, record->time);
        front_.emplace();
        front_->frame = pool_.copy(record->bytes, record->wire_size);
        front_->time = last_time_;
        front_->output = is_output(front_->frame);
    }

    bool is_output(const Frame& frame) const {
        if (guests_.empty()) return true;
        PacketView view;
        parse(frame.bytes(), frame.wire_size(), view);
        for (const GuestAddress& guest : guests_) {
            if (guest.is_from(view)) return true;
        }
        return false;
    }

    CaptureReader reader_;
    const std::vector<GuestAddress>& guests_;
    FramePool& pool_;
    Time last_time_ = Time::min();
    std::optional<RecordedFrame> front_;
};

}  // namespace colo
