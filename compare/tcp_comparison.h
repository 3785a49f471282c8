// SPDX-License-Identifier: GPL-2.0-or-later
// Comparing TCP flows. Theory of operation:
//
//   Each side's payload becomes a stream of bytes in order (tcpstack/). The two streams are
//   compared as soon as both have bytes for a position; `verified` is how far they are equal.
//   Whichever side is ahead keeps its bytes as chunks, so at most one side has any.
//
//   Each primary frame waits in `held`, in the order it came, until everything in it is covered
//   (may_go): payload by `verified`, ack by the secondary's highest ack, SYN, FIN and RST by their
//   twins. A retransmission waits like any other frame.
//
//        verified        primary.next()        highest end seen
//   ---------|----------------|-------- gap --------|
//    may go     primary_bytes      with libslirp
//
//   A new incarnation of the 4-tuple begins with the primary's SYN. It waits (deferred) until the
//   old one's output is gone; the secondary's frames of an incarnation that the primary has not
//   begun wait too (secondary_deferred).
//
//   A divergence stops the comparing of its flow until a fence; what was verified before still
//   goes.
//
// Sources: RFC 9293 (segments), RFC 1982 (serial order), RFC 7323 2 (window scale only in SYNs),
// RFC 1122 4.2.3.6 (keep-alives), RFC 4987 3.6 (SYN cookies).
#pragma once

#include "compare/context.h"
#include "compare/flow.h"
#include "packet/view.h"

namespace colo {

class TcpComparison {
  public:
    explicit TcpComparison(Context& context) : context_(context) {}

    /// Fills in a held segment from its headers.
    static void describe(Parked& parked, const PacketView& view);

    /// Takes a held segment into the flow (not deferred ones; see begins_incarnation).
    void admit(Flow& flow, Backlog& backlog, Parked* parked);
    /// True when the segment opens another incarnation than the one the primary is in.
    bool begins_incarnation(const Flow& flow, const Parked& segment) const;
    /// A segment of the secondary, numbers as configured. False: it has to wait for the primary.
    bool secondary(Flow& flow, const Frame& frame, const PacketView& view);
    /// A segment of the client: a hint at most (semantics.md, 4).
    void input(Flow& flow, const PacketView& view);

    /// The primary has sent a SYN that is held, and the secondary none.
    static bool has_lonely_syn(const Flow& flow, const Backlog& backlog) {
        return !backlog.held.empty() && flow.has(Mark::kPrimarySyn) && !flow.has(Mark::kSecondarySyn) &&
               !flow.has(Mark::kDiverged);
    }
    /// The secondary makes the connection of such a SYN from another port: a divergence.
    void connects_elsewhere(Flow& flow, uint16_t secondarys_port);

    /// All of output commit for one held segment.
    bool may_go(Flow& flow, Backlog& backlog, Parked& segment);
    /// A held segment was let out by may_go().
    void gone(Flow& flow, Backlog& backlog, const Parked& segment);

    /// A fence let `segment` out: what it says counts as said by both. In order, before settle().
    void note_released(Flow& flow, Backlog& backlog, const Parked& segment);
    /// Everything held of the flow has been let out: makes that the common truth.
    void settle(Flow& flow, Backlog& backlog, Fence fence);

    /// Before held records go: their payload may still be queued.
    void drop_primary_bytes(Backlog& backlog);
    /// Forgets both sides' queued bytes.
    void drop_streams(Flow& flow, Backlog& backlog);

    SeqDelta delta_of(const Flow& flow) const {
        return flow.delta_epoch == context_.epoch ? flow.delta : 0;
    }

  private:
    class PrimarySink;
    class SecondarySink;

    /// Primary bytes kept behind `verified` while libslirp has the flow; its window.
    static constexpr uint32_t kKeptBehind = 128u << 10;
    /// Copied out of libslirp's memory in pieces of this size.
    static constexpr uint32_t kCopyBytes = 16384;

