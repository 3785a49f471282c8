// SPDX-License-Identifier: GPL-2.0-or-later
// How a proxy's own QEMU does, as it is told to the peer in each heartbeat. Ages, not times: the
// two hosts have no common clock.
#pragma once

#include <optional>
#include <string>

#include "checkpoint/colo_channel.h"
#include "packet/time.h"

namespace colo {

enum class Role : uint8_t { kPrimary, kSecondary };

const char* to_string(Role role);
constexpr Role other(Role role) {
    return role == Role::kPrimary ? Role::kSecondary : Role::kPrimary;
}

struct VmHealth {
    bool is_gone = false;            ///< it closed its monitor, its network or its channel
    Time qmp_silence{0};             ///< since it owes an answer; 0: it owes none
    std::optional<ColoPhase> phase;  ///< of the channel; nothing: there is none
    Time channel_silence{0};         ///< since the last byte or message on it
};

struct HealthDeadlines {
    Time vm = seconds(5);          ///< vm-deadline
    Time checkpoint = seconds(5);  ///< checkpoint-deadline
};

/// What is wrong with the VM of `role`; nothing: it does well, or may. `vm` and `peer` are the two
/// VMs.
///
/// A checkpoint whose bytes move is healthy however long it takes, and QMP may be silent during one
/// (QEMU holds its big lock). One that stands still is the fault of whom it waits for. While the
/// state passes that may be either; but the PVM's monitor answers all the while, and the SVM's need
/// not.
std::optional<std::string> failure_of(Role role, const VmHealth& vm, const VmHealth& peer,
                                      const HealthDeadlines& deadlines);

}  // namespace colo
