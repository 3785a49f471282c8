// SPDX-License-Identifier: GPL-2.0-or-later
// A process of `colo-proxy primary` or `secondary`: all of pair/ and what it stands on, its event loop
// and its sockets included. Each turn is one of its loop's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pair/protected_vm.h"
#include "tests/sim/pair/timeline.h"

namespace colo::sim::pair {

struct ProxyPaths {
    std::string vm;
    std::string uplink;
    std::string link;
    std::string qmp;
    std::string migrate;
    std::string incoming;
};

class Proxy final : public Part {
  public:
    /// `turned`: it may have written to any of its sockets.
    Proxy(Timeline& timeline, Random chance, const ProxyPaths& paths, ProtectedVmOptions options,
          std::function<void()> turned, std::function<void(const std::string& event)> told);

    ProtectedVm& vm() { return *vm_; }
    /// In the loop's next turn, as the monitor does it.
    void call(std::function<void(ProtectedVm& vm)> what);
    /// As SIGKILL does it. What it has written so far is on its way.
    void die();
    std::string mode() const { return is_alive() ? vm_->status().mode : "dead"; }
    bool is_paired() const;
    /// Paired, with a peer that is there.
    bool is_at_ease() const { return is_paired() && vm_->status().peer == "connected"; }
    bool is_alone() const { return mode() == "unprotected"; }

  private:
    void turn() override;
    void look_at_deadline();

    GMainContext* const context_;
    std::unique_ptr<EventLoop> loop_;
    std::unique_ptr<FilterHost> host_;
    ProtectedVm* vm_ = nullptr;
    std::function<void()> turned_;
    std::vector<SourcePtr> calls_;
};

}  // namespace colo::sim::pair
