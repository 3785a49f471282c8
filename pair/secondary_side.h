// SPDX-License-Identifier: GPL-2.0-or-later
// A secondary in a pair: its migration channel, the fences of its checkpoints, and what these order of
// the NICs.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "checkpoint/secondary_checkpoint.h"
#include "pair/migration_relay.h"
#include "pair/pair_context.h"

namespace colo {

class SecondarySide final : private SecondaryCheckpoint::Orders, private MigrationRelay::Owner {
  public:
    /// Called from the loop. Must not destroy the side.
    class Owner {
      public:
        /// Nothing more comes from our QEMU.
        virtual void channel_ended(const std::string& why) = 0;
        /// The channel is of no use any more, for the peer's or the channel's fault.
        virtual void channel_lost(const std::string& why) = 0;

      protected:
        ~Owner() = default;
    };

    SecondarySide(PairContext& context, Owner& owner);

    /// The primary's migration; `socket` leads to our QEMU.
    void begin(std::unique_ptr<Stream> stream, FileDescriptor socket);
    bool has_begun() const { return relay_ != nullptr; }
    /// The mark of `epoch` has come. Returns why the peer cannot be trusted, if it is so.
    std::optional<std::string> mark(uint32_t epoch);
    /// QEMU's incoming half ends here; what QEMU still says is read.
    void close_to_qemu();
    void end(const std::string& why);

    std::optional<uint32_t> output_epoch() const { return checkpoint_.output_epoch(); }
    std::optional<uint32_t> committed() const { return checkpoint_.committed(); }
    /// nullptr: there is none.
    const ColoChannel* channel() const { return relay_ ? &relay_->channel() : nullptr; }

  private:
    // SecondaryCheckpoint::Orders
    void let_input_run_empty() override;
    void drain_output() override;
    void begin_epoch(uint32_t epoch) override;
    void hand_on(ColoMessage message) override { relay_->hand_on(message); }
    // MigrationRelay::Owner
    void relay_message(ColoMessage message) override { checkpoint_.message(message); }
    void relay_qemu_ended(const std::string& why) override { owner_.channel_ended(why); }
    void relay_peer_ended(const LinkStatus& why) override;
    void relay_broken(const std::string& why) override { owner_.channel_lost(why); }

    PairContext& context_;
    Owner& owner_;
    SecondaryCheckpoint checkpoint_;
    std::unique_ptr<MigrationRelay> relay_;
};

}  // namespace colo
