// SPDX-License-Identifier: GPL-2.0-or-later
#include "qemu/colo_checks.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace colo {
namespace {

struct Pair {
    VmFacts primary;
    VmFacts secondary;
};

Pair good_pair() {
    VmFacts vm;
    vm.version = {7, 2, 22};
    vm.machine = "pc-i440fx-7.2-machine";
    vm.cpu = "qemu64-x86_64-cpu";
    vm.cpus = 1;
    vm.ram = uint64_t{128} << 20;
    vm.kvm = true;
    vm.status = "running";
    vm.colo_mode = "none";
    vm.has_colo = true;
    vm.has_yank = true;
    vm.devices = {"VGA", "virtio-net-pci 52:54:00:12:34:56"};
    Pair pair{vm, vm};
    pair.secondary.status = "inmigrate";
    return pair;
}

TEST(ColoChecks, GoodPairHasNoProblem) {
    const Pair pair = good_pair();
    EXPECT_EQ(colo_problem(pair.primary, pair.secondary, false), std::nullopt);
}

TEST(ColoChecks, WhatMayDifferIsNoProblem) {
    Pair pair = good_pair();
    pair.primary.migration = "failed";
    pair.secondary.has_yank = false;
    EXPECT_EQ(colo_problem(pair.primary, pair.secondary, false), std::nullopt);
}

TEST(ColoChecks, DiskThatIsDeclaredExternalIsNone) {
    Pair pair = good_pair();
    pair.primary.disks = pair.secondary.disks = {"virtio0 (qcow2)"};
    EXPECT_NE(colo_problem(pair.primary, pair.secondary, false), std::nullopt);
    EXPECT_EQ(colo_problem(pair.primary, pair.secondary, true), std::nullopt);
}

TEST(ColoChecks, TcgWithAnotherSizeIsNoProblem) {
    Pair pair = good_pair();
    for (VmFacts* vm : {&pair.primary, &pair.secondary}) {
        vm->kvm = false;
        vm->ram = uint64_t{131064} << 10;
    }
    EXPECT_EQ(colo_problem(pair.primary, pair.secondary, false), std::nullopt);
}

struct Mistake {
    const char* name;
    std::function<void(VmFacts& primary, VmFacts& secondary)> make;
    const char* problem;
};

class Mistakes : public testing::TestWithParam<Mistake> {};

TEST_P(Mistakes, HaveASentenceOfTheirOwn) {
    Pair pair = good_pair();
    GetParam().make(pair.primary, pair.secondary);
    EXPECT_EQ(colo_problem(pair.primary, pair.secondary, false).value_or(""), GetParam().problem);
}

constexpr const char* kWithoutColo =
    "the primary's QEMU (7.2.22) was built without COLO: migrate-set-capabilities does not know "
    "x-colo, or x-colo-lost-heartbeat or x-checkpoint-delay is missing";

INSTANTIATE_TEST_SUITE_P(
    All, Mistakes,
    testing::Values(
        Mistake{"NotCapable", [](auto& p, auto&) { p.has_colo = false; }, kWithoutColo},
        Mistake{"BrokenVersion",
                [](auto&, auto& s) {
                    s.version = {10, 1, 2};
                },
                "the secondary's QEMU is 10.1.2: COLO does not work in QEMU 10.0 and 10.1; take an "
                "older or a newer one"},
        Mistake{"BothSecondaries", [](auto& p, auto&) { p.status = "inmigrate"; },
                "the primary's QEMU waits for a migration, as a secondary does (-incoming): are "
                "both started as secondary?"},
        Mistake{"PrimaryPaused", [](auto& p, auto&) { p.status = "paused"; },
                "the primary's VM does not run (it is \"paused\"): start it first"},
        Mistake{"PrimaryMigrates", [](auto& p, auto&) { p.migration = "active"; },
                "the primary's QEMU is migrating already"},
        Mistake{"PrimaryInColo",
                [](auto& p, auto&) {
                    p.colo_mode = "primary";
                    p.migration = "colo";
                },
                "the primary's QEMU is in COLO already, as primary"},
        Mistake{"SecondaryRuns", [](auto&, auto& s) { s.status = "running"; },
                "the secondary's QEMU does not wait for a migration (its VM is \"running\"): start "
                "it with -incoming"},
        Mistake{"SecondaryInColo",
                [](auto&, auto& s) {
                    s.colo_mode = "secondary";
                    s.status = "running";
                },
                "the secondary's QEMU is in COLO already, as secondary"},
        Mistake{"Version",
                [](auto&, auto& s) {
                    s.version = {7, 2, 21};
                },
                "QEMU's version differs: primary 7.2.22, secondary 7.2.21"},
        Mistake{"Machine", [](auto&, auto& s) { s.machine = "pc-q35-7.2-machine"; },
                "the machine type differs: primary pc-i440fx-7.2-machine, secondary "
                "pc-q35-7.2-machine"},
        Mistake{"Ram", [](auto& p, auto&) { p.ram += 1 << 20; },
                "the size of the RAM differs: primary 132096 KiB, secondary 131072 KiB"},
        Mistake{"Cpus", [](auto& p, auto&) { p.cpus = 2; },
                "the number of CPUs differs: primary 2, secondary 1"},
        Mistake{"CpuModel", [](auto& p, auto&) { p.cpu = "host-x86_64-cpu"; },
                "the CPU model differs: primary host-x86_64-cpu, secondary qemu64-x86_64-cpu"},
        Mistake{"Accelerator", [](auto& p, auto&) { p.kvm = false; },
                "the accelerator differs: primary tcg, secondary kvm"},
        Mistake{"WrongGuest",
                [](auto& p, auto&) { p.uuid = "d1a5c3f0-0000-4000-8000-000000000001"; },
                "the VM's UUID differs: primary d1a5c3f0-0000-4000-8000-000000000001, secondary "
                "none"},
        Mistake{"Mac", [](auto&, auto& s) { s.devices[1] = "virtio-net-pci 52:54:00:12:34:57"; },
                "a device of the two VMs differs: primary virtio-net-pci 52:54:00:12:34:56, "
                "secondary virtio-net-pci 52:54:00:12:34:57"},
        Mistake{"DeviceMissing", [](auto&, auto& s) { s.devices.pop_back(); },
                "a device of the two VMs differs: primary virtio-net-pci 52:54:00:12:34:56, "
                "secondary none"},
        Mistake{"LossyRam", [](auto& p, auto& s) { p.kvm = s.kvm = false; },
                "under TCG, QEMU loses dirty pages of a VM whose RAM (131072 KiB) is a multiple of "
                "256 KiB: use KVM, or another size (-m 131064K)"},
        Mistake{"PrimaryDisk", [](auto& p, auto&) { p.disks = {"virtio0 (qcow2)"}; },
                "the primary's VM can write to virtio0 (qcow2), which is not under QEMU's "
                "replication driver: put it there (colo-proxy qemu-args --disk), make it "
                "read-only, or say --disk-external when both hosts see the same data"},
        Mistake{"SecondaryDisk", [](auto&, auto& s) { s.disks = {"virtio0 (raw)"}; },
                "the secondary's VM can write to virtio0 (raw), which is not under QEMU's "
                "replication driver: put it there (colo-proxy qemu-args --disk), make it "
                "read-only, or say --disk-external when both hosts see the same data"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace colo
