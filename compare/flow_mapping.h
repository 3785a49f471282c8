// SPDX-License-Identifier: GPL-2.0-or-later
// One connection's number spaces, and how they become known: flow_mapper.h tells the whole story.
// Knows segments, not frames. "VM" is the one this mapper stands beside.
#pragma once

#include <cstdint>
#include <optional>

#include "compare/offsets.h"
#include "packet/seq.h"
#include "packet/time.h"
#include "packet/view.h"

namespace colo {

/// Where offsets come from.
enum class Learning : uint8_t {
    kFromAcks,   ///< nobody tells: from the client's first ack
    kAnnounced,  ///< from announcements only; acks choose among them
};

/// What mapping needs of a TCP segment.
struct SegmentNumbers {
    explicit SegmentNumbers(const PacketView& view);

    bool has(uint8_t flag) const { return (flags & flag) != 0; }

    Seq seq;
    Seq end;  ///< behind payload, SYN and FIN
    Seq ack;  ///< only with the ACK flag
    uint8_t flags;
    bool has_payload;
    std::optional<uint32_t> tsval;
    std::optional<uint32_t> echo;  ///< TSecr where it means something
};

enum class MappingPhase : uint8_t {
    kHalfOpen,
    kOpen,
    kClosing,  ///< FIN both ways, or the VM's RST (where base is this VM's own)
};
inline constexpr size_t kMappingPhases = 3;

class FlowMapping {
  public:
    enum class Lesson : uint8_t { kNone, kLearnt, kCorrected, kAmbiguous };

    explicit FlowMapping(uint32_t epoch) : epoch_(epoch) {}
    /// A flow that is met in its middle: the VM counts as the client does, but for `base`.
    static FlowMapping settled(uint32_t epoch, const Base& base);
    /// The VM is, or will be, a copy of one that went on alone during `handshake`.
    static FlowMapping unsettled(uint32_t epoch, const Handshake& handshake);

    /// True when `syn` (or a SYN-ACK) of the VM belongs to the handshake that is known already.
    bool continues(const SegmentNumbers& syn) const;
    /// A SYN or SYN-ACK of the VM; begins a new incarnation unless it continues the one there is.
    void vm_syn(const SegmentNumbers& syn, Learning learning);
    /// Any segment of the VM, after vm_syn().
    void vm_sent(const SegmentNumbers& segment);
    /// A segment of the client, before it is mapped.
    Lesson client_sent(const SegmentNumbers& segment, Learning learning, Time now);

    void announce(const Announcement& announced);
    void set_base(const Base& base);
    /// 0 where it is not known (yet).
    const Offset& base() const { return base_; }
    /// The same, for a new secondary.
    Base base_to_tell() const { return {base_, has(kSyn) ? std::optional(isn_) : std::nullopt}; }
    /// Whether the client's first ack is to tell the base.
    bool is_unsettled() const { return learns_base() && has(kSyn) && !has(kDeltaKnown); }
    /// While is_unsettled().
    Handshake handshake() const;
    /// The VM's native space above the client's. Nothing while delta is not known.
    std::optional<Offset> total() const;
    bool is_zero() const { return total().value_or(Offset{}) == Offset{}; }
    /// Makes up for fences that have passed: the VM has become a copy.
    void enter_epoch(uint32_t epoch);
    /// The VM goes on alone: delta becomes base and timestamps jump.
    void failover(Time now);

    struct InputShift {
        SegmentShift shift;
        bool clamped = false;
    };
    /// total() must be known.
    InputShift input_shift(const SegmentNumbers& segment) const;
    /// To where the VM's numbers are `above`: total() for the client's space.
    SegmentShift output_shift(const SegmentNumbers& segment, const Offset& above) const;

    MappingPhase phase() const;

  private:
    enum Mark : uint16_t {
        kSyn = 1 << 0,     ///< isn_ is valid
        kActive = 1 << 1,  ///< the VM sent a SYN of its own
        kVmAck = 1 << 2,   ///< vm_ack_ is valid
        kVmNext = 1 << 3,  ///< vm_next_ is valid
        kDeltaKnown = 1 << 4,
        kConfirmed = 1 << 5,  ///< delta_ is past doubt
        kAmbiguous = 1 << 6,  ///< the SYN carried data: an ack may or may not cover them
        kOpen = 1 << 7,
        kFirstTsval = 1 << 8,   ///< first_tsval_ is valid
        kLatestTsval = 1 << 9,  ///< latest_tsval_ is valid
        kEcho = 1 << 10,        ///< highest_echo_ and echo_at_ are valid
        kEarlier = 1 << 11,     ///< earlier_ is valid
        kVmFin = 1 << 12,
        kClientFin = 1 << 13,  ///< client_fin_ is valid
        kClientFinAcked = 1 << 14,
        kReset = 1 << 15,
    };
    /// An announced alternative.
    struct Choice {
        Offset delta;
        Seq origin;
    };

    bool has(Mark mark) const { return (marks_ & mark) != 0; }
    void set(unsigned marks) { marks_ = static_cast<uint16_t>(marks_ | marks); }
    void clear(unsigned marks) { marks_ = static_cast<uint16_t>(marks_ & ~marks); }

    void note_isn(const Base& base);
    bool has_spoken_unmapped() const;
    bool learns_base() const { return alone_ || copied_; }
    bool answers_same_syn(const SegmentNumbers& syn) const;
    bool is_announced(const SegmentNumbers& syn) const;
    void note_vm_tsval(const SegmentNumbers& segment);
    void note_vm_ack(const SegmentNumbers& segment);
    void note_vm_rst(const SegmentNumbers& rst);
    bool refuses_without_number(const SegmentNumbers& segment) const;

    bool answers_handshake(const SegmentNumbers& segment) const;
    bool acks_what_was_sent(Seq ack) const;
    bool may_learn(const SegmentNumbers& segment) const;
    bool acks_what_went_unmapped(Seq ack) const;
    Lesson learn(const SegmentNumbers& segment);
    void choose(Seq ack);
    void note_client_ack(Seq ack);
    void note_client_fin(const SegmentNumbers& segment);
    void note_echo(uint32_t echo, Time now);
    void jump_timestamps(Time now);

    uint16_t marks_ = 0;
    bool alone_ = false;
    bool copied_ = false;  ///< made by unsettled(); the base is not known, delta is 0
    uint32_t epoch_;  ///< in which delta_ and the VM's numbers below are valid
    Offset base_;
    Offset delta_;
    // In the VM's numbers.
    Seq isn_;
    Seq vm_next_;  ///< behind all it has sent
    uint32_t first_tsval_ = 0;
    uint32_t latest_tsval_ = 0;
    // In the client's numbers.
    Seq origin_;  ///< first byte of the VM's stream
    Seq vm_ack_;
    Seq client_fin_;
    uint32_t highest_echo_ = 0;
    Time echo_at_{0};
    Choice earlier_;
};

}  // namespace colo
