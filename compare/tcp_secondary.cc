// SPDX-License-Identifier: GPL-2.0-or-later
// The secondary's side of a TCP flow, and the meeting of the two streams.
#include <algorithm>
#include <cstring>

#include "compare/overlap.h"
#include "compare/tcp_comparison.h"
#include "compare/tcp_sinks.h"

namespace colo {

namespace {

/// How far a late look at a handshake may lie from where the flow was taken up.
constexpr SeqDelta kSameIncarnation = 1 << 20;

}  // namespace

bool TcpComparison::secondary(Flow& flow, const Frame& frame, const PacketView& view) {
    if (!flow.has(Mark::kPrimarySeen)) return false;
    enter_epoch(flow);
    if (view.has(tcp_flag::kSyn)) {
        const SynFate fate = secondary_syn(flow, view);
        if (fate != SynFate::kTaken) return fate == SynFate::kStale;
    } else if (!flow.has(Mark::kDeltaKnown) || awaits_mapped_syn(flow)) {
        refuse_before_syn(flow, view);
        return true;
    }
    const Seq seq =
        (view.seq + (view.has(tcp_flag::kSyn) ? 1u : 0u)).shifted(negated(delta_of(flow)));
    if (!has_place(flow, view, seq)) [[unlikely]] {
        ++context_.counters.secondary_stale;
        return true;
    }
    if (view.has(tcp_flag::kAck)) note_secondary_ack(flow, view.ack);
    const bool has_payload = view.payload_size > 0 && !view.has(tcp_flag::kRst);
    if (has_payload) secondary_payload(flow, frame, view, seq);
    secondary_ends(flow, view, seq);
    return true;
}

/// Whether the numbers are of the incarnation the primary is in.
bool TcpComparison::has_place(const Flow& flow, const PacketView& view, Seq seq) {
    if (view.has(tcp_flag::kRst)) return ends_incarnation(flow, flow.secondary, seq);
    if (view.has(tcp_flag::kSyn)) return true;  // it has passed a rule of its own
    return near(seq, flow.secondary.next(), kSameStream);
}

/// Mapped or not, what comes before the secondary's SYN belongs to an earlier incarnation.
bool TcpComparison::awaits_mapped_syn(const Flow& flow) const {
    return context_.config.secondary_numbers == SecondaryNumbers::kMapped &&
           flow.has(Mark::kPrimarySyn) && !flow.has(Mark::kSecondarySyn);
}

/// The primary's SYN is known, the secondary's is not: an RST that refuses the same SYN contradicts
/// it; anything else belongs to an earlier incarnation.
void TcpComparison::refuse_before_syn(Flow& flow, const PacketView& view) {
    const bool refuses = view.has(tcp_flag::kRst) && view.has(tcp_flag::kAck) &&
                         flow.has(Mark::kClientIsn) &&
                         mapped_ack(flow, view.ack) == flow.client_isn + 1;
    if (refuses) {
        diverge(flow, "RST against SYN", flow.origin);
    } else {
        ++context_.counters.secondary_stale;
    }
}

/// Too early: the SYN opens an incarnation that the primary has not begun.
TcpComparison::SynFate TcpComparison::secondary_syn(Flow& flow, const PacketView& view) {
    const bool answers = view.has(tcp_flag::kAck) && flow.has(Mark::kClientIsn);
    const bool same_client = !answers || flow.client_isn == mapped_ack(flow, view.ack) - 1;
    const Seq begin = view.seq + 1;
    if (!flow.has(Mark::kPrimarySyn)) {
        const bool same = flow.has(Mark::kDeltaKnown) &&
                          near(begin.shifted(negated(delta_of(flow))), flow.origin, kSameIncarnation);
        return same ? SynFate::kTaken : SynFate::kTooEarly;
    }
    if (!flow.has(Mark::kSecondarySyn)) {
        if (!same_client) {
            ++context_.counters.secondary_stale;
            return SynFate::kStale;
        }
        learn_delta(flow, view);
        return SynFate::kTaken;
    }
    const bool mapped = context_.config.secondary_numbers == SecondaryNumbers::kMapped;
    const bool same_number = begin == flow.origin.shifted(delta_of(flow));
    const bool untouched = flow.secondary.next() == flow.origin;
    if (!same_number && !mapped && !(answers && same_client && untouched))
        return SynFate::kTooEarly;
    if (mapped && !(same_client && (answers || untouched))) return SynFate::kTooEarly;
    if (same_number || mapped) {
        flow.secondary_syn = syn_options(view);
    } else {
        learn_delta(flow, view);  // SYN cookies: another number for the same SYN
    }
    return SynFate::kTaken;
}

void TcpComparison::learn_delta(Flow& flow, const PacketView& view) {
    if (context_.config.secondary_numbers == SecondaryNumbers::kNative) {
        set_delta(flow, (view.seq + 1) - flow.origin);
        const uint32_t timestamps = timestamp_delta(flow, view);
        const bool ended = flow.has(Mark::kSecondaryFin) || flow.has(Mark::kPositionalRst);
        if (!ended) flow.remember_timestamps_delta(timestamps);
        // A fence may have settled more than the handshake.
        context_.reassembler.reset(flow.secondary, flow.verified_seq());
        announce(flow, timestamps, flow.has(Mark::kSecondarySyn));
    }
    flow.set(Mark::kSecondarySyn);
    if (flow.has(Mark::kBeginSettled)) return;
    flow.secondary_syn = syn_options(view);
    if (flow.secondary_syn == flow.primary_syn) return;
    Evidence evidence;
    evidence.what = "SYN options";
    evidence.detail =
        "primary: " + to_string(flow.primary_syn) + "; secondary: " + to_string(flow.secondary_syn);
    diverge(flow, "SYN options", flow.origin, std::move(evidence));
}

/// The primary's SYN is still held while the secondary's is awaited, so both TSvals are at hand.
uint32_t TcpComparison::timestamp_delta(const Flow& flow, const PacketView& secondary_syn) {
    const auto theirs = parse_tcp_options(secondary_syn).timestamps;
    const Backlog* backlog = context_.backlogs.find(flow);
    if (!theirs || !backlog) return 0;
    for (const Parked* held = backlog->held.front(); held; held = held->next) {
        if (!held->has(tcp_flag::kSyn) || held->begin != flow.origin) continue;
        const PacketView view = parse(held->frame.bytes(), held->frame.wire_size());
        const auto ours = parse_tcp_options(view).timestamps;
        return ours ? theirs->value - ours->value : 0;
    }
    return 0;
}

void TcpComparison::note_secondary_ack(Flow& flow, Seq ack) {
    if (flow.has(Mark::kSecondaryAck) && ack <= flow.secondary_ack) return;
    flow.secondary_ack = ack;
    flow.set(Mark::kSecondaryAck);
}

void TcpComparison::secondary_payload(Flow& flow, const Frame& frame, const PacketView& view,
                                      Seq seq) {
    const bool probe = view.payload_size == 1 && !flow.secondary.reassembling() &&
                       seq == flow.secondary.next() - 1;
    if (probe) return;
    Backlog& backlog = context_.backlog_of(flow);
    const Segment piece{seq, view.payload_size, view.payload(), &frame};
    // What the primary waits for is always taken; what runs ahead is bounded.
    const bool wanted = !backlog.primary_bytes.empty() && !flow.has(Mark::kDiverged);
    const bool over_cap = !wanted && context_.secondary_is_full(backlog);
    if (!over_cap && take_secondary(flow, backlog, piece)) [[likely]] return;
    context_.refuse_secondary(flow, backlog);
}

/// False when the reassembler has no place for it.
bool TcpComparison::take_secondary(Flow& flow, Backlog& backlog, const Segment& piece) {
    if (context_.reassembler.take_in_order(flow.secondary, piece)) [[likely]] {
        deliver_secondary(flow, backlog, piece.bytes, piece.frame);
        return true;
    }
    SecondarySink sink(*this, flow, backlog);
    return context_.reassembler.push(flow.secondary, piece, sink) != Arrival::kOverflow;
}

void TcpComparison::secondary_ends(Flow& flow, const PacketView& view, Seq seq) {
    const Seq end = seq + view.payload_size;
    if (view.has(tcp_flag::kFin)) {
        flow.set(Mark::kSecondaryFin);
        flow.secondary_fin = end;
    }
    if (view.has(tcp_flag::kRst)) {
        flow.set(Mark::kSecondaryRst);
        if (!flow.has(Mark::kSecondaryFin) && seq >= flow.secondary.next()) {
            flow.set(Mark::kPositionalRst);
            flow.secondary_fin = seq;
        }
    }
    if (Backlog* backlog = context_.backlogs.find(flow)) check_ends(flow, *backlog);
}

/// The next bytes of the primary's stream. `own_chunk` is the held segment's, null when the bytes lie in
/// libslirp's memory.
void TcpComparison::deliver_primary(Flow& flow, Backlog& backlog, Bytes bytes, ByteChunk* own_chunk) {
    if (backlog.kept) [[unlikely]] {
        backlog.kept->bytes.insert(backlog.kept->bytes.end(), bytes.begin(), bytes.end());
    }
    if (backlog.primary_bytes.empty()) bytes = match<true>(flow, backlog.secondary_bytes, bytes);
    if (bytes.empty()) return;
    if (!own_chunk) return append(backlog.primary_bytes, true, bytes, nullptr);
    own_chunk->data = bytes.data();
    own_chunk->size = static_cast<uint32_t>(bytes.size());
    own_chunk->in_parked = true;
    backlog.primary_bytes.push_back(own_chunk);
}

/// The next bytes of the secondary's stream, in `frame` or (null) in libslirp's memory.
void TcpComparison::deliver_secondary(Flow& flow, Backlog& backlog, Bytes bytes,
                                      const Frame* frame) {
    if (backlog.secondary_bytes.empty()) bytes = match<false>(flow, backlog.primary_bytes, bytes);
    if (!bytes.empty()) append(backlog.secondary_bytes, false, bytes, frame);
}

/// Compares what arrives with what the other side is ahead, which is used up. Returns the rest.
template <bool from_primary>
Bytes TcpComparison::match(Flow& flow, ChunkFifo& other, Bytes bytes) {
    while (!bytes.empty() && !other.empty() && !flow.has(Mark::kDiverged)) {
        const Bytes theirs = other.front()->bytes();
        const auto mismatch = first_mismatch(bytes, theirs);
        const size_t equal = mismatch.value_or(std::min(bytes.size(), theirs.size()));
        const uint64_t begin = flow.verified;
        flow.verified += equal;
        if (mismatch) {
            const Bytes primary = from_primary ? bytes : theirs;
            const Bytes secondary = from_primary ? theirs : bytes;
            diverge(flow, "payload", flow.verified_seq(),
                    excerpts("payload", begin, primary, secondary, equal));
        }
        consume(other, !from_primary, equal);
        bytes = bytes.subspan(equal);
    }
    return bytes;
}

void TcpComparison::append(ChunkFifo& chunks, bool from_primary, Bytes bytes, const Frame* frame) {
    while (!bytes.empty()) {
        ByteChunk* chunk = context_.backlogs.make_chunk();
        if (frame) {
            chunk->frame = frame->share();
            chunk->data = bytes.data();
            chunk->size = static_cast<uint32_t>(bytes.size());
        } else {  // libslirp's memory, gone after this call
            chunk->size = static_cast<uint32_t>(std::min<size_t>(bytes.size(), kCopyBytes));
            chunk->frame = context_.frames.copy(bytes.first(chunk->size));
            chunk->data = chunk->frame.data();
        }
        bytes = bytes.subspan(chunk->size);
        if (!from_primary) context_.room.add_secondary(1, chunk->size);
        chunks.push_back(chunk);
    }
}

void TcpComparison::drop_chunk(ChunkFifo& chunks, bool from_primary) {
    ByteChunk* chunk = chunks.pop_front();
    if (!from_primary) context_.room.remove_secondary(1, chunk->size);
    if (!chunk->in_parked) context_.backlogs.recycle(chunk);
}

void TcpComparison::consume(ChunkFifo& chunks, bool from_primary, uint64_t bytes) {
    while (bytes > 0 && !chunks.empty()) {
        ByteChunk& front = *chunks.front();
        if (bytes >= front.size) {
            bytes -= front.size;
            drop_chunk(chunks, from_primary);
            continue;
        }
        const uint32_t part = static_cast<uint32_t>(bytes);
        front.data += part;
        front.size -= part;
        if (!from_primary) context_.room.remove_secondary(0, part);
        return;
    }
}

/// FIN or RST of one side where the other has payload, or FINs at two places: nothing that is still
/// to come can make these equal. Below `verified` a fence has settled it.
void TcpComparison::compare_ends(Flow& flow, Backlog& backlog) {
    if (flow.has(Mark::kDiverged) || backlog.held.empty() || !flow.has(Mark::kDeltaKnown)) return;
    const Seq verified = flow.verified_seq();
    const bool primary_fin = flow.has(Mark::kPrimaryFin) && flow.primary_fin >= verified;
    const bool secondary_fin = flow.has(Mark::kSecondaryFin) && flow.secondary_fin >= verified;
    if (primary_fin && secondary_fin && flow.primary_fin != flow.secondary_fin) {
        diverge(flow, "FIN position", earlier(flow.primary_fin, flow.secondary_fin));
    } else if (primary_fin && flow.secondary.next() > flow.primary_fin) {
        diverge(flow, "FIN of the primary against payload", flow.primary_fin);
    } else if (secondary_fin && flow.primary.next() > flow.secondary_fin) {
        diverge(flow, "FIN of the secondary against payload", flow.secondary_fin);
    }
    if (backlog.primary_rst && !flow.has(Mark::kSecondaryRst)) {
        const Seq position = backlog.primary_rst->begin;
        if (position >= verified && flow.secondary.next() > position) {
            diverge(flow, "RST of the primary against payload", position);
        }
    }
    if (flow.has(Mark::kPositionalRst) && flow.secondary_fin >= verified &&
        flow.primary.next() > flow.secondary_fin) {
        diverge(flow, "RST of the secondary against payload", flow.secondary_fin);
    }
}

void TcpComparison::connects_elsewhere(Flow& flow, uint16_t secondarys_port) {
    Evidence evidence;
    evidence.what = "port";
    evidence.detail = "the secondary connects from port " + std::to_string(secondarys_port);
    diverge(flow, evidence.what, flow.origin, std::move(evidence));
}

void TcpComparison::diverge(Flow& flow, const char* what, Seq position,
                            std::optional<Evidence> evidence) {
    if (flow.has(Mark::kDiverged)) return;
    flow.set(Mark::kDiverged);
    ++context_.counters.divergences;
    if (!evidence) {
        evidence.emplace();
        evidence->what = what;
        evidence->begin = flow.offset_of(position);
    }
    context_.ask(Reason::kDivergence, &flow.key, flow.offset_of(position), std::move(evidence));
}

}  // namespace colo
