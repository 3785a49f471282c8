// SPDX-License-Identifier: GPL-2.0-or-later
// Where two runs of bytes at sequence positions differ.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

#include "packet/bytes.h"
#include "packet/seq.h"

namespace colo {

/// Index of the first byte that differs; nothing when the shorter one is a prefix of the other.
inline std::optional<size_t> first_mismatch(Bytes a, Bytes b) {
    const size_t size = std::min(a.size(), b.size());
    if (size == 0 || std::memcmp(a.data(), b.data(), size) == 0) return std::nullopt;
    return static_cast<size_t>(std::mismatch(a.begin(), a.begin() + size, b.begin()).first -
                               a.begin());
}

struct Difference {
    bool overlap = false;   ///< they have a position in common
    std::optional<Seq> at;  ///< the first at which they differ
};

inline Difference first_difference(Seq begin_a, Bytes a, Seq begin_b, Bytes b) {
    const Seq begin = later(begin_a, begin_b);
    const Seq end = earlier(begin_a + static_cast<uint32_t>(a.size()),
                            begin_b + static_cast<uint32_t>(b.size()));
    if (end <= begin) return {};
    const size_t size = static_cast<size_t>(end - begin);
    const auto mismatch = first_mismatch(a.subspan(static_cast<size_t>(begin - begin_a), size),
                                         b.subspan(static_cast<size_t>(begin - begin_b), size));
    if (!mismatch) return {.overlap = true, .at = std::nullopt};
    return {.overlap = true, .at = begin + static_cast<uint32_t>(*mismatch)};
}

}  // namespace colo
