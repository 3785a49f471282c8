// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/qemu/hosted_pair.h"

#include <stdexcept>
#include <utility>

#include "filter/commands.h"
#include "filter/qemu/pair_options.h"
#include "io/log.h"
#include "monitor/json_value.h"
#include "pair/commands.h"

namespace colo {

HostedPair::~HostedPair() {
    if (vm_) remove_vm();
}

uint32_t HostedPair::add_nic(Role role, const ProtectedVmOptions::NicNames& names, OptionReader options) {
    if (vm_ && role != role_) options.fail("role", "is another than that of the VM's other NICs");
    const bool is_first = !vm_;
    if (is_first) make(role, options);
    options.finish();
    const uint32_t number = vm_->add_nic(names);
    ++nics_;
    return number;
}

void HostedPair::make(Role role, OptionReader& options) {
    if (!folder_) folder_.emplace();
    ProtectedVmOptions read = read_pair_options(role, options, folder_->file("migrate"));
    options.finish();
    read.make_qmp = InProcessQmp::maker([this](InProcessQmp* qmp) { qmp_ = qmp; });
    auto vm = std::make_unique<ProtectedVm>(host_, std::move(read));
    vm_ = static_cast<ProtectedVm*>(&host_.adopt(std::move(vm)));
    role_ = role;
    add_pair_commands(monitor_.commands(), *vm_);
}

/// A secondary is given up with it: its primary need not wait for what will not come.
bool HostedPair::let_go(uint32_t nic) {
    if (vm_->is_resting()) return true;
    try {
        vm_->bypass(nic, true);
        return true;
    } catch (const std::runtime_error& error) {
        log_error("colo-proxy", std::string("a NIC's filter is removed: ") + error.what());
    }
    if (const uint64_t held = vm_->held(nic)) host_.dropped("netfilter", "removed", held, host_.loop().now());
    if (role_ == Role::kSecondary && qmp_) qmp_->end("a NIC's filter was removed");
    return false;
}

bool HostedPair::remove_nic() {
    if (--nics_ > 0) return false;
    part("its filters were removed");
    remove_vm();
    return true;
}

void HostedPair::remove_vm() {
    remove_pair_commands(monitor_.commands());
    host_.remove(*std::exchange(vm_, nullptr));
}

/// QEMU's `info network` shows every property, and knows plain ones alone: what has parts is JSON.
std::vector<Property> HostedPair::properties() {
    const auto shown = [this](const char* name, const char* type, auto figure) {
        return Property{name, type, [this, figure] { return figure(colo_status(host_)); }};
    };
    const auto text = [](const char* name) {
        return [name](const Json& status) { return Value(status[name].get<std::string>()); };
    };
    std::vector<Property> all{
        shown("mode", "string", text("mode")),
        shown("role", "string", text("role")),
        shown("peer", "string", text("peer")),
        shown("epoch", "uint64", [](const Json& status) { return Value(status["epoch"].get<uint64_t>()); }),
        shown("flows", "uint64", [](const Json& status) { return Value(status["flows"]["tracked"].get<uint64_t>()); }),
        shown("held-frames", "uint64",
              [](const Json& status) { return Value(status["queued"]["primary-frames"].get<uint64_t>()); }),
        shown("checkpoints", "string", [](const Json& status) { return Value(status["checkpoints"].dump()); }),
        shown("hold-us", "string", [](const Json& status) { return Value(status["hold-us"].dump()); }),
    };
    for (Property& setting : vm_->properties()) all.push_back(std::move(setting));
    return all;
}

void HostedPair::tell_run_state(bool runs) {
    if (qmp_) qmp_->tell_run_state(runs);
}

void HostedPair::qemu_ends() {
    if (qmp_) qmp_->end("it ends");
}

void HostedPair::part(const std::string& why) {
    if (vm_) vm_->part(why);
}

}  // namespace colo
