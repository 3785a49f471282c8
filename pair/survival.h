// SPDX-License-Identifier: GPL-2.0-or-later
// Whether our VM goes on when something of the pair fails, and how: the machines failure_detector,
// failover and going_on, with heartbeats, QEMU and the fence command behind them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "checkpoint/failover.h"
#include "checkpoint/failure_detector.h"
#include "checkpoint/going_on.h"
#include "io/call_guard.h"
#include "pair/fence_command.h"
#include "pair/pair_context.h"

namespace colo {

struct SurvivalOptions {
    bool is_automatic = false;
    bool goes_solo = false;
    std::string fence_command;  ///< empty: none
    /// What runs it; empty: FenceCommand.
    std::function<std::unique_ptr<Fencing>(EventLoop& loop)> make_fencing;
};

class Survival final : private Failover::Orders, private GoingOn::Orders {
  public:
    /// Called from the loop. Must not destroy the Survival.
    class Owner {
      public:
        /// nullptr: there is no channel.
        virtual const ColoChannel* channel() const = 0;
        /// Nothing of our VM leaves until it is decided who goes on.
        virtual void hold_output() = 0;
        /// Nothing of our VM ever leaves any more.
        virtual void shut() = 0;
        /// The VM is about to go on alone. The secondary: frames stop, the channel's half towards QEMU
        /// ends. The primary: the channel is closed, what is held goes out.
        virtual void leave_pair() = 0;
        /// The VM runs alone; frames flow.
        virtual void flow_alone() = 0;
        /// `problem`: what is wrong all the same; empty: nothing.
        virtual void gone_on(const std::string& problem) = 0;
        /// Our own; nothing: it has recovered.
        virtual void vm_failed(const std::optional<std::string>& why) = 0;
        /// "connected", "lost", "failed", "resigned".
        virtual void peer_changed(const char* state, const std::string& reason) = 0;
        /// The pair cannot come about any more, or has never been one.
        virtual void pair_failed(const std::string& why) = 0;

      protected:
        ~Owner() = default;
    };
    using Answer = std::function<void(const std::optional<std::string>& error)>;

    Survival(PairContext& context, Role role, const SurvivalOptions& options, Owner& owner);
    Survival(const Survival&) = delete;
    Survival& operator=(const Survival&) = delete;

    /// The two VMs are a pair: the primary from READY on, the secondary when the primary has said so.
    void protect(bool peer_goes_solo);
    Failover::State state() const { return failover_.state(); }
    const std::optional<std::string>& local_failure() const { return failover_.local_failure(); }
    bool goes_solo() const { return options_.goes_solo; }

    // --- Facts

    /// QEMU's monitor, which may come back.
    void monitor_opened() { detector_.monitor_opened(); }
    void monitor_closed();
    /// It closed its network: what may come in its place is another VM.
    void qemu_is_gone();
    void channel_opened() { going_on_.channel_opened(); }
    /// QEMU has closed it. `is_paired`: that is its end, unless it was told to go on alone.
    void channel_ended(bool is_paired);
    void link_found();
    void link_lost(const std::string& why);
    void heard(const VmHealth& peer);
    /// The peer's words about failing over. False: it is none of them.
    bool peer_said(PeerProcedure procedure, Bytes payload);
    void settings_changed();

    /// `answer` follows, once.
    void operator_wants(bool with_force, Answer answer);
    /// A pair that has never come about is left: the VM goes on. Again, where that has failed before.
    void leave();

  private:
    // Failover::Orders
    void hold_output() override { owner_.hold_output(); }
    void shut() override { owner_.shut(); }
    void run_fence() override;
    void send_resign(const std::string& why) override;
    void send_stand_down() override { context_.link.say(PeerProcedure::kStandDown); }
    void send_refusal(const std::string& why) override;
    void go_on() override { going_on_.start(context_.now()); }
    void answer_operator(const std::optional<std::string>& error) override;
    // GoingOn::Orders
    void prepare() override;
    void lose_heartbeat() override;
    void yank() override;
    void redirect() override;
    void flow() override { owner_.flow_alone(); }
    void gone_on() override;
    void could_not_go_on(const std::string& why) override;

    void tell_health();
    void tick();
    void look();
    void apply(const Verdict& verdict);
    void beat();
    void ping();
    void ask_whether_it_runs();
    void set_timer();

    PairContext& context_;
    const SurvivalOptions options_;
    Owner& owner_;
    FailureDetector detector_;
    Failover failover_;
    GoingOn going_on_;
    const std::unique_ptr<Fencing> fence_;
    Answer answer_;
    std::string redirect_problem_;
    bool has_left_ = false;  ///< the pair: QEMU closes its channel then
    bool ping_is_owed_ = false;
    Time next_beat_{0};
    SourcePtr ask_again_;
    Timer timer_;
    CallGuard guard_;  ///< QEMU may answer when there is another Survival
};

}  // namespace colo
