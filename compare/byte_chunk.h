// SPDX-License-Identifier: GPL-2.0-or-later
// Bytes of one side's stream that the other side has not produced yet.
#pragma once

#include <cstdint>

#include "packet/bytes.h"
#include "packet/frame.h"

namespace colo {

struct ByteChunk {
    Frame frame;                    ///< what keeps the bytes alive; none in a held segment's own chunk
    const uint8_t* data = nullptr;
    uint32_t size = 0;
    bool in_parked = false;         ///< part of a Parked, which outlives its place in the queue
    ByteChunk* next = nullptr;

    Bytes bytes() const { return {data, size}; }
};

}  // namespace colo
