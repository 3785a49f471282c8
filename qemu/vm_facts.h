// SPDX-License-Identifier: GPL-2.0-or-later
// What a QEMU says about itself and its VM, as far as COLO depends on it. The secondary's facts
// cross the link as JSON text: what comes from there is not trusted.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace colo {

struct QemuVersion {
    uint32_t major = 0;
    uint32_t minor = 0;
    uint32_t micro = 0;

    auto operator<=>(const QemuVersion&) const = default;
};

std::string to_string(const QemuVersion& version);

struct VmFacts {
    QemuVersion version;
    std::string machine;  ///< "pc-i440fx-7.2-machine"
    std::string cpu;      ///< "qemu64-x86_64-cpu"
    uint32_t cpus = 0;
    uint64_t ram = 0;  ///< bytes, what is plugged in included
    bool kvm = false;
    std::string uuid;       ///< empty: none was given
    std::string status;     ///< "running", "inmigrate", ... (QEMU's RunState)
    std::string colo_mode;  ///< "none", "primary", "secondary"; empty: QEMU does not know
    std::string migration;  ///< QEMU's MigrationStatus; empty: there was none
    bool has_colo = false;  ///< the capability x-colo, and what a failover and checkpoints need
    bool has_yank = false;
    std::vector<std::string> devices;  ///< sorted; "virtio-net-pci 52:54:00:12:34:56"
    std::vector<std::string> disks;    ///< writable, and not under QEMU's replication driver

    bool operator==(const VmFacts&) const = default;
};

/// At most kLongestFacts bytes, as long as the facts keep the bounds below.
std::string encode(const VmFacts& facts);

/// The facts, or why `text` is refused. Members nobody knows are skipped.
std::variant<VmFacts, std::string> decode_vm_facts(std::string_view text);

constexpr size_t kLongestFacts = 32 << 10;
constexpr size_t kLongestFact = 96;  ///< of one text, in bytes of printable ASCII
constexpr size_t kMostFacts = 64;    ///< of one list

}  // namespace colo
