// SPDX-License-Identifier: GPL-2.0-or-later
// How a VM goes on alone once that is decided (failover.h). Pure.
//
//   secondary: stop frames both ways; close our sending half of QEMU's channel (or QMP does not
//   answer in the
//              middle of a checkpoint); x-colo-lost-heartbeat; read the channel to its end. Whether
//              RECEIVED came on it says which epoch the VM is in. Its filters, which QEMU switches off,
//              are switched on again. Only then do frames flow.
//   primary:   close the channel; x-colo-lost-heartbeat. Frames flow at once, and what is held goes
//   out.
//
// A QEMU that does not answer is yanked once: its channel may be stuck.
#pragma once

#include <cstdint>
#include <string>

#include "checkpoint/vm_health.h"

namespace colo {

struct GoingOnConfig {
    Time yank_after = seconds(1);
    Time deadline = seconds(5);  ///< of all of it
};

class GoingOn {
  public:
    class Orders {
      public:
        /// The secondary: frames stop, the channel's sending half is closed. The primary: the
        /// channel is closed, what is held goes out.
        virtual void prepare() = 0;
        /// heartbeat_lost() answers.
        virtual void lose_heartbeat() = 0;
        virtual void yank() = 0;
        /// Of the secondary, twice: its frames are to come to us again. redirected() answers.
        virtual void redirect() = 0;
        /// The VM runs alone: frames flow by the numbers of the epoch that was committed.
        virtual void flow() = 0;
        virtual void gone_on() = 0;
        virtual void could_not_go_on(const std::string& why) = 0;

      protected:
        ~Orders() = default;
    };

    GoingOn(Role role, const GoingOnConfig& config, Orders& orders)
        : role_(role), config_(config), orders_(orders) {}
    GoingOn(const GoingOn&) = delete;
    GoingOn& operator=(const GoingOn&) = delete;

    void start(Time now);
    /// QEMU has answered x-colo-lost-heartbeat; an error says that it is out of COLO already.
    void heartbeat_lost();
    /// Nothing more comes on the channel from our QEMU. May be so before start().
    void channel_ended();
    /// query-status, or RESUME.
    void vm_runs();
    /// They do, or they will not.
    void redirected();
    /// A channel is opened: what was known of an earlier one is forgotten.
    void channel_opened() { channel_has_ended_ = false; }

    void tick(Time now);
    Time next_deadline() const;

  private:
    void look();
    void finish();
    std::string missing() const;

    Role role_;
    GoingOnConfig config_;
    Orders& orders_;
    bool is_running_ = false;
    bool was_told_ = false;  ///< QEMU has answered
    bool channel_has_ended_ = false;
    bool vm_runs_ = false;
    bool was_yanked_ = false;
    bool redirects_ = false;  ///< that is under way
    Time started_{0};
};

}  // namespace colo
