// SPDX-License-Identifier: GPL-2.0-or-later
// One side's recording during a replay: the next frame, parsed, its time, and whether it is output.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "filter/capture_reader.h"
#include "packet/address.h"
#include "packet/frame.h"
#include "packet/time.h"
#include "packet/view.h"

namespace colo {

struct RecordedFrame {
    Frame frame;
    PacketView view;  ///< of `frame`; stays good while the frame's bytes live
    Time time{0};     ///< as recorded, but never before the one in front of it
    bool output = false;
};

class Recording {
  public:
    /// `guests` and `pool` must outlive it. Throws CaptureError, as do take() and rewind().
    Recording(const std::string& path, const std::vector<GuestAddress>& guests, FramePool& pool);

    /// The next frame; nothing at the end.
    const std::optional<RecordedFrame>& front() const { return front_; }
    RecordedFrame take();
    void rewind();
    /// Known at the end: a message when the file ended inside a record, else empty.
    const std::string& truncated() const { return reader_.truncated(); }

  private:
    void advance();
    bool is_output(const PacketView& view) const;

    CaptureReader reader_;
    const std::vector<GuestAddress>& guests_;
    FramePool& pool_;
    Time last_time_ = Time::min();
    std::optional<RecordedFrame> front_;
};

}  // namespace colo
