// SPDX-License-Identifier: GPL-2.0-or-later
// A host of the model: a QEMU, the proxy beside it, and the port of a switch that its uplink leads to.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "tests/sim/pair/cable.h"
#include "tests/sim/pair/proxy.h"
#include "tests/sim/pair/qemu.h"

namespace colo::sim::pair {

class Machine {
  public:
    /// Told of what is seen from outside.
    class Observer {
      public:
        virtual void machine_sent(Machine& machine, const std::string& frame) = 0;
        virtual void machine_told(Machine& machine, const std::string& event) = 0;
        /// Either of the two may have written to its link.
        virtual void machine_turned(Machine& machine) = 0;

      protected:
        ~Observer() = default;
    };

    /// `folder` is the host's own.
    Machine(Timeline& timeline, Random chance, const std::string& folder, Role role, ProtectedVmOptions options,
            Snapshots& snapshots, Observer& observer);

    const std::string& link_path() const { return paths_.link; }
    Qemu& qemu() { return *qemu_; }
    Proxy& proxy() { return *proxy_; }
    /// Its clients are served, or will be.
    bool is_well() const { return qemu_->is_well() && proxy_->is_well(); }
    bool is_alive() const { return qemu_->is_alive() && proxy_->is_alive(); }
    /// A frame comes from the switch.
    void arrive(const std::string& frame);
    void die();

    /// Nobody may hear of it any more.
    bool is_retired = false;
    bool is_fencing = false;  ///< its command runs
    /// It has resigned, or noticed that its link is lost: what it had let out before is on its way for kFlushes.
    std::optional<Time> resigned_at;
    std::optional<Time> lost_at;
    static constexpr Time kFlushes = milliseconds(1);
    /// Of its pair, or its last one. The peer is who it fences.
    Machine* peer = nullptr;
    Cable* cable = nullptr;
    size_t end = 0;  ///< of the cable
    uint64_t announcements = 0;

  private:
    void proxy_turned();
    void read_uplink();

    Observer& observer_;
    const ProxyPaths paths_;
    std::unique_ptr<Door> port_;
    Socket uplink_;
    std::string said_;  ///< of a frame that has come in part
    std::unique_ptr<Qemu> qemu_;
    std::unique_ptr<Proxy> proxy_;
};

}  // namespace colo::sim::pair
