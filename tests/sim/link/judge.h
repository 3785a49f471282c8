// SPDX-License-Identifier: GPL-2.0-or-later
// What must hold in a run, and what has happened in it.
#pragma once

#include <cstdint>
#include <string>

namespace colo::sim {

struct LinkResult {
    std::string violation;  ///< the first; empty: none
    uint64_t streams = 0;
    uint64_t completed = 0;  ///< ended ok, at one end
    uint64_t aborted = 0;    ///< by one end
    uint64_t bytes = 0;      ///< of streams, checked
    uint64_t packets = 0;    ///< checked
    bool died = false;       ///< the transport
};

class Judge {
  public:
    bool is_content() const { return result.violation.empty(); }
    bool need(bool holds, const char* what, uint32_t stream = 0) {
        if (!holds && is_content()) {
            result.violation = what + (stream ? " (stream " + std::to_string(stream) + ")" : "");
        }
        return holds;
    }

    LinkResult result;
};

}  // namespace colo::sim
