// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/link_channel.h"

#include <utility>

namespace colo {

LinkChannel::LinkChannel(const std::string& link, Way way, Sender& sender)
    : Chardev(link, "colo-link"), way_(way), sender_(sender) {}

void LinkChannel::deliver(Frame&& frame, Time now) {
    counters_.bytes_in += frame.size();
    if (!user()) {
        ++counters_.discarded;
        return;
    }
    ++counters_.frames_in;
    in_batch_ = true;
    user()->frame(std::move(frame), now);
}

void LinkChannel::batch_end(Time now) {
    if (std::exchange(in_batch_, false) && user()) user()->batch_end(now);
}

void LinkChannel::link_changed(bool up, const std::string& reason) {
    ++(up ? counters_.connects : counters_.disconnects);
    if (!user()) return;
    if (up) return user()->opened();
    user()->closed(reason);
}

SendResult LinkChannel::send(Frame&& frame) {
    const SendResult result = way_ == Way::kOut ? sender_.send_frame(frame) : SendResult::kNotConnected;
    switch (result) {
        case SendResult::kQueued:
            ++counters_.frames_out;
            counters_.bytes_out += frame.size();
            frame.reset();
            break;
        case SendResult::kFull:
            ++counters_.refused;
            break;
        default:
            ++counters_.not_connected;
    }
    return result;
}

}  // namespace colo
