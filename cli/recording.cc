// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/recording.h"

#include <algorithm>
#include <utility>

namespace colo {

Recording::Recording(const std::string& path, const std::vector<GuestAddress>& guests,
                     FramePool& pool)
    : reader_(path), guests_(guests), pool_(pool) {
    advance();
}

RecordedFrame Recording::take() {
    RecordedFrame taken = std::move(*front_);
    advance();
    return taken;
}

void Recording::rewind() {
    reader_.rewind();
    last_time_ = Time::min();
    advance();
}

void Recording::advance() {
    front_.reset();
    const auto record = reader_.next();
    if (!record) return;
    last_time_ = std::max(last_time_, record->time);
    front_.emplace();
    front_->frame = pool_.copy(record->bytes, record->wire_size);
    front_->view = parse(front_->frame.bytes(), front_->frame.wire_size());
    front_->time = last_time_;
    front_->output = is_output(front_->view);
}

bool Recording::is_output(const PacketView& view) const {
    return guests_.empty() || std::any_of(guests_.begin(), guests_.end(), [&](const auto& guest) {
               return guest.is_from(view);
           });
}

}  // namespace colo
