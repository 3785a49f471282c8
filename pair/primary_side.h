// SPDX-License-Identifier: GPL-2.0-or-later
// A primary in a pair: its migration channel, its checkpoints, and what these order of NICs, QEMU and
// link. From the migration's begin to the pair's end.
#pragma once

#include <memory>
#include <string>

#include "checkpoint/primary_checkpoint.h"
#include "pair/migration_relay.h"
#include "pair/pair_context.h"

namespace colo {

class PrimarySide final : private PrimaryCheckpoint::Orders, private MigrationRelay::Owner {
  public:
    /// Called from the loop. Must not destroy the side.
    class Owner {
      public:
        /// Both VMs run in lock-step.
        virtual void pair_began() = 0;
        virtual void checkpoint_completed(const CheckpointRecord& record) = 0;
        virtual void compare_mode_changed(bool compares) = 0;
        /// QEMU's channel has ended, at our QEMU's end.
        virtual void channel_ended(const std::string& why) = 0;
        /// The channel is of no use any more, for the peer's or the channel's fault.
        virtual void channel_lost(const std::string& why) = 0;

      protected:
        ~Owner() = default;
    };

    /// The migration begins: `stream` leads to the secondary. `epoch`: the last one that was used.
    PrimarySide(PairContext& context, std::unique_ptr<Stream> stream, uint32_t epoch, Owner& owner);

    bool is_attached() const { return relay_.is_attached(); }
    /// QEMU has connected.
    void attach(FileDescriptor socket) { relay_.attach(std::move(socket)); }
    /// The migration is about to end: input stops, for a moment, and then QEMU may finish.
    void switch_over();
    /// QEMU says so. At the migration's end the VM stands still until the secondary's QEMU is READY: not for ever.
    void vm_stopped();
    void vm_resumed() { ready_deadline_.cancel(); }
    void request(const CheckpointRequest& request);
    void configure(const PolicyConfig& config) { checkpoint_.policy().configure(config); }
    /// The pair is over: input flows again, the channel is closed. What is held stays so.
    void abort(const std::string& why);

    bool is_in_lockstep() const { return checkpoint_.is_in_lockstep(); }
    bool compares() const { return policy().compares(); }
    uint32_t epoch() const { return checkpoint_.epoch(); }
    const CheckpointPolicy& policy() const { return checkpoint_.policy(); }
    const ColoChannel& channel() const { return relay_.channel(); }

  private:
    // PrimaryCheckpoint::Orders
    void ask_qemu(const CheckpointRequest& request) override;
    void pause_input() override;
    void resume_input() override;
    void send_mark(uint32_t epoch) override;
    void let_input_run_empty() override;
    void switch_over_now() override;
    void drain_output() override;
    void fence(uint32_t epoch) override;
    void hand_on(ColoMessage message) override { relay_.hand_on(message); }
    void began() override { owner_.pair_began(); }
    void completed(const CheckpointRecord& record) override;
    // MigrationRelay::Owner
    void relay_message(ColoMessage message) override { checkpoint_.message(message, context_.now()); }
    void relay_qemu_ended(const std::string& why) override { owner_.channel_ended(why); }
    void relay_peer_ended(const LinkStatus& why) override;
    void relay_broken(const std::string& why) override { owner_.channel_lost(why); }

    void tick();
    void look_at_deadline();
    void apply_mode();
    void wait_for_ready();

    PairContext& context_;
    Owner& owner_;
    PrimaryCheckpoint checkpoint_;
    MigrationRelay relay_;
    bool compares_ = true;
    uint64_t repeated_ = 0;  ///< requests, as far as that was told
    QueueSizes released_;    ///< at the last fence
    Timer timer_;
    Timer switch_deadline_;  ///< of the VM's stop at the migration's end
    Timer ready_deadline_;   ///< of what follows it
};

}  // namespace colo
