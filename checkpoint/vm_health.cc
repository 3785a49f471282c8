// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkpoint/vm_health.h"

namespace colo {

namespace {

bool is_in_checkpoint(const VmHealth& vm) {
    return vm.phase == ColoPhase::kRequested || vm.phase == ColoPhase::kReplied ||
           vm.phase == ColoPhase::kReceived;
}

std::string in_seconds(Time time) {
    return std::to_string(time / milliseconds(1) / 1000) + "." +
           std::to_string(time / milliseconds(100) % 10) + " s";
}

/// The monitor is asked now and then only, so its silence is younger than the channel's.
bool is_suspect(const VmHealth& primary, const HealthDeadlines& deadlines) {
    return primary.qmp_silence >= deadlines.checkpoint / 2;
}

bool is_waited_for(Role role, ColoPhase phase, const VmHealth& primary,
                   const HealthDeadlines& deadlines) {
    const bool by_primary = phase != ColoPhase::kReplied || !is_suspect(primary, deadlines);
    return by_primary == (role == Role::kSecondary);
}

}  // namespace

const char* to_string(Role role) {
    return role == Role::kPrimary ? "primary" : "secondary";
}

std::optional<std::string> failure_of(Role role, const VmHealth& vm, const VmHealth& peer,
                                      const HealthDeadlines& deadlines) {
    if (vm.is_gone) return "QEMU is gone";
    if (!is_in_checkpoint(vm)) {
        if (vm.qmp_silence < deadlines.vm) return std::nullopt;
        return "QMP has not answered for " + in_seconds(vm.qmp_silence);
    }
    // Its QEMU waits for what cannot come: no fault of its own.
    if (peer.is_gone || vm.channel_silence < deadlines.checkpoint) return std::nullopt;
    const VmHealth& primary = role == Role::kPrimary ? vm : peer;
    if (!is_waited_for(role, *vm.phase, primary, deadlines)) return std::nullopt;
    return std::string("a checkpoint stands still (") + to_string(*vm.phase) + ") since " +
           in_seconds(vm.channel_silence);
}

}  // namespace colo
