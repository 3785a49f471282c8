// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/secondary_path.h"

#include <utility>

namespace colo {

SecondaryPath::SecondaryPath(uint32_t max_flows, const FlowHash& hash, FramePool& pool,
                             FlowMapper& mapper, Announcer& announcer, Outside& outside)
    : mapper_(mapper),
      announcer_(announcer),
      outside_(outside),
      neighbours_(pool, *this, hash),
      feed_(max_flows, hash, pool, *this) {}

void SecondaryPath::from_peer(Frame&& frame, Time now) {
    now_ = now;
    PacketView view = parse(frame.bytes(), frame.wire_size());
    neighbours_.input(view);
    Frame mapped = mapper_.input(std::move(frame), view, now);
    feed_.input(std::move(mapped), view);
}

void SecondaryPath::from_vm(Frame&& frame, std::optional<uint32_t> epoch, Time now) {
    now_ = now;
    if (!epoch) {
        ++dropped_;
        return;
    }
    PacketView view = parse(frame.bytes(), frame.wire_size());
    if (neighbours_.output(frame, view, now)) return;
    feed_.output(view, now);
    unheard_.sent(frame, view);
    announcer_.learn(view);
    outside_.to_peer(mapper_.output_for_comparator(std::move(frame), view, now), *epoch);
}

void SecondaryPath::tick(Time now) {
    now_ = now;
    neighbours_.tick(now);
}

Time SecondaryPath::next_deadline() const { return neighbours_.next_deadline(); }

void SecondaryPath::flush(Time now) {
    now_ = now;
    feed_.flush();
}

void SecondaryPath::begin_epoch() {
    mapper_.fence();
    feed_.fence();
    unheard_.fence();
}

std::vector<Frame> SecondaryPath::end(Time now) {
    now_ = now;
    std::vector<Frame> unheard = unheard_.take(feed_);
    feed_.failover();
    return unheard;
}

}  // namespace colo
