// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/version.h"

#include <cstdio>

#include "monitor/json_value.h"

namespace colo {

Version Version::from_text(const std::string& text) {
    Version version;
    std::sscanf(text.c_str(), "%d.%d.%d", &version.major, &version.minor, &version.micro);
    return version;
}

std::string Version::text() const {
    return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(micro);
}

/// Clients look for the member "qemu"; the package says who really speaks.
Json Version::json() const {
    return {{"qemu", {{"micro", micro}, {"minor", minor}, {"major", major}}},
            {"package", "colo-proxy " + text()}};
}

}  // namespace colo
