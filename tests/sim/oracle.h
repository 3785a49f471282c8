// SPDX-License-Identifier: GPL-2.0-or-later
// Decides whether what left was allowed to leave, by semantics.md and from what the simulated VMs
// meant (Truth: positions that do not wrap), not from anything the code under test says.
//
// For each incarnation of a tuple it remembers, byte by byte, what the secondary has said since the
// last fence, what has left already, and the highest ack, the FINs, RSTs and SYN options of the
// secondary. The primary's frames stand in one queue a flow: what leaves must be the front of its
// flow's queue, byte for byte, so that exactly once and in order are checked on the way.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "packet/time.h"
#include "tests/sim/wire.h"

namespace colo::sim {

class Oracle {
  public:
    explicit Oracle(Time datagram_life) : datagram_life_(datagram_life) {}

    void primary_said(const ByteVector& frame, const Packet& packet, Time now);
    /// WhenFull::kDrop: the newest of the flow is gone.
    void primary_dropped(const Tuple& tuple);
    /// Only what the comparator gets in the current epoch and while it compares.
    void secondary_said(const Packet& packet, Time now);
    /// What left during a fence needs no reason.
    void begin_fence() { in_fence_ = true; }
    /// The secondary is a copy of the primary now.
    void end_fence();
    /// The frame that left; an empty packet when nobody can have sent it.
    Packet released(const ByteVector& frame, Time now);
    /// At the very end, after a fence.
    void finish();

    /// Bytes let out that contradict some that left earlier: only where they were no longer kept.
    uint64_t unkept_conflicts() const { return unkept_conflicts_; }
    uint64_t released_frames() const { return released_frames_; }
    uint64_t checked_bytes() const { return checked_bytes_; }
    const std::vector<std::string>& violations() const { return violations_; }
    void violation(std::string text);

  private:
    /// What one side is known to have said; a position may have been given two bytes.
    class Said {
      public:
        void note(uint64_t position, uint8_t byte);
        bool has(uint64_t position) const {
            return position < bytes_.size() && bytes_[position] >= 0;
        }
        bool has(uint64_t position, uint8_t byte) const;
        void clear() {
            bytes_.clear();
            others_.clear();
        }

      private:
        std::vector<int16_t> bytes_;  ///< -1: nothing said
        std::set<std::pair<uint64_t, uint8_t>> others_;
    };

    struct SynSaid {
        uint16_t mss = 0;
        int window_scale = -1;
        bool sack = false;
        bool timestamps = false;

        friend auto operator<=>(const SynSaid&, const SynSaid&) = default;
    };

    struct Incarnation {
        Said secondary;
        Said left;
        uint64_t primary_high = 0;  ///< end of what the primary has said, FIN not counted
        uint64_t settled = 0;       ///< of that, at the last fence
        uint64_t secondary_ack = 0;
        bool acked = false;  ///< secondary_ack is valid
        uint64_t primary_ack = 0;
        bool reset = false;       ///< by the secondary, or a fence let the primary's out
        std::set<uint64_t> fins;  ///< of the secondary, or settled
        std::set<SynSaid> syns;
        uint64_t primary_fin = 0;
        bool primary_reset = false;
        bool primary_syn = false;
        SynSaid primary_syn_said;
    };

    struct Waiting {
        ByteVector frame;
        Packet packet;
        Time since;
        bool contradicts = false;  ///< a frame that was still held when this one came
    };
    struct Datagram {
        ByteVector payload;
        Time since;
    };
    struct Flow {
        std::deque<Waiting> primary;
        std::deque<Datagram> datagrams;  ///< of the secondary, unmatched
        std::map<uint64_t, Incarnation> incarnations;
    };

    static bool contradict(const Packet& a, const Packet& b);
    static SynSaid syn_of(const Packet& packet);
    void check(Flow& flow, const Waiting& waiting);
    void check_segment(Incarnation& incarnation, const Packet& packet);
    void check_payload(Incarnation& incarnation, const Packet& packet);
    void check_datagram(Flow& flow, const Waiting& waiting);
    void note_left(Incarnation& incarnation, const Packet& packet);

    Time datagram_life_;
    std::map<Tuple, Flow> flows_;
    bool in_fence_ = false;
    uint64_t unkept_conflicts_ = 0;
    uint64_t released_frames_ = 0;
    uint64_t checked_bytes_ = 0;
    std::vector<std::string> violations_;
};

}  // namespace colo::sim
