// SPDX-License-Identifier: GPL-2.0-or-later
// The order within each flow: what the primary said is admitted to comparing or deferred, what may go goes,
// and nothing overtakes. A flow that is blocked blocks no other.
//
//   primary --> [deferred] --> held (compared) --> out
//   secondary --> [deferred: the primary has not begun what it belongs to] --> compared
#pragma once

#include <algorithm>
#include <cstdint>

#include "compare/alarms.h"
#include "compare/context.h"
#include "compare/datagram_comparison.h"
#include "compare/lonely_syns.h"
#include "compare/rules.h"
#include "compare/tcp_comparison.h"

namespace colo {

enum class Mode : uint8_t {
    kIdle,      ///< nothing is compared; output passes and is tracked, so that comparing can begin
    kLockstep,  ///< output is compared
    kSimple,    ///< output is held, uncompared, and goes out at fences
};

class FlowOrder {
  public:
    /// Both must outlive it.
    FlowOrder(Context& context, PassRules& rules)
        : context_(context), rules_(rules), tcp_(context), datagrams_(context, alarms_) {}
    FlowOrder(const FlowOrder&) = delete;
    FlowOrder& operator=(const FlowOrder&) = delete;

    void set_mode(Mode mode) { mode_ = mode; }
    Mode mode() const { return mode_; }
    /// What the flow's VM says leaves at once.
    bool is_passing(const Flow& flow) const { return mode_ == Mode::kIdle || flow.rule != kNoRule; }

    /// A held frame of the primary, described.
    void primary(Flow& flow, Parked* parked);
    /// One that nothing can be compared with: it waits for a fence, and so does what follows it. Before finish().
    void block(Flow& flow, Parked* parked);
    void secondary_segment(Flow& flow, Frame&& frame, const PacketView& view);
    /// `facts` describes a datagram or ICMP error, and has its frame.
    void secondary_datagram(Flow& flow, Parked&& facts);
    /// A segment of the client: a hint at most.
    void input(Flow& flow, const PacketView& view) { tcp_.input(flow, view); }

    /// What every change of a flow ends with.
    void finish(Flow& flow);
    /// on-divergence=release: out with it, uncompared.
    void let_go(Flow& flow);
    /// All that is held has been let out by the waiting room: it becomes the common truth.
    void fence(Fence fence);
    /// Nothing is let out: for the end.
    void drop_all();

    void tick();
    Time next_deadline() const { return std::min(alarms_.next(), lonely_syns_.next()); }
    SeqDelta delta_of(const Flow& flow) const { return tcp_.delta_of(flow); }

  private:
    /// Whether a fence has let a flow's frames out already.
    enum class Out : uint8_t { kNow, kAlready };

    void conclude(Flow& flow);
    bool must_wait(const Flow& flow, const Backlog& backlog, const Parked& parked) const;
    void admit(Flow& flow, Backlog& backlog, Parked* parked);
    void begun(Flow& flow, Backlog& backlog, const Parked& parked);
    bool may_go(Flow& flow, Backlog& backlog, Parked& parked);
    /// Lets out what may go, in order, and takes in what waited for that.
    void advance(Flow& flow, Backlog& backlog);
    void take_secondary_segment(Flow& flow, Frame&& frame, const PacketView& view);
    void secondary_spoke(Flow& flow);
    void defer_secondary(Backlog& backlog, Frame&& frame, bool is_syn);
    void drain_secondary(Flow& flow, Backlog& backlog);
    void drop_deferred_secondary(Backlog& backlog);
    void let_go(Flow& flow, Backlog& backlog);
    void settle(Flow& flow, Backlog& backlog, Fence fence, Out out);
    void look_at_alarms();
    void look_at_lonely_syns();
    bool is_lonely(const LonelySyn& syn);
    void expire_secondary();

    Context& context_;
    PassRules& rules_;
    Alarms alarms_;
    LonelySyns lonely_syns_;
    TcpComparison tcp_;
    DatagramComparison datagrams_;
    Mode mode_ = Mode::kLockstep;
};

}  // namespace colo
