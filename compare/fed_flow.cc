// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/fed_flow.h"

#include <algorithm>

#include "packet/tcp_options.h"

namespace colo {

namespace {

/// How far from where the other side stands a segment may be; windows are rarely larger.
constexpr SeqDelta kSameConnection = 1 << 24;

/// RFC 9293 3.10.7: these count where they come.
bool keeps_place(const SegmentNumbers& segment) {
    return segment.has(tcp_flag::kSyn) || segment.has(tcp_flag::kRst);
}

bool is_near(Seq a, Seq b) {
    const SeqDelta apart = a - b;
    return apart > -kSameConnection && apart < kSameConnection;
}

}  // namespace

/// What the client itself counts stays.
void FedFlow::enter_epoch(uint32_t epoch) {
    if (epoch_ == epoch) return;
    epoch_ = epoch;
    clear(kVm | kVmAck | kIsn | kEdge | kVmStamp | kVmFin | kClientAck);
}

// --- The VM's segments

bool FedFlow::continues(const SegmentNumbers& syn) const {
    return (!has(kIsn) && !has(kVm)) || (has(kIsn) && syn.seq == isn_);
}

void FedFlow::vm_sent(const SegmentNumbers& segment, const PacketView& view) {
    if (segment.has(tcp_flag::kSyn)) note_vm_syn(segment, view);
    vm_next_ = has(kVm) ? later(vm_next_, segment.end) : segment.end;
    set(kVm);
    if (segment.has(tcp_flag::kFin)) set(kVmFin);
    if (segment.tsval) {
        vm_tsval_ = *segment.tsval;
        set(kVmStamp);
    }
    if (segment.has(tcp_flag::kAck)) note_edge(segment, view.window);
}

/// RFC 7323 2.2: a SYN-ACK has the option only if the SYN had it, a SYN may have it in vain.
void FedFlow::note_vm_syn(const SegmentNumbers& syn, const PacketView& view) {
    isn_ = syn.seq;
    set(kIsn);
    const auto scale = parse_tcp_options(view).window_scale;
    scale_ = scale.value_or(0);
    clear(kScaleKnown | kOffered);
    set(syn.has(tcp_flag::kAck) || !scale ? kScaleKnown : kOffered);
}

/// A window of a flow that was first seen in its middle is known if it is closed, only.
void FedFlow::note_edge(const SegmentNumbers& segment, uint16_t window) {
    vm_ack_ = segment.ack;
    set(kVmAck);
    const bool is_known = has(kScaleKnown) || segment.has(tcp_flag::kSyn) || window == 0;
    if (!is_known) return clear(kEdge);
    const uint32_t open = uint32_t{window} << (segment.has(tcp_flag::kSyn) ? 0 : scale_);
    edge_ = segment.ack + open;
    widest_ = std::max(widest_, open);
    set(kEdge);
}

bool FedFlow::is_outstanding(const SegmentNumbers& segment) const {
    return !has(kClientAck) || segment.end > client_ack_;
}

bool FedFlow::calls_for_ack(const SegmentNumbers& segment) const {
    if (!has(kClientAck) || segment.has(tcp_flag::kRst)) return false;
    // Of no length below what was acked: a keep-alive or a window probe (a mere ack is sent from above).
    if (segment.seq == segment.end) return segment.seq < client_ack_;
    const bool is_acked = segment.end <= client_ack_;
    const bool probes_window = window_ == 0 && segment.seq >= client_ack_;
    return is_acked || probes_window;
}

bool FedFlow::may_answer(Time now) {
    if (now < next_answer_) return false;
    next_answer_ = now + kAnswerPause;
    return true;
}

// --- The client's segments

bool FedFlow::is_plausible(const SegmentNumbers& segment) const {
    if (has(kVmAck) && !is_near(segment.seq, vm_ack_)) return false;
    return !segment.has(tcp_flag::kAck) || !has(kVm) || is_near(segment.ack, vm_next_);
}

bool FedFlow::client_sent(const SegmentNumbers& segment, const PacketView& view) {
    if (segment.has(tcp_flag::kSyn)) {
        if (segment.has(tcp_flag::kAck)) note_client_syn(view);
        return false;
    }
    if (!segment.has(tcp_flag::kAck) || segment.has(tcp_flag::kRst)) return false;
    if (has(kClientAck) && segment.ack < client_ack_) return false;
    const bool is_news = !has(kClientAck) || segment.ack != client_ack_ || view.window != window_;
    client_ack_ = segment.ack;
    window_ = view.window;
    set(kClientAck);
    return is_news;
}

void FedFlow::note_client_syn(const PacketView& view) {
    if (!has(kOffered)) return;
    if (!parse_tcp_options(view).window_scale) scale_ = 0;
    clear(kOffered);
    set(kScaleKnown);
}

/// What is longer than the window has ever been would wait for ever: the VM takes what it can.
bool FedFlow::is_beyond_window(Seq end, uint32_t length) const {
    if (!has(kEdge) || end <= edge_) return false;
    const bool never_fits = length > widest_ && end - length < edge_;
    return !never_fits;
}

void FedFlow::pass(const SegmentNumbers& segment) {
    client_next_ = has(kClientNext) ? later(client_next_, segment.end) : segment.end;
    set(kClientNext);
    if (segment.has(tcp_flag::kFin)) set(kClientFin);
    if (!segment.tsval || later_tsval(segment)) return;
    client_tsval_ = *segment.tsval;
    set(kClientStamp);
}

/// Without payload it ends the connection, or begins another: that keeps its place.
bool FedFlow::goes_before_held(const SegmentNumbers& segment) const {
    return segment.has_payload && !keeps_place(segment) && segment.seq <= held.front()->segment.seq;
}

HeldFrame* FedFlow::place_of(const SegmentNumbers& segment) const {
    HeldFrame* place = held.back();
    const auto stays_before = [&](const HeldFrame& other) {
        return keeps_place(other.segment) || other.segment.seq <= segment.seq;
    };
    if (!place || keeps_place(segment) || stays_before(*place)) return place;
    place = nullptr;
    for (HeldFrame* other = held.front(); other; other = other->next) {
        if (stays_before(*other)) place = other;
    }
    return place;
}

std::optional<uint32_t> FedFlow::later_tsval(const SegmentNumbers& segment) const {
    if (!segment.tsval || !has(kClientStamp)) return std::nullopt;
    const bool is_later = Seq(client_tsval_) > Seq(*segment.tsval);
    return is_later ? std::optional(client_tsval_) : std::nullopt;
}

/// The TSval is one that the VM knows: with a later one it would take frames that wait for old
/// duplicates (RFC 7323 5.3).
std::optional<PureAck> FedFlow::ack() const {
    if (!has(kClientAck | kClientNext)) return std::nullopt;
    PureAck ack{client_next_, client_ack_, window_, std::nullopt};
    if (has(kClientStamp | kVmStamp)) ack.stamps = PureAck::Stamps{client_tsval_, vm_tsval_};
    return ack;
}

bool FedFlow::is_closed() const {
    return has(kVmFin | kClientFin | kVmAck | kClientAck) && client_ack_ >= vm_next_ &&
           vm_ack_ >= client_next_;
}

}  // namespace colo
