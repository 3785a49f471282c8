// SPDX-License-Identifier: GPL-2.0-or-later
// One tracked flow (one incarnation of a 4-tuple, or one datagram conversation): two cache lines, so
// that a million idle ones fit in 200 MB. Whatever an idle flow does not need lives in its Backlog.
//
// Positions are in the client's number space. `verified` counts bytes from `origin` and does not wrap;
// all else is Seq. The secondary's stream is mapped by `delta` before it meets any of these.
#pragma once

#include <cstdint>

#include "packet/flow_key.h"
#include "packet/seq.h"
#include "packet/tcp_options.h"
#include "tcpstack/tcp_stream.h"

namespace colo {

enum class Phase : uint8_t {
    kHalfOpen,     ///< SYN or SYN-ACK of a VM seen, no answer that fits it yet
    kEstablished,
    kClosing,      ///< FIN both ways, or a VM's RST; lives 120 s more
    kDatagram,     ///< no connection to keep: may go whenever nothing is held
    kFree,         ///< an unused place in the slab
};

/// Facts about a flow, as a bit set.
enum class Mark : uint16_t {
    kPrimarySeen = 1 << 0,     ///< origin and primary are valid
    kPrimarySyn = 1 << 1,      ///< primary_syn is valid; the SYN's seq is origin - 1
    kSecondarySyn = 1 << 2,    ///< secondary_syn is valid
    kPrimaryFin = 1 << 3,      ///< primary_fin is valid
    kSecondaryFin = 1 << 4,    ///< secondary_fin is valid
    kSecondaryRst = 1 << 5,
    kSecondaryAck = 1 << 6,    ///< secondary_ack is valid
    kDeltaKnown = 1 << 7,
    kDiverged = 1 << 8,        ///< comparing stopped until a fence
    kUnprotected = 1 << 9,     ///< options that cannot be rewritten: released by checkpoints only
    kPhaseWord = 1 << 10,      ///< phase_word is valid (kClosing: always)
    kClientIsn = 1 << 11,      ///< client_isn and primary_ack are valid
    kBeginSettled = 1 << 12,   ///< a fence has settled the SYN, or all below where it was taken up
    kUntilFence = 1 << 13,     ///< output is held, uncompared, until the next fence
    kTouched = 1 << 14,        ///< used since eviction last looked
    kPositionalRst = 1 << 15,  ///< the secondary's RST ends its stream, at secondary_fin
};

inline constexpr uint32_t kNoFlow = UINT32_MAX;
inline constexpr uint32_t kNoBacklog = UINT32_MAX;
inline constexpr uint8_t kNoRule = 0xff;

struct alignas(64) Flow {
    FlowKey key;
    Phase phase = Phase::kHalfOpen;
    uint8_t rule = kNoRule;  ///< passthrough rule that covers the flow
    uint16_t marks = 0;
    TcpStream primary;
    TcpStream secondary;
    // -- second cache line
    uint64_t verified = 0;   ///< both streams are equal up to here, from origin
    Seq origin;              ///< of stream offset 0
    Seq secondary_ack;       ///< highest ack of the secondary
    Seq primary_ack;         ///< highest ack of the primary, valid with kClientIsn
    SeqDelta delta = 0;      ///< secondary's numbers above the primary's, valid in delta_epoch
    uint32_t delta_epoch = 0;
    Seq primary_fin;         ///< where it ends; handshake memory before that, see below
    Seq secondary_fin;
    Seq client_isn;          ///< first acknowledged, by the SYN-ACK: tells incarnations apart
    /// kHalfOpen: handshake memory, see below; kEstablished: position of the
    /// client's FIN; kClosing: since when, in seconds.
    uint32_t phase_word = 0;
    SynOptions primary_syn;
    SynOptions secondary_syn;
    uint32_t backlog = kNoBacklog;
    uint32_t previous = kNoFlow;  ///< in its phase's list (or the free list)
    uint32_t next = kNoFlow;

    bool has(Mark mark) const { return (marks & static_cast<uint16_t>(mark)) != 0; }
    void set(Mark mark) { marks |= static_cast<uint16_t>(mark); }
    void clear(Mark mark) { marks &= static_cast<uint16_t>(~static_cast<uint16_t>(mark)); }

    // Handshake memory, in fields that mean nothing while kHalfOpen and nothing has ended: what an
    // earlier SYN-ACK to the same SYN announced (SYN cookies; valid with kPhaseWord), and the VMs'
    // timestamps' distance, for announcing anew.
    void remember_earlier_syn(Seq at, SeqDelta its_delta) {
        phase_word = at.raw();
        primary_fin = Seq(static_cast<uint32_t>(its_delta));
        set(Mark::kPhaseWord);
    }
    Seq earlier_origin() const { return Seq(phase_word); }
    SeqDelta earlier_delta() const { return static_cast<SeqDelta>(primary_fin.raw()); }
    void remember_timestamps_delta(uint32_t ticks) { secondary_fin = Seq(ticks); }
    uint32_t timestamps_delta() const { return secondary_fin.raw(); }

    bool reassembling() const { return primary.reassembling() || secondary.reassembling(); }
    /// Position up to which both streams are equal.
    Seq verified_seq() const { return origin + static_cast<uint32_t>(verified); }
    /// TcpStream offset of a position near `verified`.
    uint64_t offset_of(Seq position) const {
        return verified + static_cast<uint64_t>(static_cast<int64_t>(position - verified_seq()));
    }
};
static_assert(sizeof(Flow) == 128);

}  // namespace colo
