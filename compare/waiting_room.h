// SPDX-License-Identifier: GPL-2.0-or-later
// All frames that wait, across flows: primary output that is held, and what is kept of the secondary
// until its twin comes. Knows ages, amounts and how to let a frame out; which frame may go is decided by
// the comparisons.
#pragma once

#include <cstdint>

#include "compare/counters.h"
#include "compare/hold_times.h"
#include "compare/list.h"
#include "compare/node_pool.h"
#include "compare/parked.h"
#include "compare/sink.h"

namespace colo {

struct QueueSizes {
    uint64_t primary_frames = 0;
    uint64_t primary_bytes = 0;
    uint64_t secondary_frames = 0;
    uint64_t secondary_bytes = 0;

    uint64_t bytes() const { return primary_bytes + secondary_bytes; }
};

class WaitingRoom {
  public:
    WaitingRoom(ComparatorSink& sink, ComparatorCounters& counters)
        : sink_(sink), counters_(counters) {}

    /// Holds a primary frame; it is the newest of all.
    Parked* hold_primary(Frame&& frame, Time now) {
        Parked* parked = pool_.make(std::move(frame), now);
        primary_.push_back(parked);
        ++sizes_.primary_frames;
        sizes_.primary_bytes += parked->frame_bytes();
        return parked;
    }
    /// Lets a held frame out, and forgets it. It must be out of its flow's queue.
    void release(Parked* parked, Time now) {
        leave(parked, now);
        if (!parked->originals) [[likely]] {
            ++counters_.released;
            sink_.release(std::move(parked->frame), now);
        } else {
            send_fragments(parked, now);
        }
        forget(parked);
    }
    /// Lets a held frame out; the record stays the caller's until forget().
    void let_out(Parked* parked, Time now) {
        leave(parked, now);
        if (parked->originals) return send_fragments(parked, now);
        ++counters_.released;
        sink_.release(parked->frame.share(), now);
    }
    /// Lets all held frames out in order of arrival; they stay in their flows' queues, as records of
    /// what was released, until forget() takes each.
    void release_all(Time now);
    void forget(Parked* released) { pool_.recycle(released); }
    /// Takes all held frames out of the order of arrival without letting them out: for the end.
    void discard_all();

    /// Keeps a secondary frame whose twin is to come. `ageing` ones turn up in oldest_secondary().
    Parked* keep_secondary(Frame&& frame, Time now, bool ageing);
    void replace_secondary(Parked* parked, Frame&& frame);
    void drop_secondary(Parked* parked, bool ageing);

    /// Turns a released record into one that waits for a late twin. It is held no more: these have sizes of their own.
    void start_absorbing(Parked* released, Time now);
    void stop_absorbing(Parked* parked);

    Parked* oldest_primary() const { return primary_.front(); }
    Parked* oldest_secondary() const { return secondary_.front(); }
    Parked* oldest_absorbing() const { return absorbing_.front(); }
    uint64_t absorbing_bytes() const { return absorbing_bytes_; }

    /// Secondary bytes kept outside of Parked (chunks of TCP streams).
    void add_secondary(uint32_t frames, uint32_t bytes) {
        sizes_.secondary_frames += frames;
        sizes_.secondary_bytes += bytes;
    }
    void remove_secondary(uint32_t frames, uint32_t bytes) {
        sizes_.secondary_frames -= frames;
        sizes_.secondary_bytes -= bytes;
    }

    const QueueSizes& sizes() const { return sizes_; }
    const HoldTimes& hold_times() const { return hold_times_; }

  private:
    using ByAge = Chain<Parked, &Parked::older, &Parked::newer>;

    void leave(Parked* parked, Time now) {
        primary_.remove(parked);
        --sizes_.primary_frames;
        sizes_.primary_bytes -= parked->frame_bytes();
        hold_times_.record(now - parked->since);
    }
    void send_fragments(Parked* parked, Time now);

    ComparatorSink& sink_;
    ComparatorCounters& counters_;
    NodePool<Parked> pool_;
    ByAge primary_;
    ByAge secondary_;
    ByAge absorbing_;
    QueueSizes sizes_;
    uint64_t absorbing_bytes_ = 0;
    HoldTimes hold_times_;
};

}  // namespace colo
