// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/datagram_comparison.h"

#include <algorithm>

#include "compare/overlap.h"

namespace colo {

namespace {

/// Cheap and not secret: only saves comparing bytes that cannot be equal.
uint32_t digest_of(Bytes payload, uint32_t size) {
    uint64_t mixed = size;
    if (payload.size() >= 8) {
        mixed ^= load_native<uint64_t>(payload.data());
        mixed = (mixed * 0x9e3779b97f4a7c15u) ^
                load_native<uint64_t>(payload.data() + payload.size() - 8);
    } else {
        for (const uint8_t byte : payload) mixed = (mixed << 8) ^ byte;
    }
    mixed *= 0x9e3779b97f4a7c15u;
    return static_cast<uint32_t>(mixed >> 32);
}

enum class Likeness { kDifferent, kAsFarAsSeen, kEqual };

Likeness likeness(const Parked& a, const Parked& b) {
    if (a.kind != b.kind) return Likeness::kDifferent;
    if (a.kind == ParkedKind::kIcmpError) {
        return a.error == b.error ? Likeness::kEqual : Likeness::kDifferent;
    }
    if (a.size != b.size || a.error.type_code != b.error.type_code) return Likeness::kDifferent;
    const bool whole = a.captured == a.size && b.captured == b.size;
    if (whole && a.digest != b.digest) return Likeness::kDifferent;
    if (first_mismatch(a.payload(), b.payload())) return Likeness::kDifferent;
    return whole ? Likeness::kEqual : Likeness::kAsFarAsSeen;
}

struct Found {
    Parked* previous = nullptr;
    Parked* item = nullptr;
    Likeness likeness = Likeness::kDifferent;
};

/// The first item like `wanted` that has no twin yet.
Found find_twin(const ParkedFifo& queue, const Parked& wanted) {
    Parked* previous = nullptr;
    for (Parked* item = queue.front(); item; previous = item, item = item->next) {
        if (item->matched || item->never || item->kind == ParkedKind::kSegment) continue;
        const Likeness found = likeness(*item, wanted);
        if (found != Likeness::kDifferent) return {previous, item, found};
    }
    return {};
}

/// A twin of which a part was not captured vouches for nothing; the frame waits for a checkpoint.
void pair_up(Backlog& backlog, Parked& primary, Likeness found) {
    if (found == Likeness::kEqual) {
        primary.matched = true;
    } else {
        primary.never = true;
    }
    if (primary.kind == ParkedKind::kDatagram) --backlog.unmatched;
}

}  // namespace

void DatagramComparison::describe(Parked& parked, const PacketView& view) {
    parked.kind = ParkedKind::kDatagram;
    parked.size = view.payload_size;
    parked.payload_offset = view.payload_offset;
    parked.captured = view.payload_captured;
    const bool is_icmp = view.level == Level::kTransport &&
                         (view.protocol == ip_protocol::kIcmp ||
                          view.protocol == ip_protocol::kIcmpv6);
    parked.error.type_code = is_icmp ? view.source_port : 0;
    parked.digest = digest_of(view.payload(), view.payload_size);
}

IcmpErrorFacts facts_of(const IcmpError& error) {
    IcmpErrorFacts facts;
    facts.type_code = static_cast<uint16_t>(error.type << 8 | error.code);
    facts.word = error.word;
    facts.seq = error.seq ? error.seq->raw() : 0;
    return facts;
}

void DatagramComparison::admit(Flow& /*flow*/, Backlog& backlog, Parked* parked) {
    const bool compared = parked->kind == ParkedKind::kDatagram ||
                          context_.config.icmp_errors == IcmpErrorPolicy::kCompare;
    if (parked->kind == ParkedKind::kDatagram) ++backlog.unmatched;
    if (!compared) {
        parked->matched = true;
    } else if (const Found twin = find_twin(backlog.secondary_items, *parked); twin.item) {
        pair_up(backlog, *parked, twin.likeness);
        drop_item(backlog, twin.previous);
    }
    backlog.held.push_back(parked);
    set_alarm(backlog);
}

void DatagramComparison::secondary(Flow& flow, Backlog& backlog, Parked&& facts) {
    if (const Found twin = find_twin(backlog.absorbing, facts); twin.item) {
        ++context_.counters.secondary_absorbed;
        context_.room.stop_absorbing(backlog.absorbing.take_after(twin.previous));
        return;
    }
    if (const Found twin = find_twin(backlog.held, facts); twin.item) {
        pair_up(backlog, *twin.item, twin.likeness);
        return;
    }
    if (context_.secondary_is_full(backlog)) return context_.refuse_secondary(flow, backlog);
    Parked* kept = context_.room.keep_secondary(std::move(facts.frame), context_.now, true);
    kept->flow = backlog.flow;
    kept->kind = facts.kind;
    kept->size = facts.size;
    kept->payload_offset = facts.payload_offset;
    kept->captured = facts.captured;
    kept->digest = facts.digest;
    kept->error = facts.error;
    backlog.secondary_items.push_back(kept);
    set_alarm(backlog);
}

const Parked* DatagramComparison::oldest_unmatched(const ParkedFifo& queue, ParkedKind kind) {
    for (const Parked* item = queue.front(); item; item = item->next) {
        if (item->kind == kind && !item->matched && !item->never) return item;
    }
    return nullptr;
}

Time DatagramComparison::divergence_at(const Backlog& backlog) const {
    if (backlog.unmatched == 0) return kNever;
    const Parked* primary = oldest_unmatched(backlog.held, ParkedKind::kDatagram);
    const Parked* secondary = oldest_unmatched(backlog.secondary_items, ParkedKind::kDatagram);
    if (!primary || !secondary) return kNever;
    return std::max(primary->since, secondary->since) + context_.config.datagram_patience;
}

Time DatagramComparison::deadline_of(const Backlog& backlog) const {
    const bool diverged = context_.table.at(backlog.flow).has(Mark::kDiverged);
    const Time divergence = diverged ? kNever : divergence_at(backlog);
    const Parked* error = oldest_unmatched(backlog.held, ParkedKind::kIcmpError);
    return error ? std::min(divergence, error->since + context_.config.icmp_error_patience)
                 : divergence;
}

void DatagramComparison::set_alarm(Backlog& backlog) {
    const Time deadline = deadline_of(backlog);
    if (deadline >= backlog.alarm_at) return;
    backlog.alarm_at = deadline;
    alarms_.set(deadline, backlog.flow);
}

bool DatagramComparison::look(Flow& flow, Backlog& backlog) {
    backlog.alarm_at = kNever;
    bool may_go = false;
    for (Parked* item = backlog.held.front(); item; item = item->next) {
        if (item->kind != ParkedKind::kIcmpError || item->matched) continue;
        if (item->since + context_.config.icmp_error_patience > context_.now) break;
        item->matched = may_go = true;
        ++context_.counters.icmp_errors_without_twin;
    }
    if (!flow.has(Mark::kDiverged) && divergence_at(backlog) <= context_.now) {
        diverge(flow, backlog);
    }
    set_alarm(backlog);
    return may_go;
}

void DatagramComparison::diverge(Flow& flow, const Backlog& backlog) {
    flow.set(Mark::kDiverged);
    ++context_.counters.divergences;
    const Bytes primary = oldest_unmatched(backlog.held, ParkedKind::kDatagram)->payload();
    const Bytes secondary =
        oldest_unmatched(backlog.secondary_items, ParkedKind::kDatagram)->payload();
    const size_t at =
        first_mismatch(primary, secondary).value_or(std::min(primary.size(), secondary.size()));
    context_.ask(Reason::kDivergence, &flow.key, at, excerpts("datagram", 0, primary, secondary, at));
}

void DatagramComparison::drop_item(Backlog& backlog, Parked* previous) {
    context_.room.drop_secondary(backlog.secondary_items.take_after(previous), true);
}

void DatagramComparison::expire_secondary(Parked* oldest) {
    Flow& flow = context_.table.at(oldest->flow);
    Backlog& backlog = context_.backlog_of(flow);
    Parked* previous = nullptr;
    for (Parked* item = backlog.secondary_items.front(); item != oldest; item = item->next) {
        previous = item;
    }
    drop_item(backlog, previous);
    ++context_.counters.secondary_expired;
    context_.backlogs.release_if_empty(flow);
}

void DatagramComparison::expire_absorbing(Parked* oldest) {
    Flow& flow = context_.table.at(oldest->flow);
    Backlog& backlog = context_.backlog_of(flow);
    context_.room.stop_absorbing(backlog.absorbing.pop_front());
    context_.backlogs.release_if_empty(flow);
}

void DatagramComparison::note_released(Flow& flow, Backlog& backlog, Parked* record, Fence fence) {
    const bool twin_may_come = fence == Fence::kReplay && !record->matched && !record->never;
    const bool is_room = backlog.absorbing.size() < context_.config.max_queue_frames &&
                         context_.room.absorbing_bytes() + record->frame_bytes() <= context_.config.max_queue_bytes;
    const bool twin_is_here = flow.has(Mark::kDiverged) && !backlog.secondary_items.empty() &&
                              record->kind == ParkedKind::kDatagram && !record->matched;
    if (twin_is_here) {  // what the secondary said instead
        ++context_.counters.secondary_surplus;
        drop_item(backlog, nullptr);
    } else if (twin_may_come && is_room) {
        context_.room.start_absorbing(record, context_.now);
        backlog.absorbing.push_back(record);
        return;
    }
    context_.room.forget(record);
}

void DatagramComparison::settle(Flow& flow, Backlog& backlog, Fence fence) {
    backlog.unmatched = 0;
    flow.clear(Mark::kDiverged);
    if (fence != Fence::kLive) return;
    while (!backlog.secondary_items.empty()) {
        ++context_.counters.secondary_surplus;
        drop_item(backlog, nullptr);
    }
}

void DatagramComparison::drop_all(Backlog& backlog) {
    while (!backlog.secondary_items.empty()) drop_item(backlog, nullptr);
    while (!backlog.absorbing.empty()) {
        context_.room.stop_absorbing(backlog.absorbing.pop_front());
    }
}

}  // namespace colo
