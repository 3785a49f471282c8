// SPDX-License-Identifier: GPL-2.0-or-later
// What the monitor says it is.
#pragma once

#include <string>

#include "monitor/json.h"

namespace colo {

struct Version {
    int major = 0;
    int minor = 0;
    int micro = 0;

    /// "MAJOR.MINOR.MICRO"; what is not a number is 0.
    static Version from_text(const std::string& text);
    std::string text() const;
    /// As query-version has it: {"qemu": {"micro", "minor", "major"}, "package"}.
    Json json() const;
};

}  // namespace colo
