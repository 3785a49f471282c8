// SPDX-License-Identifier: GPL-2.0-or-later
// The comparing core: output commit over all flows. Frames and the time come in, released frames and
// checkpoint requests come out; no file descriptors, threads or clocks, so it can be simulated.
//
//   primary() ----> held ---- compared ----> sink.release()
//   secondary() --> kept until its twin comes
//   tick() -------> timeouts            fence() --> everything held goes out; both sides are equal
//
// Nothing handed in as primary output is lost: it is released exactly once, or still held (except with
// WhenFull::kDrop, counted). Not thread-safe. Time never runs backwards.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "compare/backlogs.h"
#include "compare/config.h"
#include "compare/context.h"
#include "compare/counters.h"
#include "compare/flow_order.h"
#include "compare/flow_table.h"
#include "compare/offset_source.h"
#include "compare/rules.h"
#include "compare/sink.h"
#include "compare/waiting_room.h"
#include "packet/fragments.h"
#include "packet/frame.h"
#include "packet/view.h"
#include "tcpstack/reassembler.h"

namespace colo {

/// One flow, for listings.
struct FlowStatus {
    FlowKey key;
    Phase phase;
    uint64_t verified = 0;
    uint32_t held_frames = 0;
    Time held_since = kNever;  ///< of the oldest held frame
    bool unprotected = false;
    bool diverged = false;
};

class Comparator {
  public:
    /// `pool` must outlive the comparator; so must `sink` and `offsets` (may be null). Throws when the
    /// flow table or libslirp cannot be set up.
    Comparator(const ComparatorConfig& config, const FlowHash& hash, FramePool& pool,
               ComparatorSink& sink, const OffsetSource* offsets = nullptr);
    ~Comparator();
    Comparator(const Comparator&) = delete;
    Comparator& operator=(const Comparator&) = delete;

    /// A frame the primary VM sent.
    void primary(Frame frame, Time now);
    /// The same for callers that have parsed the frame already.
    void primary(Frame frame, const PacketView& view, Time now);
    /// A frame the secondary VM sent in `epoch`; of an older epoch it counts for nothing.
    void secondary(Frame frame, uint32_t epoch, Time now);
    /// A frame towards the VMs. Only looked at: no client packet alone changes a flow's state.
    void input(const Frame& frame, Time now);
    void input(const PacketView& view, Time now);
    /// Does what is due.
    void tick(Time now);
    /// When tick() next has something to do.
    Time next_deadline() const;

    /// A checkpoint: everything held goes out, in order of arrival; what it said is what both VMs said.
    /// Fence::kLive begins a new epoch, in which every delta is 0.
    void fence(Fence fence, Time now);
    uint32_t epoch() const { return context_.epoch; }

    /// Lock-step from idle or simple mode begins with a fence, which the caller asks for.
    void set_mode(Mode mode, Time now);
    Mode mode() const { return order_.mode(); }

    /// False when the id is taken or there are too many rules. What the rule covers and is held goes.
    bool add_rule(PassRule rule, Time now);
    /// Asks for a checkpoint; the rule's flows are held until its fence. False: no such rule.
    bool remove_rule(const std::string& id, Time now);
    const PassRules& rules() const { return rules_; }
    uint64_t passed_by(DefaultPass pass) const { return passed_[static_cast<size_t>(pass)]; }

    /// Nothing of the primary is held, in whatever form.
    bool holds_nothing() const;
    /// A cap is reached: with WhenFull::kKeep stop reading the primary until the next fence.
    bool is_congested() const;

    const ComparatorCounters& counters() const { return counters_; }
    const FlowTable& table() const { return table_; }
    const ReassemblyCounters& reassembly() const { return reassembler_.counters(); }
    const QueueSizes& queued() const { return room_.sizes(); }
    const HoldTimes& hold_times() const { return room_.hold_times(); }
    /// Frames held of flows that could not be tracked.
    size_t untracked_held() const { return untracked_.size(); }
    /// All but max_connections may be changed through it.
    ComparatorConfig& config() { return config_; }
    /// Throws std::invalid_argument where there is no memory for so many.
    void set_max_connections(uint32_t max_connections);
    /// The delta of a flow, where it is known.
    std::optional<SeqDelta> delta_of(const FlowKey& key);
    /// The flow at a slab position at or behind `cursor`, which moves behind it. For paging listings.
    std::optional<FlowStatus> next_flow(uint32_t& cursor);

  private:
    struct Datagram;

    enum class Side : uint8_t { kPrimary, kSecondary };

    bool is_odd(const PacketView& view) const;
    void count_anomalies(const PacketView& view);
    std::optional<DefaultPass> passes_by_default(const PacketView& view) const;
    Datagram classify(const PacketView& view);
    static void describe(Parked& parked, const Datagram& datagram, const PacketView& view);
    Flow* track(const FlowKey& key, Phase first_phase);

    /// `fragments`: what the frame was made whole from, and what goes out in its place; may be null.
    void primary_packet(Frame&& frame, const PacketView& view, std::vector<Frame>* fragments);
    Parked* park(Frame&& frame, std::vector<Frame>* fragments);
    Parked* hold(Frame&& frame, Flow* flow, const FlowKey& key, std::vector<Frame>* fragments);
    bool drop_when_full(const Flow* flow);
    void hold_untracked(Parked* parked, const FlowKey& key);
    void pass(Frame&& frame, std::vector<Frame>* fragments);
    void secondary_packet(Frame&& frame, const PacketView& view);
    Flow* compared_flow(const FlowKey& key, Phase first_phase);

    void take_fragments(Side side);
    void hold_discarded(FragmentGroup& group);
    void release_fragments();

    void look_at_timeouts();
    bool looks_at_timeouts() const;
    void let_go_of_untracked();
    void ask_timeout(const Flow* flow);

    void lift_until_fence();

    ComparatorConfig config_;
    ComparatorCounters counters_;
    Reassembler reassembler_;
    FlowTable table_;
    Backlogs backlogs_;
    WaitingRoom room_;
    PassRules rules_;
    Context context_;
    FlowOrder order_;
    FragmentTable primary_fragments_;
    FragmentTable secondary_fragments_;
    std::vector<FragmentGroup> fragment_groups_;
    std::array<uint64_t, kDefaultPasses> passed_{};
    ParkedFifo untracked_;
    bool rule_removed_ = false;
};

}  // namespace colo
