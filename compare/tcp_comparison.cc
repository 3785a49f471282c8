// SPDX-License-Identifier: GPL-2.0-or-later
// The primary's side: incarnations, what may go, and what a fence settles.
#include "compare/tcp_comparison.h"

#include "compare/overlap.h"
#include "compare/tcp_sinks.h"

namespace colo {

namespace {

/// Modular: offsets wrap like the numbers they lie between.
SeqDelta difference(SeqDelta a, SeqDelta b) {
    return static_cast<SeqDelta>(static_cast<uint32_t>(a) - static_cast<uint32_t>(b));
}

}  // namespace

void TcpComparison::describe(Parked& parked, const PacketView& view) {
    parked.kind = ParkedKind::kSegment;
    parked.tcp_flags = view.tcp_flags;
    parked.begin = view.seq + (view.has(tcp_flag::kSyn) ? 1u : 0u);
    parked.ack = view.ack;
    parked.size = view.payload_size;
    parked.payload_offset = view.payload_offset;
    parked.captured = view.payload_captured;
    if (view.has(tcp_flag::kSyn)) parked.syn = syn_options(view);
    const Bytes options = view.tcp_options();
    if (!options.empty() && !is_plain_timestamps(options)) {
        parked.unprotected = parse_tcp_options(view).rewrites_impossible;
    }
}

bool TcpComparison::begins_incarnation(const Flow& flow, const Parked& segment) const {
    if (!segment.has(tcp_flag::kSyn)) return false;
    if (!flow.has(Mark::kPrimarySeen)) return true;
    if (!flow.has(Mark::kPrimarySyn)) return segment.begin != flow.origin || flow.verified > 0;
    if (segment.begin == flow.origin) return false;
    // Another number: SYN cookies answer the same SYN anew, anything else is a new connection.
    const bool same_syn = segment.has(tcp_flag::kAck) && flow.has(Mark::kClientIsn) &&
                          flow.client_isn == segment.ack - 1;
    return !same_syn || flow.phase != Phase::kHalfOpen || flow.primary.next() != flow.origin;
}

void TcpComparison::admit(Flow& flow, Backlog& backlog, Parked* parked) {
    enter_epoch(flow);
    if (parked->has(tcp_flag::kSyn)) {
        admit_syn(flow, backlog, *parked);
    } else if (!flow.has(Mark::kPrimarySeen) || only_stray_resets_seen(flow, backlog)) {
        adopt(flow, *parked);
    } else if (flow.has(Mark::kPhaseWord) && flow.phase == Phase::kHalfOpen &&
               parked->begin == flow.earlier_origin() && flow.primary.next() == flow.origin) {
        // The client answered the earlier SYN-ACK.
        move_origin(flow, parked->begin, flow.earlier_delta());
    }
    if (parked->has(tcp_flag::kAck)) note_primary_ack(flow, parked->ack);
    if (parked->unprotected && !flow.has(Mark::kUnprotected)) {
        flow.set(Mark::kUnprotected);
        ++context_.counters.unprotected_flows;
    }
    admit_payload(flow, backlog, *parked);
    backlog.held.push_back(parked);
    if (parked->has(tcp_flag::kFin)) {
        flow.set(Mark::kPrimaryFin);
        flow.primary_fin = parked->end();
    }
    // An RST that answers a segment has the number the client acknowledged; only one that stands
    // where the stream ends says something about the stream.
    if (parked->has(tcp_flag::kRst) && parked->begin >= flow.primary.next() &&
        ends_incarnation(flow, flow.primary, parked->begin)) {
        backlog.primary_rst = parked;
    }
    check_ends(flow, backlog);
}

void TcpComparison::admit_syn(Flow& flow, Backlog& backlog, const Parked& segment) {
    if (begins_incarnation(flow, segment)) {
        begin_incarnation(flow, backlog, segment);
    } else if (segment.begin != flow.origin) {
        // SYN cookies: the client may answer this number or the one before.
        flow.remember_earlier_syn(flow.origin, delta_of(flow));
        const SeqDelta moved = segment.begin - flow.origin;
        move_origin(flow, segment.begin, difference(delta_of(flow), moved));
        if (flow.has(Mark::kDeltaKnown)) announce(flow, flow.timestamps_delta(), true);
    }
    if (!flow.has(Mark::kPrimarySyn)) flow.clear(Mark::kBeginSettled);
    flow.set(Mark::kPrimarySyn);
    flow.primary_syn = segment.syn;
    if (segment.has(tcp_flag::kAck)) flow.client_isn = segment.ack - 1;
}

void TcpComparison::begin_incarnation(Flow& flow, Backlog& backlog, const Parked& syn) {
    const bool first = !flow.has(Mark::kPrimarySeen);
    if (!first) ++context_.counters.flows;
    drop_streams(flow, backlog);
    flow.marks &= static_cast<uint16_t>(Mark::kUntilFence);
    flow.set(Mark::kPrimarySeen);
    flow.verified = 0;
    flow.origin = syn.begin;
    flow.primary_fin = flow.secondary_fin = Seq();
    context_.reassembler.reset(flow.primary, flow.origin);
    context_.reassembler.reset(flow.secondary, flow.origin);
    context_.table.set_phase(flow, Phase::kHalfOpen, context_.now);
    if (context_.config.secondary_numbers == SecondaryNumbers::kMapped) {
        set_delta(flow, 0);
    } else if (first && context_.offsets) {
        if (const auto known = context_.offsets->initial_offset(flow.key)) {
            set_delta(flow, known->delta);
        }
    }
}

/// Without a SYN or an ack so far: RSTs that answer strays, whose numbers say nothing about the
/// stream. Anything else that is held, or was verified, has its place in the stream already.
bool TcpComparison::only_stray_resets_seen(const Flow& flow, const Backlog& backlog) {
    if (flow.has(Mark::kPrimarySyn) || flow.has(Mark::kClientIsn) || flow.verified > 0)
        return false;
    for (const Parked* held = backlog.held.front(); held; held = held->next) {
        if (!held->has(tcp_flag::kRst) || held->size > 0) return false;
    }
    return true;
}

void TcpComparison::adopt(Flow& flow, const Parked& segment) {
    InitialOffset initial{.origin = segment.begin};
    if (context_.offsets) {
        initial = context_.offsets->initial_offset(flow.key).value_or(initial);
    }
    flow.set(Mark::kPrimarySeen);
    flow.clear(Mark::kBeginSettled);
    if (!segment.has(tcp_flag::kRst)) flow.clear(Mark::kSecondaryRst);
    flow.verified = 0;
    flow.origin = initial.origin;
    set_delta(flow, initial.delta);
    context_.reassembler.reset(flow.primary, flow.origin);
    context_.reassembler.reset(flow.secondary, flow.origin);
    context_.table.set_phase(flow, Phase::kEstablished, context_.now);
}

void TcpComparison::set_delta(Flow& flow, SeqDelta delta) {
    flow.set(Mark::kDeltaKnown);
    flow.delta = delta;
    flow.delta_epoch = context_.epoch;
}

void TcpComparison::announce(const Flow& flow, uint32_t timestamps, bool again) {
    if (context_.config.secondary_numbers != SecondaryNumbers::kNative) return;
    context_.sink.delta_known(flow.key, {{delta_of(flow), timestamps}, flow.origin, again});
}

void TcpComparison::move_origin(Flow& flow, Seq origin, SeqDelta delta) {
    if (flow.has(Mark::kDeltaKnown) &&
        context_.config.secondary_numbers == SecondaryNumbers::kNative) {
        set_delta(flow, delta);
    }
    flow.origin = origin;
    context_.reassembler.reset(flow.primary, origin);
    context_.reassembler.reset(flow.secondary, origin);
}

void TcpComparison::admit_payload(Flow& flow, Backlog& backlog, Parked& segment) {
    // What an RST carries is text for people (RFC 9293 3.5.3), and it may go before it is verified.
    if (segment.size == 0 || segment.has(tcp_flag::kRst)) return;
    if (is_keep_alive(flow, backlog, segment)) {
        segment.keep_alive = true;
        ++context_.counters.keep_alives;
        return;
    }
    const Segment piece{segment.begin, segment.size, segment.payload(), &segment.frame};
    if (context_.reassembler.take_in_order(flow.primary, piece)) [[likely]] {
        deliver_primary(flow, backlog, piece.bytes, &segment.chunk);
    } else {
        admit_out_of_order(flow, backlog, segment, piece);
    }
}

void TcpComparison::admit_out_of_order(Flow& flow, Backlog& backlog, Parked& segment,
                                       const Segment& piece) {
    const Seq next = flow.primary.next();
    if (segment.begin < next) compare_with_held(flow, backlog, segment);
    if (begins_below_origin(flow, segment)) segment.never = true;
    if (segment.end() > next && !backlog.kept) keep_from_here(flow, backlog);

    PrimarySink sink(*this, flow, backlog, segment);
    const Arrival arrival = context_.reassembler.push(flow.primary, piece, sink);
    if (arrival == Arrival::kOverflow) {
        segment.never = true;
        context_.ask_queue_full(flow);
    } else if (backlog.kept) {
        segment.check_bytes = true;
        ++backlog.checks_pending;
    }
}

/// A flow taken up in its middle begins at the first segment seen. What lies below may be a
/// retransmission of what the client had before, or new and overtaken; nobody has compared it.
bool TcpComparison::begins_below_origin(const Flow& flow, const Parked& segment) {
    if (flow.has(Mark::kPrimarySyn) || flow.has(Mark::kBeginSettled)) return false;
    return static_cast<int64_t>(flow.offset_of(segment.begin)) < 0;
}

/// RFC 1122 4.2.3.6: a probe at snd_nxt - 1, with or without a byte of garbage. Only sent when all
/// has been acknowledged, so never while payload is held: that would be a retransmission.
bool TcpComparison::is_keep_alive(const Flow& flow, const Backlog& backlog, const Parked& segment) {
    if (segment.size > 1 || flow.primary.reassembling()) return false;
    if (segment.begin != flow.primary.next() - 1) return false;
    for (const Parked* held = backlog.held.front(); held; held = held->next) {
        if (held->size > 0 && !held->keep_alive) return false;
    }
    return true;
}

/// Two segments with different bytes for one position must not both leave: as long as the earlier
/// one is held, its bytes are known.
void TcpComparison::compare_with_held(Flow& flow, Backlog& backlog, Parked& segment) {
    bool known = backlog.kept != nullptr;
    for (const Parked* held = backlog.held.front(); held; held = held->next) {
        if (held->size == 0 || held->keep_alive) continue;
        const auto difference =
            first_difference(held->begin, held->payload(), segment.begin, segment.payload());
        if (!difference.overlap) continue;
        known = true;
        if (difference.at) {
            conflict(flow, segment, *difference.at);
            return;
        }
    }
    if (!known) ++context_.counters.retransmissions_not_kept;
}

void TcpComparison::check_kept(Flow& flow, Backlog& backlog, Parked& segment) {
    const KeptBytes& kept = *backlog.kept;
    const auto difference =
        first_difference(kept.begin, Bytes(kept.bytes), segment.begin, segment.payload());
    if (difference.at) {
        conflict(flow, segment, *difference.at);
        return;
    }
    if (segment.begin < kept.begin) ++context_.counters.retransmissions_not_kept;
}

void TcpComparison::conflict(Flow& flow, Parked& segment, Seq position) {
    segment.never = true;
    ++context_.counters.conflicting_segments;
    diverge(flow, "conflicting segments of the primary", position);
}

void TcpComparison::keep_from_here(Flow& flow, Backlog& backlog) {
    backlog.kept = context_.backlogs.make_kept(flow.verified_seq());
    for (const ByteChunk* chunk = backlog.primary_bytes.front(); chunk; chunk = chunk->next) {
        const Bytes bytes = chunk->bytes();
        backlog.kept->bytes.insert(backlog.kept->bytes.end(), bytes.begin(), bytes.end());
    }
}

void TcpComparison::let_go_of_kept(Flow& flow, Backlog& backlog) {
    if (!backlog.kept) return;
    if (!flow.primary.reassembling() && backlog.checks_pending == 0) {
        context_.backlogs.recycle(std::move(backlog.kept));
        return;
    }
    // A flow that is always reordered never drains: keep no more than a window behind what was
    // verified.
    KeptBytes& kept = *backlog.kept;
    const SeqDelta behind = flow.verified_seq() - kept.begin;
    if (behind < static_cast<SeqDelta>(2 * kKeptBehind) || backlog.checks_pending > 0) return;
    const uint32_t surplus = static_cast<uint32_t>(behind) - kKeptBehind;
    kept.bytes.erase(kept.bytes.begin(), kept.bytes.begin() + surplus);
    kept.begin += surplus;
}

bool TcpComparison::may_go(Flow& flow, Backlog& backlog, Parked& segment) {
    if (segment.never || flow.has(Mark::kUnprotected)) return false;
    // One RST of the secondary covers all of the primary's: after it no number matters any more.
    if (segment.has(tcp_flag::kRst)) return flow.has(Mark::kSecondaryRst);
    if (segment.has(tcp_flag::kSyn) && !syn_covered(flow, segment)) return false;
    if (segment.size > 0 && segment.end() > flow.verified_seq()) return false;
    if (segment.has(tcp_flag::kFin) && !fin_covered(flow, segment)) return false;
    if (segment.has(tcp_flag::kAck) && !ack_covered(flow, segment)) return false;
    if (segment.check_bytes && backlog.kept) check_kept(flow, backlog, segment);
    return !segment.never;
}

bool TcpComparison::syn_covered(const Flow& flow, const Parked& segment) {
    const bool answered = flow.has(Mark::kSecondarySyn) && flow.has(Mark::kDeltaKnown);
    return (answered || flow.has(Mark::kBeginSettled)) && segment.syn == flow.secondary_syn;
}

bool TcpComparison::fin_covered(const Flow& flow, const Parked& segment) {
    return flow.has(Mark::kSecondaryFin) && flow.secondary_fin == segment.end() &&
           segment.end() <= flow.verified_seq();
}

bool TcpComparison::ack_covered(const Flow& flow, const Parked& segment) {
    if (!flow.has(Mark::kSecondaryAck)) return false;
    if (!context_.config.both_directions) return segment.ack <= flow.secondary_ack;
    return reverse_delta(flow) && segment.ack <= mapped_ack(flow, flow.secondary_ack);
}

/// An ack of the secondary in the client's numbers.
Seq TcpComparison::mapped_ack(const Flow& flow, Seq ack) {
    if (!context_.config.both_directions) return ack;
    return ack.shifted(negated(reverse_delta(flow).value_or(0)));
}

/// With both directions compared, acks are in the numbers of the reverse flow's sender.
std::optional<SeqDelta> TcpComparison::reverse_delta(const Flow& flow) {
    const FlowKey key = flow.key.reversed();
    const Flow* reverse = context_.table.find(key);
    if (!reverse) return 0;
    if (!reverse->has(Mark::kDeltaKnown)) return std::nullopt;
    return delta_of(*reverse);
}

void TcpComparison::gone(Flow& flow, Backlog& backlog, const Parked& segment) {
    if (segment.check_bytes) --backlog.checks_pending;
    if (backlog.primary_rst == &segment) backlog.primary_rst = nullptr;
    if (backlog.kept) let_go_of_kept(flow, backlog);
    advance_phase(flow, segment);
}

void TcpComparison::advance_phase(Flow& flow, const Parked& released) {
    if (released.has(tcp_flag::kRst)) {
        context_.table.set_phase(flow, Phase::kClosing, context_.now);
    } else if (flow.phase == Phase::kHalfOpen && !released.has(tcp_flag::kSyn)) {
        context_.table.set_phase(flow, Phase::kEstablished, context_.now);
    } else if (flow.has(Mark::kPrimaryFin) && flow.phase == Phase::kEstablished) {
        const bool ours_is_out = flow.verified_seq() >= flow.primary_fin;
        const bool client_fin_acknowledged =
            flow.has(Mark::kPhaseWord) && released.ack > Seq(flow.phase_word);
        if (ours_is_out && (client_fin_acknowledged || context_.config.both_directions)) {
            context_.table.set_phase(flow, Phase::kClosing, context_.now);
        }
    }
}

void TcpComparison::input(Flow& flow, const PacketView& view) {
    // The ack names the guest's initial number, which only who saw the guest's SYN knows.
    if (flow.phase == Phase::kHalfOpen && view.has(tcp_flag::kAck) && view.ack == flow.origin &&
        flow.has(Mark::kPrimarySyn)) {
        context_.table.set_phase(flow, Phase::kEstablished, context_.now);
    }
    // Only remembered: the flow closes when the guest acknowledges it.
    const Seq end = view.seq + view.payload_size;
    const bool is_old = flow.has(Mark::kClientIsn) && end < flow.primary_ack;
    if (flow.phase == Phase::kEstablished && view.has(tcp_flag::kFin) && !is_old) {
        flow.phase_word = end.raw();
        flow.set(Mark::kPhaseWord);
    }
}

void TcpComparison::note_released(Flow& flow, Backlog& backlog, const Parked& segment) {
    if (segment.has(tcp_flag::kSyn)) {
        admit_syn(flow, backlog, segment);
    } else if (!flow.has(Mark::kPrimarySeen)) {
        adopt(flow, segment);
    }
    // An RST that answers a segment of an earlier incarnation says nothing about this one.
    if (segment.has(tcp_flag::kRst) && !ends_incarnation(flow, flow.primary, segment.begin)) return;
    const bool has_payload = segment.size > 0 && !segment.has(tcp_flag::kRst);
    if (has_payload && segment.end() > flow.primary.next()) {
        context_.reassembler.reset(flow.primary, segment.end());
    }
    if (segment.has(tcp_flag::kAck)) {
        note_primary_ack(flow, segment.ack);
        note_settled_ack(flow, segment.ack);
    }
    if (segment.has(tcp_flag::kFin)) {
        flow.set(Mark::kPrimaryFin);
        flow.primary_fin = segment.end();
    }
    if (segment.has(tcp_flag::kRst)) flow.set(Mark::kSecondaryRst);
    if (!segment.has(tcp_flag::kSyn)) advance_phase(flow, segment);
}

void TcpComparison::note_primary_ack(Flow& flow, Seq ack) {
    if (!flow.has(Mark::kClientIsn)) {
        flow.set(Mark::kClientIsn);
        flow.client_isn = ack - 1;
        flow.primary_ack = ack;
    }
    flow.primary_ack = later(flow.primary_ack, ack);
}

void TcpComparison::note_settled_ack(Flow& flow, Seq ack) {
    // secondary_ack is in the secondary's numbers where both directions are compared.
    if (context_.config.both_directions) ack = ack.shifted(reverse_delta(flow).value_or(0));
    if (flow.has(Mark::kSecondaryAck)) ack = later(ack, flow.secondary_ack);
    flow.secondary_ack = ack;
    flow.set(Mark::kSecondaryAck);
}

void TcpComparison::settle(Flow& flow, Backlog& backlog, Fence fence) {
    if (!flow.has(Mark::kPrimarySeen)) return;
    const Seq high = flow.primary.next();
    const uint64_t settled = flow.offset_of(high) - flow.verified;
    context_.reassembler.reset(flow.primary, high);
    context_.backlogs.recycle(std::move(backlog.kept));
    backlog.checks_pending = 0;
    backlog.primary_rst = nullptr;
    flow.verified += settled;
    flow.clear(Mark::kDiverged);
    flow.set(Mark::kBeginSettled);
    if (flow.has(Mark::kPrimarySyn)) flow.secondary_syn = flow.primary_syn;
    if (fence == Fence::kLive) {
        become_copy(flow, backlog, high);
    } else {
        skip_secondary(flow, backlog, high, settled);
    }
    if (flow.has(Mark::kPrimaryFin)) {
        flow.set(Mark::kSecondaryFin);
        flow.secondary_fin = flow.primary_fin;
    } else if (flow.has(Mark::kSecondaryFin) && flow.secondary_fin < high) {
        flow.clear(Mark::kSecondaryFin);
    }
}

void TcpComparison::become_copy(Flow& flow, Backlog& backlog, Seq high) {
    while (!backlog.secondary_bytes.empty()) drop_chunk(backlog.secondary_bytes, false);
    context_.reassembler.reset(flow.secondary, high);
    set_delta(flow, 0);
    copy_primary_marks(flow);
}

/// A live fence leaves flows that hold nothing as they are; they follow when they are next used.
void TcpComparison::enter_epoch(Flow& flow) {
    if (flow.delta_epoch == context_.epoch) return;
    flow.delta = 0;
    flow.delta_epoch = context_.epoch;
    if (flow.has(Mark::kPrimarySeen)) flow.set(Mark::kBeginSettled);
    copy_primary_marks(flow);
}

/// What the secondary had said beyond the primary, it has not said as the primary's copy.
void TcpComparison::copy_primary_marks(Flow& flow) {
    const auto copy = [&flow](Mark from, Mark to) {
        flow.has(from) ? flow.set(to) : flow.clear(to);
    };
    copy(Mark::kClientIsn, Mark::kSecondaryAck);
    flow.secondary_ack = flow.primary_ack;
    copy(Mark::kPrimarySyn, Mark::kSecondarySyn);
    flow.secondary_syn = flow.primary_syn;
    copy(Mark::kPrimaryFin, Mark::kSecondaryFin);
    flow.secondary_fin = flow.primary_fin;
    flow.clear(Mark::kPositionalRst);
    if (flow.phase != Phase::kClosing) flow.clear(Mark::kSecondaryRst);
}

/// A recording goes on where it is: what lies below `high` no longer counts.
void TcpComparison::skip_secondary(Flow& flow, Backlog& backlog, Seq high, uint64_t settled) {
    consume(backlog.secondary_bytes, false, settled);
    flow.clear(Mark::kPositionalRst);
    if (!flow.has(Mark::kDeltaKnown) || flow.secondary.next() >= high) return;
    SecondarySink sink(*this, flow, backlog);
    context_.reassembler.skip_to(flow.secondary, high, sink);
}

void TcpComparison::drop_primary_bytes(Backlog& backlog) {
    while (!backlog.primary_bytes.empty()) drop_chunk(backlog.primary_bytes, true);
}

bool TcpComparison::near(Seq a, Seq b, SeqDelta most) {
    const SeqDelta distance = a - b;
    return distance < most && distance > -most;
}

bool TcpComparison::ends_incarnation(const Flow& flow, const TcpStream& stream, Seq rst) {
    if (!flow.has(Mark::kPrimarySyn)) return near(rst, stream.next(), kSameStream);
    return rst >= flow.origin && rst <= stream.next() + kMostAhead;
}

void TcpComparison::drop_streams(Flow& flow, Backlog& backlog) {
    drop_primary_bytes(backlog);
    while (!backlog.secondary_bytes.empty()) {
        ++context_.counters.secondary_surplus;
        drop_chunk(backlog.secondary_bytes, false);
    }
    context_.reassembler.reset(flow.primary, flow.primary.next());
    context_.reassembler.reset(flow.secondary, flow.secondary.next());
    context_.backlogs.recycle(std::move(backlog.kept));
    backlog.checks_pending = 0;
    backlog.primary_rst = nullptr;
}

}  // namespace colo
