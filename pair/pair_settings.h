// SPDX-License-Identifier: GPL-2.0-or-later
// What can be set for a protected VM, at start (--set NAME=VALUE) and at run time (qom-set on
// /objects/colo0): semantics.md's defaults. Times are in milliseconds.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/policy.h"
#include "checkpoint/vm_health.h"
#include "compare/config.h"
#include "filter/object.h"

namespace colo {

struct PairSettings {
    PairSettings();

    ComparatorConfig compare;
    PolicyConfig policy;
    /// Taken as QEMU's, and without effect: what expires has a timer of its own, and is never scanned for.
    Time expired_scan_cycle = milliseconds(50);
    /// QEMU's x-checkpoint-delay: its own timer makes the periodic checkpoints.
    Time max_interval = seconds(20);
    uint32_t max_interval_ms() const { return static_cast<uint32_t>(max_interval / milliseconds(1)); }
    HealthDeadlines health;
    Time heartbeat = milliseconds(200);
    Time link_deadline = seconds(3);
    Time fence_deadline = seconds(30);

    /// "NAME=VALUE". Throws std::invalid_argument that says what is wrong with it.
    void set(std::string_view assignment);
    /// What must hold between them, once all are set. Throws the same.
    void check() const;
    /// `changed` is called after a property has been set. The settings must outlive what is returned.
    std::vector<Property> properties(std::function<void()> changed);
};

}  // namespace colo
