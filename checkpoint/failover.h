// SPDX-License-Identifier: GPL-2.0-or-later
// Who of a pair goes on alone. Both proxies run this machine; the rule it keeps is that never both
// of them do. Pure: facts, words of the peer and of the operator come in, orders go out.
//
// A lost link leaves both undecided: the primary's VM runs, but its output is held; the secondary's
// uplink stays shut. Nothing that one side can see alone tells a dead peer from a lost link. So one
// side goes on
//   - on the peer's RESIGN: it has said that nothing of its VM will leave any more;
//   - when its own fence command has succeeded: the peer's host is off;
//   - when the operator says so;
//   - the primary, with on-link-loss=solo. Its secondary knows, and asks the operator for force
//   then.
//
// While there is a link, an operator's word is not enough: the peer is told to STAND DOWN, and the
// VM goes on at its RESIGN, or when the link is lost or silent meanwhile (not with solo: say it
// again). Who runs alone already REFUSES. When both are told at once, the primary's operator
// prevails.
//
//   unprotected --protect()--> protected --link lost--> undecided
//   protected, undecided --auto, with a fence command--> fencing --0--> going on
//   protected, undecided --operator, link--> asking --RESIGN--> going on --> alone
//   protected, undecided --operator, no link--> going on
//   secondary of a broken pair --link, the peer's VM is well--> resigned
//   going on --cannot--> undecided, and decided: again when the VM has recovered, or the operator says so
//   anything before going on --STAND DOWN, or the secondary's own VM failed--> resigned
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "checkpoint/vm_health.h"

namespace colo {

struct FailoverConfig {
    bool is_automatic = false;  ///< --failover auto: the fence command is run without being told to
    bool has_fence = false;
    bool goes_solo = false;             ///< on-link-loss=solo, of the primary
    Time answer_deadline = seconds(3);  ///< a peer told to stand down answers within
};

class Failover {
  public:
    enum class State : uint8_t {
        kUnprotected,  ///< there is no pair
        kProtected,
        kUndecided,
        kFencing,
        kAsking,
        kGoingOn,
        kAlone,
        kResigned,
    };

    class Orders {
      public:
        /// Nothing of our VM leaves until it is decided who goes on.
        virtual void hold_output() = 0;
        /// Nothing of our VM ever leaves any more.
        virtual void shut() = 0;
        virtual void run_fence() = 0;
        virtual void send_resign(const std::string& why) = 0;
        virtual void send_stand_down() = 0;
        virtual void send_refusal(const std::string& why) = 0;
        /// gone_on() or could_not_go_on() answers.
        virtual void go_on() = 0;
        /// What the operator has asked for is done, or has failed.
        virtual void answer_operator(const std::optional<std::string>& error) = 0;

      protected:
        ~Orders() = default;
    };

    Failover(Role role, const FailoverConfig& config, Orders& orders)
        : role_(role), config_(config), orders_(orders) {}
    Failover(const Failover&) = delete;
    Failover& operator=(const Failover&) = delete;

    /// The two VMs are a pair: for the primary from READY on, when its output begins to be held;
    /// for the secondary when the primary has said so (before that, a primary that loses its link
    /// runs on freely). `peer_goes_solo`: the primary's on-link-loss.
    void protect(bool peer_goes_solo);
    /// COLO has been ended, or a VM that runs alone gets a new peer.
    void unprotect();

    // --- Facts; nothing: not (any more)

    void local_vm_failed(const std::optional<std::string>& why);
    /// Once more: who could not go on in time may now.
    void local_vm_answers();
    void peer_vm_failed(const std::optional<std::string>& why);
    void link_lost();
    /// How the peer's VM does is known again.
    void link_found();
    /// How the peer's VM does was heard once more.
    void peer_heard();
    /// No checkpoint can be made any more, though both VMs may do well. Until protect().
    void pair_broken(const std::string& why);

    // --- What the peer says

    void peer_resigned();
    void told_to_stand_down();
    void refused(const std::string& why);

    // --- What was ordered

    void fence_ended(bool has_succeeded);
    void gone_on();
    /// Tried again when the VM has recovered, or at the operator's word: nobody else may go on.
    void could_not_go_on(const std::string& why);

    /// The operator wants our VM to go on alone. Returns why not; nothing: answer_operator()
    /// follows.
    std::optional<std::string> operator_wants(bool with_force, Time now);

    void tick(Time now);
    Time next_deadline() const { return deadline_; }

    State state() const { return state_; }
    const std::optional<std::string>& local_failure() const { return local_failure_; }
    const FailoverConfig& config() const { return config_; }

  private:
    bool is_open() const { return state_ == State::kProtected || state_ == State::kUndecided; }
    bool peer_is_alive() const { return !link_is_lost_ && !peer_failure_ && !peer_has_resigned_; }
    std::optional<std::string> refusal(bool with_force) const;
    std::optional<std::string> refusal_undecided(bool with_force) const;
    void be_undecided();
    void consider();
    bool wants_fence() const;
    bool is_superfluous() const;
    void unanswered();
    void go_on();
    void step_back();
    void resign(const std::string& why);
    void answer(const std::optional<std::string>& error);

    Role role_;
    FailoverConfig config_;
    Orders& orders_;
    State state_ = State::kUnprotected;
    std::optional<std::string> local_failure_;
    std::optional<std::string> peer_failure_;
    std::string resigned_because_;
    std::optional<std::string> broken_because_;  ///< of a pair that only its end can mend
    bool link_is_lost_ = false;
    bool is_decided_ = false;  ///< our VM is to go on
    bool peer_has_resigned_ = false;
    bool peer_goes_solo_ = false;
    bool fence_has_failed_ = false;
    bool peer_may_be_fenced_ = false;  ///< the command has failed, and the peer was not heard since
    bool operator_waits_ = false;
    Time deadline_ = kNever;  ///< of the peer's answer
};

const char* to_string(Failover::State state);

}  // namespace colo
