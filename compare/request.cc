// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "compare/request.h"

namespace colo {

const char* to_string(Reason reason) {
    static constexpr const char* kNames[] = {"divergence", "timeout",  "table-full", "queue-full",
                                             "peer",       "manual",   "periodic",   "policy-change"};
    static_assert(std::size(kNames) == kReasons);
    return kNames[static_cast<size_t>(reason)];
}

Evidence excerpts(const char* what, uint64_t offset, Bytes primary, Bytes secondary,
                  size_t mismatch) {
    const size_t context = std::min(mismatch, Evidence::kContext);
    const auto cut = [&](Bytes bytes) {
        const Bytes from = bytes.subspan(mismatch - context);
        const Bytes part = from.first(std::min(from.size(), Evidence::kBytes));
        return std::vector<uint8_t>(part.begin(), part.end());
    };
    Evidence evidence;
    evidence.what = what;
    evidence.begin = offset + (mismatch - context);
    evidence.primary = cut(primary);
    evidence.secondary = cut(secondary);
    return evidence;
}

}  // namespace colo
