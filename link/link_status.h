// SPDX-License-Identifier: GPL-2.0-or-later
// How something between the two hosts ended: a code for programs, a text for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace colo {

/// The header's `status` (docs/link.md). A peer may send others: they are errors all the same.
enum class LinkCode : uint32_t {
    kOk = 0,
    kCancelled = 1,         ///< somebody wanted it to end
    kRefused = 2,           ///< not allowed: certificate, name, capability, version
    kNoService = 3,         ///< of a stream: nobody offers it; of a call: nobody knows the procedure
    kTooMany = 4,           ///< streams, calls
    kFailed = 5,            ///< what stands behind it failed
    kProtocol = 6,          ///< the peer sent what it must not
    kLinkLost = 7,          ///< the connection has gone
    kTimeout = 8,
    kGoodbye = 9,           ///< an orderly end of the link
};

const char* to_string(LinkCode code);

struct LinkStatus {
    LinkCode code = LinkCode::kOk;
    std::string text;  ///< what happened and what was under way; empty with kOk

    bool ok() const { return code == LinkCode::kOk; }
};

/// Text of a peer's, fit for a terminal and a log: printable ASCII, others as '?'.
std::string printable(std::string_view text);

}  // namespace colo
