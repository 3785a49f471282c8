// SPDX-License-Identifier: GPL-2.0-or-later
#include "qemu/colo_checks.h"

namespace colo {

namespace {

using Problem = std::optional<std::string>;

std::string of(const char* side) {
    return std::string("the ") + side + "'s QEMU";
}

Problem incapable(const char* side, const VmFacts& vm) {
    if (!vm.has_colo) {
        return of(side) + " (" + to_string(vm.version) +
               ") was built without COLO: migrate-set-capabilities does not know x-colo, or "
               "x-colo-lost-heartbeat or x-checkpoint-delay is missing";
    }
    if (vm.version.major == 10 && vm.version.minor <= 1) {
        return of(side) + " is " + to_string(vm.version) +
               ": COLO does not work in QEMU 10.0 and 10.1; take an older or a newer one";
    }
    return std::nullopt;
}

Problem unequal(const char* what, const std::string& primary, const std::string& secondary) {
    if (primary == secondary) return std::nullopt;
    const auto shown = [](const std::string& text) { return text.empty() ? "none" : text; };
    return std::string(what) + " differs: primary " + shown(primary) + ", secondary " +
           shown(secondary);
}

std::string bytes(uint64_t size) {
    return std::to_string(size >> 10) + " KiB";
}

/// The first that one side has and the other has not; both lists are sorted.
Problem unequal_devices(const VmFacts& primary, const VmFacts& secondary) {
    size_t i = 0;
    while (i < primary.devices.size() && i < secondary.devices.size() &&
           primary.devices[i] == secondary.devices[i]) {
        ++i;
    }
    const auto at = [i](const VmFacts& vm) { return i < vm.devices.size() ? vm.devices[i] : ""; };
    return unequal("a device of the two VMs", at(primary), at(secondary));
}

Problem unequal_vms(const VmFacts& primary, const VmFacts& secondary) {
    for (const Problem& problem :
         {unequal("QEMU's version", to_string(primary.version), to_string(secondary.version)),
          unequal("the machine type", primary.machine, secondary.machine),
          unequal("the size of the RAM", bytes(primary.ram), bytes(secondary.ram)),
          unequal("the number of CPUs", std::to_string(primary.cpus),
                  std::to_string(secondary.cpus)),
          unequal("the CPU model", primary.cpu, secondary.cpu),
          unequal("the accelerator", primary.kvm ? "kvm" : "tcg", secondary.kvm ? "kvm" : "tcg"),
          unequal("the VM's UUID", primary.uuid, secondary.uuid),
          unequal_devices(primary, secondary)}) {
        if (problem) return problem;
    }
    return std::nullopt;
}

bool is_in_colo(const VmFacts& vm) {
    return vm.colo_mode == "primary" || vm.colo_mode == "secondary";
}

Problem unready_primary(const VmFacts& vm) {
    if (is_in_colo(vm)) return of("primary") + " is in COLO already, as " + vm.colo_mode;
    if (vm.status == "inmigrate") {
        return of("primary") +
               " waits for a migration, as a secondary does (-incoming): are both "
               "started as secondary?";
    }
    if (vm.migration == "setup" || vm.migration == "active" || vm.migration == "device") {
        return of("primary") + " is migrating already";
    }
    if (vm.status != "running") {
        return "the primary's VM does not run (it is \"" + vm.status + "\"): start it first";
    }
    return std::nullopt;
}

Problem unready_secondary(const VmFacts& vm) {
    if (vm.status == "inmigrate") return std::nullopt;
    if (is_in_colo(vm)) return of("secondary") + " is in COLO already, as " + vm.colo_mode;
    return of("secondary") + " does not wait for a migration (its VM is \"" + vm.status +
           "\"): start it with -incoming";
}

Problem unsafe_disk(const char* side, const VmFacts& vm) {
    if (vm.disks.empty()) return std::nullopt;
    return std::string("the ") + side + "'s VM can write to " + vm.disks.front() +
           ", which is not under QEMU's replication driver: put it there (colo-proxy qemu-args "
           "--disk), make it read-only, or say --disk-external when both hosts see the same data";
}

/// Dirty pages of the second checkpoint on are lost (seen with 7.2): the secondary's memory is
/// wrong then, and nothing says so.
Problem lossy_ram(const VmFacts& vm) {
    constexpr uint64_t kChunk = 256 << 10;
    if (vm.kvm || vm.ram % kChunk != 0) return std::nullopt;
    return "under TCG, QEMU loses dirty pages of a VM whose RAM (" + bytes(vm.ram) +
           ") is a multiple of 256 KiB: use KVM, or another size (-m " +
           std::to_string((vm.ram >> 10) - 8) + "K)";
}

}  // namespace

std::optional<std::string> colo_problem(const VmFacts& primary, const VmFacts& secondary,
                                        bool disk_is_external) {
    for (const Problem& problem : {incapable("primary", primary), incapable("secondary", secondary),
                                   unready_primary(primary), unready_secondary(secondary),
                                   unequal_vms(primary, secondary), lossy_ram(primary)}) {
        if (problem) return problem;
    }
    if (disk_is_external) return std::nullopt;
    if (auto problem = unsafe_disk("primary", primary)) return problem;
    return unsafe_disk("secondary", secondary);
}

}  // namespace colo
