// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/secondary_path.h"

#include <utility>

namespace colo {

SecondaryPath::SecondaryPath(uint32_t max_flows, Comparer comparer, const FlowHash& hash,
                             FramePool& pool, FlowMapper& mapper, Announcer& announcer,
                             Outside& outside)
    : comparer_(comparer),
      pool_(pool),
      mapper_(mapper),
      announcer_(announcer),
      outside_(outside),
      neighbours_(pool, *this, hash),
      feed_(max_flows, hash, pool, *this) {}

void SecondaryPath::from_peer(Frame&& frame, Time now) {
    now_ = now;
    PacketView view = parse(frame.bytes(), frame.wire_size());
    if (is_linked() && !is_alone_) neighbours_.input(view);
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
    if (is_alone_) return outside_.from_vm(map_output(std::move(frame), view), *epoch, now);
    if (is_linked() && neighbours_.output(frame, view, now)) return;
    const auto said = feed_.output(view, now);
    announcer_.learn(view);
    Frame mapped = map_output(std::move(frame), view);
    if (said) unheard_.sent(mapped, *said);
    outside_.from_vm(std::move(mapped), *epoch, now);
}

/// Of a VM that goes on alone base is all there is.
Frame SecondaryPath::map_output(Frame frame, PacketView& view) {
    return is_linked() ? mapper_.output_for_comparator(std::move(frame), view, now_)
                       : mapper_.output(std::move(frame), view, now_);
}

void SecondaryPath::tick(Time now) {
    now_ = now;
    neighbours_.tick(now);
}

Time SecondaryPath::next_deadline() const { return is_alone_ ? kNever : neighbours_.next_deadline(); }

void SecondaryPath::flush(Time now) {
    now_ = now;
    feed_.flush();
}

void SecondaryPath::begin_epoch() {
    mapper_.fence();
    feed_.fence();
    unheard_.fence();
}

void SecondaryPath::look_away(Time now) {
    flush(now);
    feed_.fence();
    unheard_.fence();
}

std::vector<Frame> SecondaryPath::end(Time now) {
    now_ = now;
    is_alone_ = true;
    std::vector<Frame> unheard = unheard_.take(feed_, pool_);
    feed_.failover();
    return unheard;
}

}  // namespace colo
