// SPDX-License-Identifier: GPL-2.0-or-later
// Fuzzer bytes as decisions. Past their end every decision is 0, so that any prefix is a program.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "packet/bytes.h"

/// What must hold, in every build.
#define FUZZ_CHECK(condition)                                                               \
    do {                                                                                    \
        if (condition) break;                                                               \
        std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
        std::abort();                                                                       \
    } while (false)

namespace colo::fuzz {

class FuzzInput {
  public:
    FuzzInput(const uint8_t* data, size_t size) : rest_(data, size) {}

    bool empty() const { return rest_.empty(); }
    uint8_t byte() {
        if (rest_.empty()) return 0;
        const uint8_t value = rest_.front();
        rest_ = rest_.subspan(1);
        return value;
    }
    uint16_t word() {
        const uint32_t high = byte();
        return static_cast<uint16_t>(high << 8 | byte());
    }
    /// At most `size` bytes; fewer at the end.
    Bytes bytes(size_t size) {
        const Bytes taken = rest_.first(size < rest_.size() ? size : rest_.size());
        rest_ = rest_.subspan(taken.size());
        return taken;
    }
    Bytes rest() { return bytes(rest_.size()); }

  private:
    Bytes rest_;
};

}  // namespace colo::fuzz
