// SPDX-License-Identifier: GPL-2.0-or-later
// A checkpoint as the primary's proxy lives it: when it is asked for, and the fences around the
// messages of the migration channel (colo_channel.h). Pure: events and the time come in, orders go
// out.
//
//   idle --begin()--> migrating --switch_over()--> switching --READY--> at READY --drained--> lock-step
//   lock-step --REQUEST--> requested --REPLY--> at REPLY --input empty--> replied
//             --RECEIVED--> at RECEIVED --output drained, fence--> received --LOADED--> lock-step
//
// Input fence. From REQUEST until RECEIVED has been dealt with, nothing is read from the uplink. At
// REQUEST a mark with the new epoch goes into the packet channel behind the last mirrored frame;
// the secondary hands REQUEST on when its VM has taken all that came before the mark. REPLY stops
// the PVM: it is handed on when the PVM has taken all of its input. Both VMs have then got the
// same, and nothing is under way. READY ends such a fence, too, but nothing in the channel says
// that the PVM is about to be stopped. So the caller lets the migration come near its end, calls
// switch_over(), and lets QEMU finish once the input is empty (switch_over_now()). Where QEMU
// finishes early, frames in the PVM's socket are known to it alone: a client sends them again.
//
// Output fence. At RECEIVED the PVM is stopped: its output is drained, all that is held goes out in
// order, and a new epoch begins in which both VMs count alike.
//
// Every order that has an answer (input_empty(), output_drained()) may be answered at once, from
// within.
#pragma once

#include <cstdint>

#include "checkpoint/checkpoint_record.h"
#include "checkpoint/colo_channel.h"
#include "checkpoint/policy.h"

namespace colo {

class PrimaryCheckpoint {
  public:
    /// Who carries it out.
    class Orders {
      public:
        /// QEMU is to make a checkpoint (x-checkpoint-delay, QMP).
        virtual void ask_qemu(const CheckpointRequest& request) = 0;
        /// No frame is read from the uplink, for neither VM.
        virtual void pause_input() = 0;
        virtual void resume_input() = 0;
        /// Behind what has been mirrored: what follows is of `epoch`.
        virtual void send_mark(uint32_t epoch) = 0;
        /// input_empty() once the VM has taken all that was written to it, or after a bounded time.
        virtual void let_input_run_empty() = 0;
        /// The caller of switch_over() lets the migration finish.
        virtual void switch_over_now() = 0;
        /// output_drained() once nothing comes from the stopped VM any more and no frame is
        /// incomplete.
        virtual void drain_output() = 0;
        /// All that is held goes out; `epoch` begins, in which the VMs are compared.
        virtual void fence(uint32_t epoch) = 0;
        virtual void hand_on(ColoMessage message) = 0;
        /// READY has been handed on: both VMs run in lock-step.
        virtual void began() = 0;
        virtual void completed(const CheckpointRecord& record) = 0;

      protected:
        ~Orders() = default;
    };

    PrimaryCheckpoint(const PolicyConfig& config, Orders& orders, Time now)
        : orders_(orders), policy_(config, now) {}
    PrimaryCheckpoint(const PrimaryCheckpoint&) = delete;
    PrimaryCheckpoint& operator=(const PrimaryCheckpoint&) = delete;

    /// A migration to a new secondary begins. `epoch`: the one that is to end with READY.
    void begin(uint32_t epoch);
    /// The migration is about to end.
    void switch_over();
    /// It has not ended in good time: input flows again, and READY will find it flowing.
    void put_off_switch_over();
    /// The channel holds `message`.
    void message(ColoMessage message, Time now);
    /// Answers let_input_run_empty(). `is_exact`: the VM has taken it all.
    void input_empty(bool is_exact);
    /// Answers drain_output().
    void output_drained(Time now);
    /// The channel is gone, or COLO is ended: input flows again, nothing is asked for, and what was
    /// ordered is not to be answered any more. What is held is not this one's to let go.
    void abort();

    /// Somebody wants a checkpoint. Outside of lock-step nobody can make one, and READY settles it.
    void request(const CheckpointRequest& request) { policy_.request(request); }
    /// Asks QEMU for what is due.
    void tick(Time now);
    Time next_deadline() const;

    bool is_idle() const { return phase_ == Phase::kIdle; }
    /// READY has been dealt with; the VMs are compared.
    bool is_in_lockstep() const { return phase_ >= Phase::kLockstep; }
    uint32_t epoch() const { return epoch_; }
    CheckpointPolicy& policy() { return policy_; }
    const CheckpointPolicy& policy() const { return policy_; }

  private:
    enum class Phase : uint8_t {
        kIdle,
        kMigrating,
        kSwitching,
        kAtReady,
        kLockstep,
        kRequested,
        kAtReply,
        kReplied,
        kAtReceived,
        kReceived,
    };

    void at_request(Time now);
    void at_loaded(Time now);
    void begin_epoch();
    void pause_input();
    void resume_input();

    Orders& orders_;
    CheckpointPolicy policy_;
    Phase phase_ = Phase::kIdle;
    uint32_t epoch_ = 0;
    CheckpointRecord record_;  ///< of the one that runs
    bool input_is_paused_ = false;
};

}  // namespace colo
