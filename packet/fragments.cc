// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/fragments.h"

#include <cassert>
#include <cstring>
#include <utility>

namespace colo {

FragmentTable::Key FragmentTable::key_of(const PacketView& view) {
    Key key;
    std::memcpy(key.source.data(), view.source_address(), view.address_size());
    std::memcpy(key.destination.data(), view.destination_address(), view.address_size());
    key.id = view.fragment_id;
    key.vlan_outer = view.vlan_outer;
    key.vlan_inner = view.vlan_inner;
    key.family = view.family;
    if (view.family == Family::kIpv4) key.protocol = view.protocol;
    return key;
}

void FragmentTable::add(Frame frame, const PacketView& view, Time now,
                        std::vector<FragmentGroup>& done) {
    assert(view.is_fragment && frame.data() == view.data);
    expire(now, done);
    const auto at = find_or_begin(key_of(view), now);
    Entry& entry = at->second;
    if (entry.discarded != DiscardReason::kNone) {
        FragmentGroup& late = done.emplace_back();
        late.frames.push_back(std::move(frame));
        late.reason = entry.discarded;
        return;
    }
    bytes_ += frame.memory();
    const DiscardReason reason = entry.datagram.add(std::move(frame), view);
    if (reason != DiscardReason::kNone) return discard(at, reason, now, done);
    if (entry.datagram.is_complete()) return complete(at, now, done);
    enforce_limits(done);
}

FragmentTable::Map::iterator FragmentTable::find_or_begin(const Key& key, Time now) {
    const auto [at, is_new] = entries_.try_emplace(key);
    if (is_new) {
        at->second.deadline = now + limits_.timeout;
        at->second.place = waiting_.insert(waiting_.end(), at);
    }
    return at;
}

void FragmentTable::complete(Map::iterator at, Time now, std::vector<FragmentGroup>& done) {
    Frame whole = at->second.datagram.whole(pool_);
    if (!whole) return discard(at, DiscardReason::kBad, now, done);
    remove(at, DiscardReason::kNone, done);
    done.back().whole = std::move(whole);
}

/// Gives the frames back and stays as a tombstone for those still to come.
void FragmentTable::discard(Map::iterator at, DiscardReason reason, Time now,
                            std::vector<FragmentGroup>& done) {
    Entry& entry = at->second;
    give_back(entry, reason, done);
    entry.discarded = reason;
    entry.deadline = now + limits_.timeout;  // tombstones, too, in the order of their deadlines
    tombstones_.splice(tombstones_.end(), waiting_, entry.place);
    if (tombstones_.size() > kMaxTombstones) forget_oldest_tombstone();
}

void FragmentTable::remove(Map::iterator at, DiscardReason reason,
                           std::vector<FragmentGroup>& done) {
    give_back(at->second, reason, done);
    waiting_.erase(at->second.place);
    entries_.erase(at);
}

void FragmentTable::give_back(Entry& entry, DiscardReason reason,
                              std::vector<FragmentGroup>& done) {
    bytes_ -= entry.datagram.memory();
    FragmentedDatagram datagram = std::exchange(entry.datagram, {});
    FragmentGroup& group = done.emplace_back();
    group.frames = datagram.take_frames();
    group.reason = reason;
}

void FragmentTable::forget_oldest_tombstone() {
    entries_.erase(tombstones_.front());
    tombstones_.pop_front();
}

void FragmentTable::enforce_limits(std::vector<FragmentGroup>& done) {
    while (waiting_.size() > limits_.datagrams || bytes_ > limits_.bytes) {
        remove(waiting_.front(), DiscardReason::kTableFull, done);
    }
}

Time FragmentTable::next_deadline() const {
    return waiting_.empty() ? kNever : waiting_.front()->second.deadline;
}

void FragmentTable::expire(Time now, std::vector<FragmentGroup>& done) {
    while (!waiting_.empty() && waiting_.front()->second.deadline <= now) {
        remove(waiting_.front(), DiscardReason::kTimeout, done);
    }
    while (!tombstones_.empty() && tombstones_.front()->second.deadline <= now) {
        forget_oldest_tombstone();
    }
}

void FragmentTable::drain(std::vector<FragmentGroup>& done) {
    while (!waiting_.empty()) remove(waiting_.front(), DiscardReason::kDrained, done);
    while (!tombstones_.empty()) forget_oldest_tombstone();
}

}  // namespace colo
