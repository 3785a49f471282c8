// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/netdev_redirected.h"

#include <utility>

namespace colo {

namespace {

SocketOptions listen_at(const std::string& path) {
    SocketOptions options;
    options.address = unix_at(path);
    options.is_server = true;
    return options;
}

}  // namespace

NetdevRedirected::End::End(NetdevRedirected& netdev, EventLoop& loop, FramePool& pool, const std::string& path)
    : owner(netdev), port(loop, pool, netdev.what() + " at " + path, listen_at(path), *this) {}

NetdevRedirected::NetdevRedirected(EventLoop& loop, FramePool& pool, std::string id, const std::string& in,
                                   const std::string& out)
    : Netdev(std::move(id), {}),
      loop_(loop),
      in_(*this, loop, pool, in),
      out_(out.empty() ? nullptr : std::make_unique<End>(*this, loop, pool, out)) {}

/// What comes where frames go is read, so that its end is seen, and discarded.
void NetdevRedirected::receiver_changed(NetdevReceiver* receiver) {
    kept_.clear();
    FrameSink& sink = *this;
    in_.port.stream().set_sink(receiver ? &sink : nullptr);
    in_.port.stream().set_framing(Framing::kPlain, Framing::kPlain);
    if (out_) out_->port.stream().set_framing(Framing::kPlain, Framing::kPlain);
}

bool NetdevRedirected::is_connected() const {
    return in_.port.is_connected() && (!out_ || out_->port.is_connected());
}

void NetdevRedirected::end_changed(const std::string& why) {
    const bool is_up = is_connected();
    if (std::exchange(is_up_, is_up) != is_up && receiver()) receiver()->link_changed(is_up, why);
}

SendResult NetdevRedirected::send(Frame&& frame) {
    if (out_) return out_->port.stream().send(std::move(frame));
    ++delivered_;
    frame.reset();
    return SendResult::kQueued;
}

void NetdevRedirected::set_limits(const QueueLimits& limits) {
    kept_.set_limits(limits);
    if (out_) out_->port.stream().set_limits(limits);
}

// --- What comes ----------------------------------------------------------------------------------

void NetdevRedirected::frame(Frame&& frame, Time now) {
    const bool waits = (is_paused_ && !is_draining_) || !kept_.empty();
    waits ? keep(std::move(frame)) : receiver()->frame(std::move(frame), now);
}

void NetdevRedirected::batch_end(Time now) {
    receiver()->batch_end(now);
}

void NetdevRedirected::keep(Frame&& frame) {
    if (kept_.has_room_for(frame)) return kept_.push(std::move(frame));
    ++refused_;
    receiver()->frames_refused(1);
}

/// Whoever ends a pause does not expect to be called back.
void NetdevRedirected::pause_reading(bool paused) {
    is_paused_ = paused;
    resuming_.reset();
    if (paused || kept_.empty()) return;
    resuming_ = after(loop_.context(), 0, [this] {
        resuming_.reset();
        hand_on_kept(false);
    });
}

/// False: the netdev is gone. The receiver may begin another pause meanwhile.
bool NetdevRedirected::hand_on_kept(bool while_paused) {
    Lifeline::Watch life(lifeline_);
    while (!kept_.empty() && receiver() && (!is_paused_ || while_paused)) {
        receiver()->frame(kept_.pop(), now());
        if (life.is_cut()) return false;
    }
    if (receiver()) receiver()->batch_end(now());
    return !life.is_cut();
}

bool NetdevRedirected::drain() {
    if (!hand_on_kept(true)) return true;
    Lifeline::Watch life(lifeline_);
    is_draining_ = true;
    const bool is_empty = in_.port.stream().drain();
    if (life.is_cut()) return true;
    is_draining_ = false;
    return is_empty;
}

// --- For people ----------------------------------------------------------------------------------

const EndpointCounters& NetdevRedirected::counters() const {
    counters_ = in_.port.counters();
    if (out_) counters_ += out_->port.counters();
    counters_.frames_out += delivered_;
    counters_.refused += refused_;
    return counters_;
}

std::string NetdevRedirected::name() const {
    return in_.port.name() + (out_ ? " and " + out_->port.name() : "");
}

}  // namespace colo
