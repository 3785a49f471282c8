// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/flow_mapping.h"

#include "packet/tcp_options.h"

namespace colo {

namespace {

/// How far an RST may lie behind what was sent, and a client's progress ahead of its first ack.
constexpr SeqDelta kNear = 1 << 20;

/// RFC 7323 5.4: a tick is a millisecond or more. (Linux' tcp_usec_ts routes are beyond that.)
constexpr uint32_t kTicksPerSecond = 1000;
/// Echoes further ahead of the VM's clock than two copies of a guest can be apart are forged.
constexpr uint32_t kMostTicksAhead = 60 * kTicksPerSecond;

/// RFC 7323 5.2: timestamps are ordered as sequence numbers are.
bool is_later(uint32_t a, uint32_t b) {
    return Seq(a) > Seq(b);
}

uint32_t whole_ticks(Time time) {
    return static_cast<uint32_t>(time * kTicksPerSecond / seconds(1));
}

}  // namespace

SegmentNumbers::SegmentNumbers(const PacketView& view)
    : seq(view.seq),
      end(view.seq + view.tcp_length()),
      ack(view.ack),
      flags(view.tcp_flags),
      has_payload(view.payload_size > 0) {
    const auto timestamps = parse_tcp_options(view).timestamps;
    if (!timestamps) return;
    tsval = timestamps->value;
    const bool none = has(tcp_flag::kSyn) && timestamps->echo == 0;
    if (has(tcp_flag::kAck) && !none) echo = timestamps->echo;
}

FlowMapping FlowMapping::settled(uint32_t epoch, const Base& base) {
    FlowMapping mapping(epoch);
    mapping.base_ = base.offset;
    mapping.note_isn(base);
    mapping.set(kDeltaKnown | kConfirmed | kOpen);
    return mapping;
}

FlowMapping FlowMapping::unsettled(uint32_t epoch, const Handshake& handshake) {
    FlowMapping mapping(epoch);
    mapping.copied_ = true;
    mapping.set(kSyn | kVmNext);
    if (handshake.is_active) mapping.set(kActive);
    if (handshake.is_ambiguous) mapping.set(kAmbiguous);
    mapping.isn_ = handshake.isn;
    mapping.vm_next_ = handshake.next;
    if (handshake.ack) {
        mapping.vm_ack_ = *handshake.ack;
        mapping.set(kVmAck);
    }
    if (handshake.stamps) {
        mapping.first_tsval_ = handshake.stamps->first;
        mapping.latest_tsval_ = handshake.stamps->latest;
        mapping.set(kFirstTsval | kLatestTsval);
    }
    return mapping;
}

Handshake FlowMapping::handshake() const {
    Handshake handshake{isn_, vm_next_, {}, {}, has(kActive), has(kAmbiguous)};
    if (has(kVmAck)) handshake.ack = vm_ack_;
    if (has(kFirstTsval) && has(kLatestTsval)) handshake.stamps = {first_tsval_, latest_tsval_};
    return handshake;
}

std::optional<Offset> FlowMapping::total() const {
    if (!has(kDeltaKnown)) return std::nullopt;
    return base_ + delta_;
}

MappingPhase FlowMapping::phase() const {
    const bool ended = has(kReset) || (has(kVmFin) && has(kClientFinAcked));
    // What ended on a secondary may live on its primary, which set the base and takes it away.
    const bool may_end = alone_ || base_ == Offset{};
    if (ended && may_end) return MappingPhase::kClosing;
    return has(kOpen) ? MappingPhase::kOpen : MappingPhase::kHalfOpen;
}

// --- What the VM says

bool FlowMapping::answers_same_syn(const SegmentNumbers& syn) const {
    return syn.has(tcp_flag::kAck) && has(kVmAck) && syn.ack == vm_ack_;
}

/// The announcement came when this SYN's first copy was forgotten already.
bool FlowMapping::is_announced(const SegmentNumbers& syn) const {
    const bool never_seen = !has(kSyn) && has(kDeltaKnown) && !has(kConfirmed);
    return never_seen && syn.seq + 1 == origin_.shifted(delta_.seq);
}

bool FlowMapping::continues(const SegmentNumbers& syn) const {
    if (!has(kSyn) || syn.seq != isn_) return false;
    // A SYN of its own may become a SYN-ACK: both sides opened at once.
    return !syn.has(tcp_flag::kAck) || !has(kVmAck) || answers_same_syn(syn);
}

void FlowMapping::vm_syn(const SegmentNumbers& syn, Learning learning) {
    if (continues(syn)) return;
    const bool again = has(kSyn) && !has(kConfirmed) && answers_same_syn(syn);
    if (!again && !is_announced(syn)) {
        *this = FlowMapping(epoch_);
    } else if (learning == Learning::kFromAcks) {
        clear(kDeltaKnown);
    }
    set(kSyn | kVmNext);
    if (!syn.has(tcp_flag::kAck)) set(kActive);
    if (syn.has_payload) set(kAmbiguous);
    isn_ = syn.seq;
    vm_next_ = syn.end;
}

void FlowMapping::vm_sent(const SegmentNumbers& segment) {
    note_vm_tsval(segment);
    if (segment.has(tcp_flag::kRst)) return note_vm_rst(segment);
    clear(kReset);  // that one ended something else
    if (segment.has(tcp_flag::kAck)) note_vm_ack(segment);
    if (segment.has(tcp_flag::kFin)) set(kVmFin);
    vm_next_ = has(kVmNext) ? later(vm_next_, segment.end) : segment.end;
    set(kVmNext);
}

void FlowMapping::note_vm_tsval(const SegmentNumbers& segment) {
    if (!segment.tsval) return;
    if (segment.has(tcp_flag::kSyn) && !has(kFirstTsval)) {
        first_tsval_ = *segment.tsval;
        set(kFirstTsval);
    }
    if (has(kLatestTsval) && !is_later(*segment.tsval, latest_tsval_)) return;
    latest_tsval_ = *segment.tsval;
    set(kLatestTsval);
}

/// An ack that moves tells that the VM has taken what the client sent with numbers mapped by delta.
void FlowMapping::note_vm_ack(const SegmentNumbers& segment) {
    const bool moves = !has(kVmAck) || segment.ack > vm_ack_;
    if (!segment.has(tcp_flag::kSyn) && has(kDeltaKnown)) {
        if (moves) set(kOpen | kConfirmed);
        if (segment.has_payload || segment.has(tcp_flag::kFin)) set(kOpen);
    }
    if (moves) vm_ack_ = segment.ack;
    set(kVmAck);
    if (has(kClientFin) && vm_ack_ >= client_fin_) set(kClientFinAcked);
}

/// An RST that answers a segment without an ack (RFC 9293 3.10.7.1): its 0 is no number of ours.
bool FlowMapping::refuses_without_number(const SegmentNumbers& segment) const {
    return segment.has(tcp_flag::kRst) && segment.has(tcp_flag::kAck) && segment.seq == Seq(0) &&
           vm_next_ != Seq(0);
}

/// An RST that answers a stray segment carries that one's number and ends nothing.
void FlowMapping::note_vm_rst(const SegmentNumbers& rst) {
    const SeqDelta behind = vm_next_ - rst.seq;
    const bool is_at_its_end = has(kVmNext) && behind >= 0 && behind <= kNear;
    if (is_at_its_end && !refuses_without_number(rst)) set(kReset);
}

SegmentShift FlowMapping::output_shift(const SegmentNumbers& segment, const Offset& above) const {
    if (refuses_without_number(segment)) return {};
    SegmentShift shift = shift_of_output(above);
    if (!segment.tsval) shift.tsval = 0;
    return shift;
}

// --- What the client says

FlowMapping::Lesson FlowMapping::client_sent(const SegmentNumbers& segment, Learning learning,
                                             Time now) {
    if (!segment.has(tcp_flag::kAck)) return Lesson::kNone;
    if (has(kEarlier)) choose(segment.ack);
    Lesson lesson = Lesson::kNone;
    const bool learns = learning == Learning::kFromAcks || is_unsettled();
    if (learns && may_learn(segment)) lesson = learn(segment);
    if (has(kDeltaKnown)) {
        if (!segment.has(tcp_flag::kRst)) note_client_ack(segment.ack);
        if (segment.echo) note_echo(*segment.echo, now);
    }
    if (segment.has(tcp_flag::kFin)) note_client_fin(segment);
    return lesson;
}

/// What a stranger cannot make up without knowing the numbers of the client (or the VM's ports).
bool FlowMapping::answers_handshake(const SegmentNumbers& segment) const {
    const bool is_syn = segment.has(tcp_flag::kSyn);
    const bool answers_syn_ack = has(kVmAck) && segment.seq == vm_ack_ && !is_syn;
    const bool answers_syn = has(kActive) && (is_syn || segment.has(tcp_flag::kRst));
    return answers_syn_ack || answers_syn;
}

bool FlowMapping::acks_what_was_sent(Seq ack) const {
    if (!has(kSyn) || !has(kVmNext)) return false;
    const Seq native = ack.shifted(total()->seq);
    return native > isn_ + 1 && native <= vm_next_;
}

bool FlowMapping::may_learn(const SegmentNumbers& segment) const {
    if (!has(kSyn) || has(kConfirmed) || !answers_handshake(segment)) return false;
    if (!has(kDeltaKnown)) return true;
    // An ack somewhat ahead is progress (of output that went out uncompared), not another
    // handshake.
    const SeqDelta ahead = segment.ack - origin_;
    const bool is_progress = ahead >= 0 && ahead < kNear;
    return !is_progress && !acks_what_was_sent(segment.ack);
}

/// What the VM says while nothing is known goes out as it is: an ack of that speaks of the VM's own numbers.
bool FlowMapping::acks_what_went_unmapped(Seq ack) const {
    return !has(kDeltaKnown) && has(kVmNext) && ack > isn_ + 1 && ack <= vm_next_;
}

FlowMapping::Lesson FlowMapping::learn(const SegmentNumbers& segment) {
    const bool is_own = acks_what_went_unmapped(segment.ack);
    if (has(kAmbiguous) && !is_own) return Lesson::kAmbiguous;
    const Lesson lesson = has(kDeltaKnown) ? Lesson::kCorrected : Lesson::kLearnt;
    origin_ = is_own ? isn_ + 1 : segment.ack;
    const bool has_clocks = !is_own && segment.echo && has(kLatestTsval);
    (learns_base() ? base_ : delta_) = {(isn_ + 1) - origin_, has_clocks ? latest_tsval_ - *segment.echo : 0};
    copied_ = false;
    clear(kEcho);  // a wrong offset let it pass
    set(kDeltaKnown);
    return lesson;
}

/// The client's ack chooses among announced numbers only.
void FlowMapping::choose(Seq ack) {
    if (earlier_.origin == ack) {
        (learns_base() ? base_ : delta_) = earlier_.delta;
        origin_ = ack;
    }
    if (origin_ == ack) clear(kEarlier);
}

void FlowMapping::note_client_ack(Seq ack) {
    if (ack == origin_) set(kOpen);
    if (acks_what_was_sent(ack)) set(kOpen | kConfirmed);
}

/// Only remembered: it counts when the VM acknowledges it.
void FlowMapping::note_client_fin(const SegmentNumbers& segment) {
    if (has(kVmAck) && segment.end <= vm_ack_) return;
    client_fin_ = segment.end;
    set(kClientFin);
}

void FlowMapping::note_echo(uint32_t echo, Time now) {
    if (!has(kLatestTsval)) return;
    if (is_later(echo + total()->timestamp, latest_tsval_ + kMostTicksAhead)) return;
    if (has(kEcho) && !is_later(echo, highest_echo_)) return;
    highest_echo_ = echo;
    echo_at_ = now;
    set(kEcho);
}

FlowMapping::InputShift FlowMapping::input_shift(const SegmentNumbers& segment) const {
    const Offset offset = *total();
    InputShift result{shift_of_input(offset)};
    if (!segment.has(tcp_flag::kAck)) result.shift.ack = 0;
    if (!segment.echo) {
        result.shift.tsecr = 0;
        return result;
    }
    const uint32_t plain = *segment.echo + offset.timestamp;
    uint32_t echo = plain;
    if (has(kFirstTsval) && !has(kConfirmed) && is_later(first_tsval_, echo)) echo = first_tsval_;
    if (has(kLatestTsval) && is_later(echo, latest_tsval_)) echo = latest_tsval_;
    result.clamped = echo != plain;
    result.shift.tsecr = echo - *segment.echo;
    return result;
}

// --- What the link and the checkpoints say

void FlowMapping::set_base(const Base& base) {
    base_ = base.offset;
    note_isn(base);
    if (!copied_) return;
    copied_ = false;
    origin_ = (isn_ + 1).shifted(negated(base_.seq));
    set(kDeltaKnown);
}

/// The primary's is the VM's as long as that one has sent no SYN of its own.
void FlowMapping::note_isn(const Base& base) {
    if (!base.isn || has(kSyn)) return;
    isn_ = *base.isn;
    set(kSyn);
}

void FlowMapping::announce(const Announcement& announced) {
    const bool other = announced.again && has(kDeltaKnown) && origin_ != announced.origin;
    if (other) {
        earlier_ = {delta_, origin_};
        set(kEarlier);
    } else if (!announced.again) {
        clear(kEarlier);
    }
    delta_ = announced.delta;
    origin_ = announced.origin;
    set(kDeltaKnown);
}

void FlowMapping::enter_epoch(uint32_t epoch) {
    if (epoch_ == epoch) return;
    epoch_ = epoch;
    if (copied_) return;  // the numbers of the handshake are the primary's, too
    clear(kEarlier | kAmbiguous | kFirstTsval | kLatestTsval);
    if (has(kDeltaKnown)) {
        isn_ = isn_.shifted(negated(delta_.seq));
        vm_next_ = vm_next_.shifted(negated(delta_.seq));
    } else {
        clear(kSyn | kVmNext);  // the numbers of a VM that is no more
    }
    delta_ = {};
    set(kDeltaKnown | kConfirmed);
}

void FlowMapping::failover(Time now) {
    alone_ = true;
    if (has_spoken_unmapped()) set(kDeltaKnown);
    if (!has(kDeltaKnown)) return;
    base_ = *total();
    delta_ = {};
    set(kConfirmed);
    if (has(kEcho)) jump_timestamps(now);
}

/// A copy that said its primary's SYN-ACK again: nobody announces what is the client's number already. It has
/// gone on behind it, so it has believed the client's ack, which was given to it as it was.
bool FlowMapping::has_spoken_unmapped() const {
    return !has(kDeltaKnown) && !has(kAmbiguous) && has(kSyn) && has(kVmNext) && vm_next_ > isn_ + 1;
}

/// The client has seen the other VM's clock up to an unknown point behind the highest echo.
void FlowMapping::jump_timestamps(Time now) {
    const uint32_t target = highest_echo_ + whole_ticks(now - echo_at_) + kTicksPerSecond;
    // The VM's next one is not before this.
    const uint32_t next = has(kLatestTsval) ? latest_tsval_ : highest_echo_ + base_.timestamp;
    if (is_later(target, next - base_.timestamp)) base_.timestamp = next - target;
}

}  // namespace colo
