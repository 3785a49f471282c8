// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair/secondary_side.h"

namespace colo {

SecondarySide::SecondarySide(PairContext& context, Owner& owner)
    : context_(context), owner_(owner), checkpoint_(*this) {}

void SecondarySide::begin(std::unique_ptr<Stream> stream, FileDescriptor socket) {
    MigrationRelay::Owner& owner = *this;
    relay_ = std::make_unique<MigrationRelay>(context_.loop, Role::kSecondary, std::move(stream), owner);
    checkpoint_.begin();
    relay_->attach(std::move(socket));
}

std::optional<std::string> SecondarySide::mark(uint32_t epoch) { return checkpoint_.mark(epoch); }

/// A fence that is under way comes to its end: behind it QEMU's last words wait.
void SecondarySide::close_to_qemu() {
    if (relay_) relay_->close_to_qemu();
}

void SecondarySide::end(const std::string& why) {
    context_.nics.forget();
    checkpoint_.end();
    if (relay_) relay_->close({LinkCode::kCancelled, why});
}

void SecondarySide::let_input_run_empty() {
    context_.nics.each([this](Nic& nic) { nic.secondary()->flush(context_.now()); });
    context_.nics.wait_for_empty_input(context_.now() + kInputPatience,
                                       [this](bool) { checkpoint_.input_empty(); });
}

void SecondarySide::drain_output() {
    context_.nics.drain_output(context_.now() + kOutputPatience,
                               [this](bool) { checkpoint_.output_drained(); });
}

void SecondarySide::begin_epoch(uint32_t) {
    context_.nics.each([](Nic& nic) { nic.secondary()->begin_epoch(); });
}

/// A lost link says nothing about the primary: our QEMU goes on waiting until it is decided who goes on.
void SecondarySide::relay_peer_ended(const LinkStatus& why) {
    if (why.code != LinkCode::kLinkLost) relay_->close_to_qemu();
    owner_.channel_lost(why.ok() ? "the primary's QEMU has closed its channel" : why.text);
}

}  // namespace colo
