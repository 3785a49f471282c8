// SPDX-License-Identifier: GPL-2.0-or-later
// Several commands given to a QEMU at once, and one call when the last of them has been answered.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "monitor/json_value.h"
#include "qemu/qmp.h"

namespace colo {

struct QmpRequest {
    std::string command;
    Json arguments = nullptr;
};

struct QmpResult {
    Json value = nullptr;
    std::optional<QmpFailure> failure;
};

/// In the order of the requests.
using QmpResults = std::vector<QmpResult>;

/// QEMU does what it is asked in turn, also what comes after something it has refused. `answered`
/// is dropped with `qmp`.
void execute_all(Qmp& qmp, const std::vector<QmpRequest>& requests, Time patience,
                 std::function<void(const QmpResults& results)> answered);

/// The first failure in turn.
const QmpFailure* first_failure(const QmpResults& results);

}  // namespace colo
