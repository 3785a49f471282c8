// SPDX-License-Identifier: GPL-2.0-or-later
// What a simulator's command line says: which seeds.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace colo::sim {

struct Seeds {
    uint64_t from = 1;
    uint64_t count = 1;
    bool is_one = false;  ///< "--seed N": with its story

    /// "--seeds FROM COUNT" or "--seed N". Nothing: neither.
    static std::optional<Seeds> parse(int argc, char** argv) {
        const bool is_range = argc == 4 && std::strcmp(argv[1], "--seeds") == 0;
        const bool is_one = argc == 3 && std::strcmp(argv[1], "--seed") == 0;
        if (!is_range && !is_one) return {};
        const uint64_t count = is_range ? std::strtoull(argv[3], nullptr, 10) : 1;
        return Seeds{std::strtoull(argv[2], nullptr, 10), count, is_one};
    }
};

}  // namespace colo::sim
