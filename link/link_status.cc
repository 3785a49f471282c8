// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/link_status.h"

#include <algorithm>

namespace colo {

const char* to_string(LinkCode code) {
    switch (code) {
        case LinkCode::kOk: return "ok";
        case LinkCode::kCancelled: return "cancelled";
        case LinkCode::kRefused: return "refused";
        case LinkCode::kNoService: return "no such service";
        case LinkCode::kTooMany: return "too many";
        case LinkCode::kFailed: return "failed";
        case LinkCode::kProtocol: return "protocol error";
        case LinkCode::kLinkLost: return "link lost";
        case LinkCode::kTimeout: return "timeout";
        case LinkCode::kGoodbye: return "goodbye";
    }
    return "unknown status";
}

std::string printable(std::string_view text) {
    std::string shown(text);
    std::ranges::replace_if(shown, [](char c) { return c < ' ' || c > '~'; }, '?');
    return shown;
}

}  // namespace colo
