// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair/nic.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "link/link_session.h"
#include "pair/peer_message.h"

namespace colo {

Nic::Nic(FilterHost& host, uint32_t index, Netdev& vm, Netdev& uplink, const ComparatorConfig& config,
         Owner& owner)
    : host_(host),
      index_(index),
      vm_(vm),
      uplink_(uplink),
      config_(config),
      owner_(owner),
      vm_outlet_(host, vm),
      uplink_outlet_(host, uplink),
      announcer_(host.pool(), *this, host.hash()),
      timer_(host.loop(), [this] { tick(); }) {
    vm_.set_receiver(&vm_end_);
    uplink_.set_receiver(&uplink_end_);
}

Nic::~Nic() {
    vm_.set_receiver(nullptr);
    uplink_.set_receiver(nullptr);
}

// --- Roles ---------------------------------------------------------------------------------------

void Nic::become_primary() {
    secondary_.reset();
    PrimaryPath::Outside& outside = *this;
    primary_ =
        std::make_unique<PrimaryPath>(config_, host_.hash(), host_.pool(), mapper_.get(), outside);
    touched();
}

void Nic::become_secondary() {
    primary_.reset();
    secondary_.reset();
    no_room_seen_ = 0;
    SecondaryPath::Outside& outside = *this;
    mapper_ = std::make_unique<FlowMapper>(config_.max_connections, Learning::kAnnounced, host_.hash(),
                                           host_.pool());
    secondary_ = std::make_unique<SecondaryPath>(config_.max_connections, Comparer::kLinked, host_.hash(),
                                                 host_.pool(), *mapper_, announcer_, outside);
    touched();
}

void Nic::configure(const ComparatorConfig& config) {
    if (mapper_) mapper_->set_max_flows(config.max_connections);
    if (secondary_) secondary_->set_max_flows(config.max_connections);
    if (!primary_) return;
    primary_->comparator().set_max_connections(config.max_connections);
    primary_->comparator().config() = config;
}

void Nic::take_over() {
    std::vector<Frame> unheard = secondary_->end(now());
    mapper_->failover(now());
    become_primary();
    stop(false);
    announcer_.start(now());
    for (Frame& frame : unheard) primary_->from_vm(std::move(frame), now());
}

// --- Frames --------------------------------------------------------------------------------------

void Nic::vm_frame(Frame&& frame, Time now) {
    if (primary_) {
        primary_->from_vm(std::move(frame), now);
    } else {
        secondary_->from_vm(std::move(frame), owner_.output_epoch(), now);
    }
    touched();
}

/// What a VM has been given without us is seen before what it says to that.
void Nic::read_mirrored() {
    if (vm_.is_mirrored() && !is_stopped_ && !input_is_paused_) uplink_.drain();
}

/// Beside a secondary the uplink is read, so that it does not back up, and dropped.
void Nic::uplink_frame(Frame&& frame, Time now) {
    if (!primary_) return;
    primary_->from_uplink(std::move(frame), now);
    touched();
}

void Nic::peer_frame(Frame&& frame, uint32_t epoch) {
    if (primary_) {
        primary_->from_peer(std::move(frame), epoch, now());
    } else if (epoch == owner_.input_epoch()) {
        secondary_->from_peer(std::move(frame), now());
    } else {
        ++stale_;
    }
    touched();
}

void Nic::peer_question(Frame&& frame) {
    if (primary_) uplink_outlet_.send(std::move(frame), now());
}

void Nic::mirror(const Frame& frame) {
    if (const auto epoch = owner_.input_epoch())
        owner_.send_packet(static_cast<uint32_t>(PacketKind::kFrame), *this, *epoch, frame.bytes());
}

void Nic::from_vm(Frame&& frame, uint32_t epoch, Time) {
    owner_.send_packet(static_cast<uint32_t>(PacketKind::kFrame), *this, epoch, frame.bytes());
}

void Nic::ask_at_peer(const Frame& frame) {
    owner_.send_packet(kQuestionPacket, *this, 0, frame.bytes());
}

void Nic::wants_checkpoint(const CheckpointRequest& request) {
    owner_.wants_checkpoint(request);
    touched();
}

// --- Offsets -------------------------------------------------------------------------------------

void Nic::tell(const OffsetMessage& message) {
    const EncodedOffsetMessage encoded(message);
    const bool is_sent = owner_.send_packet(static_cast<uint32_t>(PacketKind::kOffsets), *this,
                                            owner_.input_epoch().value_or(0), encoded.bytes());
    if (!is_sent && !std::holds_alternative<Announcement>(message.told)) owner_.base_is_lost(*this);
}

void Nic::announce(const FlowKey& flow, const Announcement& announced) {
    tell({flow, announced});
}

void Nic::tell_offsets() {
    if (!mapper_) return;
    colo::tell_offsets(*mapper_, [this](const OffsetMessage& message) { tell(message); });
    mapper_->set_observer(this);
}

void Nic::peer_offsets(const OffsetMessage& message, uint32_t epoch) {
    if (secondary_) learn_offsets(*mapper_, message, epoch == owner_.input_epoch(), now());
}

// --- Reading and deadlines -----------------------------------------------------------------------

void Nic::stop(bool stopped) {
    is_stopped_ = stopped;
    update_reading();
}

void Nic::hold_output() {
    if (primary_) primary_->hold_output();
    announcer_.stop();
}

void Nic::bypass(bool bypassed, bool is_paired) {
    if (primary_) primary_->bypass(bypassed, is_paired, now());
    touched();
}

void Nic::shut() {
    if (primary_) primary_->shut();
    announcer_.stop();
}

void Nic::pause_input(bool paused) {
    input_is_paused_ = paused;
    update_reading();
}

/// A VM above its cap is not read: QEMU queues, and the guest feels a slow network.
void Nic::update_reading() {
    vm_.pause_reading(is_stopped_ || is_congested_);
    uplink_.pause_reading(is_stopped_ || input_is_paused_);
}

void Nic::flush() {
    if (primary_) {
        const bool congested = primary_->is_congested();
        if (std::exchange(is_congested_, congested) != congested) update_reading();
    }
    if (secondary_) look_at_room();
    timer_.set(next_deadline());
}

/// A connection without a place in the table is not mapped.
void Nic::look_at_room() {
    const uint64_t no_room = mapper_->counters().no_room;
    if (std::exchange(no_room_seen_, no_room) < no_room) owner_.secondary_is_full(*this);
}

Time Nic::next_deadline() const {
    const Time path = primary_ ? primary_->comparator().next_deadline()
                               : secondary_ ? secondary_->next_deadline() : kNever;
    return std::min(path, announcer_.next_deadline());
}

void Nic::tick() {
    if (primary_) primary_->tick(now());
    if (secondary_) secondary_->tick(now());
    announcer_.tick(now());
    touched();
}

}  // namespace colo
