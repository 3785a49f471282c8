// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair/primary_side.h"

#include <utility>

#include "io/log.h"

namespace colo {

namespace {

/// Clients are not heard while the VM still runs: a migration that takes longer ends without a fence.
constexpr Time kSwitchPatience = milliseconds(500);

}  // namespace

PrimarySide::PrimarySide(PairContext& context, std::unique_ptr<Stream> stream, uint32_t epoch,
                         Owner& owner)
    : context_(context),
      owner_(owner),
      checkpoint_(context.settings.policy, *this, context.now()),
      relay_(context.loop, Role::kPrimary, std::move(stream), *this),
      timer_(context.loop, [this] { tick(); }),
      switch_deadline_(context.loop, [this] { checkpoint_.put_off_switch_over(); }),
      ready_deadline_(context.loop, [this] { wait_for_ready(); }) {
    checkpoint_.begin(epoch);
}

void PrimarySide::switch_over() {
    switch_deadline_.set(context_.now() + kSwitchPatience);
    checkpoint_.switch_over();
}

void PrimarySide::vm_stopped() {
    switch_deadline_.cancel();
    if (channel().phase() == ColoPhase::kMigrating) ready_deadline_.set(context_.now() + context_.settings.health.checkpoint);
}

void PrimarySide::wait_for_ready() {
    if (channel().phase() != ColoPhase::kMigrating) return;
    const Time silence = context_.now() - channel().last_progress();
    const Time patience = context_.settings.health.checkpoint;
    if (silence < patience) return ready_deadline_.set(channel().last_progress() + patience);
    owner_.channel_lost("the VM stands still, and the secondary's QEMU has not been ready for " +
                        std::to_string(silence / milliseconds(1)) + " ms");
}

void PrimarySide::request(const CheckpointRequest& request) {
    checkpoint_.request(request);
    look_at_deadline();
}

void PrimarySide::tick() {
    checkpoint_.tick(context_.now());
    apply_mode();
    look_at_deadline();
}

void PrimarySide::look_at_deadline() { timer_.set(checkpoint_.next_deadline()); }

/// Comparing stops at once where it is of no use, and begins again at a fence.
void PrimarySide::apply_mode() {
    if (!checkpoint_.is_in_lockstep() || compares_ == compares()) return;
    compares_ = compares();
    context_.nics.each([this](Nic& nic) {
        nic.primary()->compare(compares_, context_.now());
        nic.touched();
    });
    owner_.compare_mode_changed(compares_);
}

void PrimarySide::abort(const std::string& why) {
    timer_.cancel();
    switch_deadline_.cancel();
    ready_deadline_.cancel();
    context_.nics.forget();
    checkpoint_.abort();
    relay_.close({LinkCode::kCancelled, why});
}

// --- Orders --------------------------------------------------------------------------------------

void PrimarySide::ask_qemu(const CheckpointRequest&) {
    // What is asked for in vain is told once.
    if (policy().counters().repeated > std::exchange(repeated_, policy().counters().repeated))
        log_warning("checkpoint", "QEMU has not begun the checkpoint that it was asked for: it is asked again");
    context_.qemu.ask_checkpoint(context_.settings.max_interval_ms(), [](const std::optional<std::string>& error) {
        if (error) log_warning("checkpoint", *error);
    });
}

void PrimarySide::pause_input() {
    context_.nics.each([](Nic& nic) { nic.pause_input(true); });
}

void PrimarySide::resume_input() {
    context_.nics.each([](Nic& nic) { nic.pause_input(false); });
}

void PrimarySide::send_mark(uint32_t epoch) {
    if (LinkSession* session = context_.link.session())
        session->send_packet({static_cast<uint32_t>(PacketKind::kFence), 0, epoch}, {});
}

void PrimarySide::let_input_run_empty() {
    context_.nics.wait_for_empty_input(context_.now() + kInputPatience, [this](bool is_exact) {
        checkpoint_.input_empty(is_exact);
        look_at_deadline();
    });
}

void PrimarySide::switch_over_now() {
    log_info("checkpoint", "input has stopped: the migration may end");
    context_.qemu.let_migration_finish([](const std::optional<std::string>& error) {
        if (error) log_warning("checkpoint", *error);
    });
}

void PrimarySide::drain_output() {
    context_.nics.drain_output(context_.now() + kOutputPatience, [this](bool is_exact) {
        if (!is_exact) log_warning("checkpoint", "the stopped VM's last frame is incomplete");
        checkpoint_.output_drained(context_.now());
        look_at_deadline();
    });
}

void PrimarySide::fence(uint32_t epoch) {
    compares_ = compares();
    released_ = {};
    context_.nics.each([&](Nic& nic) {
        const QueueSizes& held = nic.primary()->comparator().queued();
        released_.primary_frames += held.primary_frames;
        released_.primary_bytes += held.primary_bytes;
        nic.primary()->fence(epoch, compares_, context_.now());
        nic.touched();
    });
}

void PrimarySide::completed(const CheckpointRecord& record) {
    CheckpointRecord told = record;
    told.released_frames = released_.primary_frames;
    told.released_bytes = released_.primary_bytes;
    owner_.checkpoint_completed(told);
    apply_mode();
    look_at_deadline();
}

void PrimarySide::relay_peer_ended(const LinkStatus& why) {
    owner_.channel_lost(why.ok() ? "the secondary's QEMU has closed its channel" : why.text);
}

}  // namespace colo
