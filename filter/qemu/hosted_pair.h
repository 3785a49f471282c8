// SPDX-License-Identifier: GPL-2.0-or-later
// The protected VM of filters with role=primary|secondary: one for all of them, made with the first and gone with
// the last; each is a NIC of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "filter/host.h"
#include "filter/qemu/in_process_qmp.h"
#include "filter/qemu/private_folder.h"
#include "monitor/monitor.h"
#include "pair/protected_vm.h"

namespace colo {

class HostedPair {
  public:
    HostedPair(FilterHost& host, Monitor& monitor) : host_(host), monitor_(monitor) {}
    HostedPair(const HostedPair&) = delete;
    HostedPair& operator=(const HostedPair&) = delete;
    ~HostedPair();

    /// The netdevs are there. The first NIC brings the options; further ones must have none. Its number.
    uint32_t add_nic(Role role, const ProtectedVmOptions::NicNames& names, OptionReader options);
    void bypass(uint32_t nic, bool bypassed) { vm_->bypass(nic, bypassed); }
    /// What it held goes out. False: the VM must not be heard without it, and what it held is lost, counted.
    bool let_go(uint32_t nic);
    /// No pair has come about yet, or it was stopped: NICs may go.
    bool is_resting() const { return vm_ && vm_->is_resting(); }
    /// One that was removed, of a VM that is at rest. The numbers of those behind it are less by one.
    void forget_nic(uint32_t nic) { vm_->forget_nic(nic); }
    /// True: it was the last one, and its netdevs, and those of the others, are in use no more.
    bool remove_nic();

    /// As a filter shows them.
    std::vector<Property> properties();
    void tell_run_state(bool runs);
    /// QEMU ends, and the VM with it: the peer is told as of one that has died.
    void qemu_ends();
    /// Our thread ends.
    void part(const std::string& why);

  private:
    void make(Role role, OptionReader& options);
    void remove_vm();

    FilterHost& host_;
    Monitor& monitor_;
    std::optional<PrivateFolder> folder_;
    ProtectedVm* vm_ = nullptr;
    Role role_ = Role::kPrimary;
    InProcessQmp* qmp_ = nullptr;
    uint32_t nics_ = 0;
};

}  // namespace colo
