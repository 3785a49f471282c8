// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/qemu/crossing_netdev.h"

#include <array>
#include <utility>

namespace colo {

namespace {

Direction reverse(Direction direction) { return direction == Direction::kTx ? Direction::kRx : Direction::kTx; }

iovec piece_of(Bytes bytes) { return {const_cast<uint8_t*>(bytes.data()), bytes.size()}; }

}  // namespace

CrossingNetdev::CrossingNetdev(FilterHost& host, const std::string& id, std::string peer, Direction comes,
                               VnetHeaders headers, std::shared_ptr<FilterCrossings> crossings)
    : Netdev(id, std::move(peer)),
      host_(host),
      headers_(headers),
      crossings_(std::move(crossings)),
      in_(crossings_->in(comes)),
      out_(crossings_->out(reverse(comes))),
      offload_(host.pool(), host.hash()) {}

SendResult CrossingNetdev::send(Frame&& frame) {
    if (!crossings_->is_open) {
        ++counters_.not_connected;
        return SendResult::kNotConnected;
    }
    const std::array<iovec, 2> pieces{piece_of(frame.front()), piece_of(frame.bytes())};
    const size_t front = frame.front().size();
    if (out_.put(pieces, front + frame.size(), front) == FrameCrossing::Put::kRefused) {
        ++counters_.refused;
        return SendResult::kFull;
    }
    ++counters_.frames_out;
    counters_.bytes_out += frame.size();
    frame.reset();
    host_.loop().at_end(*this);
    return SendResult::kQueued;
}

/// Once for all that was sent in a turn.
void CrossingNetdev::flush() {
    ++counters_.writes;
    crossings_->to_qemu.raise();
}

void CrossingNetdev::pause_reading(bool paused) {
    if (!std::exchange(is_paused_, paused) || paused) return;
    crossings_->to_us.raise();  // not from within a call into the netdev
}

bool CrossingNetdev::drain() {
    do {
        deliver_all(true);
    } while (in_.take(batch_));
    return true;
}

void CrossingNetdev::fetch() {
    look_at_refusals();
    has_rest_ = !batch_.empty();
    if (!is_paused_ && batch_.empty() && in_.take(batch_)) ++counters_.reads;
}

void CrossingNetdev::deliver() {
    deliver_all(false);
    if (has_rest_ && batch_.empty()) crossings_->to_us.raise();
}

void CrossingNetdev::deliver_all(bool even_if_paused) {
    if (batch_.empty()) return;
    while (!batch_.empty() && (even_if_paused || !is_paused_)) {
        const size_t cost = batch_.cost();
        deliver(batch_.first());
        batch_.remove_first();
        in_.consumed(cost);
    }
    if (receiver()) receiver()->batch_end(host_.loop().now());
}

void CrossingNetdev::deliver(const CrossedFrames::Frame& crossed) {
    counters_.bytes_in += crossed.bytes.size();
    Frame frame = crossed.front.empty() ? host_.pool().copy(crossed.bytes)
                                        : host_.pool().copy_with_front(crossed.front, crossed.bytes);
    if (!frame) {
        ++counters_.bad_lengths;
        return;
    }
    if (headers_ == VnetHeaders::kExpanded && !frame.front().empty()) return deliver_expanded(std::move(frame));
    hand_over(std::move(frame));
}

void CrossingNetdev::deliver_expanded(Frame frame) {
    pieces_.clear();
    if (offload_.expand(frame, pieces_) != VnetProblem::kNone)
        return host_.dropped(what(), "bad-offload", 1, host_.loop().now());
    for (Frame& piece : pieces_) hand_over(std::move(piece));
    pieces_.clear();
}

void CrossingNetdev::hand_over(Frame&& frame) {
    if (!receiver()) {
        ++counters_.discarded;
        return;
    }
    ++counters_.frames_in;
    receiver()->frame(std::move(frame), host_.loop().now());
}

/// QEMU's loop waits for nobody: what did not fit is lost there, and told here.
void CrossingNetdev::look_at_refusals() {
    const uint64_t refused = in_.counters().refused;
    const uint64_t before = std::exchange(refused_seen_, refused);
    if (refused > before) host_.dropped(what(), "queue-full", refused - before, host_.loop().now());
}

CrossingPort::CrossingPort(EventLoop& loop, std::shared_ptr<FilterCrossings> crossings, CrossingNetdev& vm,
                           CrossingNetdev& uplink)
    : crossings_(std::move(crossings)),
      vm_(vm),
      uplink_(uplink),
      watch_(loop, crossings_->to_us.fd(), G_IO_IN, *this) {}

void CrossingPort::fd_ready(GIOCondition) {
    crossings_->to_us.lower();
    run();
}

/// What the VM says may answer what it has heard: the answers are fetched first, and looked at last.
void CrossingPort::run() {
    vm_.fetch();
    uplink_.fetch();
    uplink_.deliver();
    vm_.deliver();
}

}  // namespace colo
