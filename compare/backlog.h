// SPDX-License-Identifier: GPL-2.0-or-later
// What a flow has queued. Exists only while there is something: an idle flow has none.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "compare/byte_chunk.h"
#include "compare/flow.h"
#include "compare/list.h"
#include "compare/node_pool.h"
#include "compare/parked.h"

namespace colo {

/// Delivered primary bytes, kept while libslirp has the flow, so that every held frame can be compared
/// with what was delivered.
struct KeptBytes {
    Seq begin;
    std::vector<uint8_t> bytes;

    Seq end() const { return begin + static_cast<uint32_t>(bytes.size()); }
};

using ParkedFifo = Fifo<Parked, &Parked::next>;
using ChunkFifo = Fifo<ByteChunk, &ByteChunk::next>;

struct Backlog {
    uint32_t flow = kNoFlow;
    ParkedFifo held;                ///< primary output, looked at
    ParkedFifo deferred;            ///< primary output that must wait for `held` to be gone
    ChunkFifo primary_bytes;        ///< verified .. primary.next()
    ChunkFifo secondary_bytes;      ///< verified .. secondary.next()
    ParkedFifo secondary_deferred;  ///< not yet mapped: the primary's SYN is to come
    ParkedFifo secondary_items;     ///< datagrams and ICMP errors without a twin
    ParkedFifo absorbing;           ///< released by a fence; their late twins count for nothing
    std::unique_ptr<KeptBytes> kept;
    uint32_t checks_pending = 0;    ///< held frames with check_bytes
    uint32_t unmatched = 0;         ///< held datagrams without a twin
    Parked* primary_rst = nullptr;  ///< held, and at the end of the primary's stream
    Time alarm_at = kNever;         ///< the earliest alarm that is set
    Backlog* previous = nullptr;
    Backlog* next = nullptr;

    size_t primary_frames() const { return held.size() + deferred.size(); }
    size_t secondary_frames() const {
        return secondary_bytes.size() + secondary_deferred.size() + secondary_items.size();
    }
    bool empty() const {
        return held.empty() && deferred.empty() && primary_bytes.empty() &&
               secondary_bytes.empty() && secondary_deferred.empty() && secondary_items.empty() &&
               absorbing.empty() && !kept;
    }
};

}  // namespace colo