    void admit_syn(Flow& flow, Backlog& backlog, const Parked& segment);
    void begin_incarnation(Flow& flow, Backlog& backlog, const Parked& syn);
    void adopt(Flow& flow, const Parked& segment);
    void move_origin(Flow& flow, Seq origin, SeqDelta delta);
    /// `again`: another number for a SYN that has been answered.
    void announce(const Flow& flow, uint32_t timestamps, bool again);
    void set_delta(Flow& flow, SeqDelta delta);
    void admit_payload(Flow& flow, Backlog& backlog, Parked& segment);
    void admit_out_of_order(Flow& flow, Backlog& backlog, Parked& segment, const Segment& piece);
    static bool begins_below_origin(const Flow& flow, const Parked& segment);
    static bool is_keep_alive(const Flow& flow, const Backlog& backlog, const Parked& segment);
    void compare_with_held(Flow& flow, Backlog& backlog, Parked& segment);
    void check_kept(Flow& flow, Backlog& backlog, Parked& segment);
    void conflict(Flow& flow, Parked& segment, Seq position);
    void keep_from_here(Flow& flow, Backlog& backlog);
    void let_go_of_kept(Flow& flow, Backlog& backlog);

    /// How far a segment may lie from what came before: more than any window in use. What lies
    /// elsewhere is of another incarnation, and says nothing about this one.
    static constexpr SeqDelta kSameStream = 1 << 26;
    /// What of a stream may be under way: an RST lies no further ahead.
    static constexpr uint32_t kMostAhead = 1u << 20;

    static bool near(Seq a, Seq b, SeqDelta most);
    /// VMs answer segments of earlier incarnations with RSTs, too; those have numbers that lie
    /// elsewhere.
    static bool ends_incarnation(const Flow& flow, const TcpStream& stream, Seq rst);
    static bool has_place(const Flow& flow, const PacketView& view, Seq seq);
    static bool only_stray_resets_seen(const Flow& flow, const Backlog& backlog);
    static bool syn_covered(const Flow& flow, const Parked& segment);
    static bool fin_covered(const Flow& flow, const Parked& segment);
    bool ack_covered(const Flow& flow, const Parked& segment);
    Seq mapped_ack(const Flow& flow, Seq ack);
    std::optional<SeqDelta> reverse_delta(const Flow& flow);
    void advance_phase(Flow& flow, const Parked& released);

    static void note_primary_ack(Flow& flow, Seq ack);
    void note_settled_ack(Flow& flow, Seq ack);
    void enter_epoch(Flow& flow);
    static void copy_primary_marks(Flow& flow);
    void become_copy(Flow& flow, Backlog& backlog, Seq high);
    void skip_secondary(Flow& flow, Backlog& backlog, Seq high, uint64_t settled);

    enum class SynFate : uint8_t { kTaken, kStale, kTooEarly };
    SynFate secondary_syn(Flow& flow, const PacketView& view);
    bool awaits_mapped_syn(const Flow& flow) const;
    void refuse_before_syn(Flow& flow, const PacketView& view);
    uint32_t timestamp_delta(const Flow& flow, const PacketView& secondary_syn);
    void learn_delta(Flow& flow, const PacketView& view);
    void note_secondary_ack(Flow& flow, Seq ack);
    void secondary_payload(Flow& flow, const Frame& frame, const PacketView& view, Seq seq);
    void secondary_ends(Flow& flow, const PacketView& view, Seq seq);

    bool take_secondary(Flow& flow, Backlog& backlog, const Segment& piece);
    void deliver_primary(Flow& flow, Backlog& backlog, Bytes bytes, ByteChunk* own_chunk);
    void deliver_secondary(Flow& flow, Backlog& backlog, Bytes bytes, const Frame* frame);
    template <bool from_primary>
    Bytes match(Flow& flow, ChunkFifo& other, Bytes bytes);
    void append(ChunkFifo& chunks, bool from_primary, Bytes bytes, const Frame* frame);
    void drop_chunk(ChunkFifo& chunks, bool from_primary);
    void consume(ChunkFifo& chunks, bool from_primary, uint64_t bytes);
    void check_ends(Flow& flow, Backlog& backlog) {
        constexpr uint16_t kEnds = static_cast<uint16_t>(Mark::kPrimaryFin) |
                                   static_cast<uint16_t>(Mark::kSecondaryFin) |
                                   static_cast<uint16_t>(Mark::kPositionalRst);
        if ((flow.marks & kEnds) != 0 || backlog.primary_rst) [[unlikely]] {
            compare_ends(flow, backlog);
        }
    }
    void compare_ends(Flow& flow, Backlog& backlog);
    void diverge(Flow& flow, const char* what, Seq position,
                 std::optional<Evidence> evidence = std::nullopt);

    Context& context_;
};

}  // namespace colo
