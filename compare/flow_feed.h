// SPDX-License-Identifier: GPL-2.0-or-later
// Keeps a secondary's VM fed as its primary is (semantics.md, 7). Stands between the mirrored client
// frames, which the FlowMapper has put into the VM's numbers, and the VM; sees what the VM sends before
// that is mapped.
//
//   client's data beyond the VM's window --- wait here, in order, until it opens: the primary's VM has
//            taken them, and what this VM refused the client would send again after a timeout only, or,
//            told by SACK that they have come, not at all
//   the VM sends what the client has acked, --- is answered with the client's last ack, at most each
//            a keep-alive or a window probe      100 ms: the client answers the primary's VM alone
//
// Order is that of the numbers: what the client sends again because it was lost on the way goes before
// what waits, at once if the window has room for it. Without it the window would not move. What has
// waited is then older than what the VM has got: it is given the TSval of that, else the VM would take
// it for an old duplicate (RFC 7323 5.3).
//
// While frames wait the client's later acks do not: they are told the VM by acks made here, with
// numbers of what it has been given already. Else a VM that reads only when it has written would wait
// for itself.
//
// What a VM sends is for the comparator as before; the feed only looks on.
//
// A fence. What waits is handed over before the VM's socket is let run empty (flush()): the primary's VM
// has had these frames, so must this one have had them. Should the checkpoint come about, what the VM
// does with them does not matter; should it fail, the VM goes on alone and takes what it has room for by
// then, and of what it has not acked nobody else has acked anything to the client either. fence() then
// forgets what the VM that is no more has said; until its copy speaks, everything passes.
//
// Windows of connections whose SYNs were not seen have an unknown scale: they are honoured when closed
// only. SACK blocks of acks that overtake are left out. A client that has died without a word stays
// alive for this VM's keep-alives, until the primary's VM gives up and a checkpoint tells.
//
// Bounded: max_flows (a flow that goes is only helped no longer, its frames are handed over), frames by
// kMaxHeldBytes a flow and kMaxAllBytes: above it they are dropped, counted. The VM has not acked them,
// so neither has the primary to the client, who sends them again; but if the client was told by SACK that
// the primary has them, it does not, and it takes a checkpoint to get the flow going.
#pragma once

#include <cstdint>
#include <optional>

#include "compare/fed_flow.h"
#include "compare/flow_index.h"
#include "compare/node_pool.h"
#include "packet/frame.h"
#include "packet/time.h"
#include "packet/view.h"

namespace colo {

class FlowFeedSink {
  public:
    /// Must not call the feed.
    virtual void to_vm(Frame frame) = 0;

  protected:
    ~FlowFeedSink() = default;
};

struct FlowFeedCounters {
    uint64_t held = 0;      ///< frames that had to wait
    uint64_t dropped = 0;   ///< that found no room to
    uint64_t replaced = 0;  ///< acks that overtook those that wait
    uint64_t answers = 0;   ///< to the VM, in the client's name
    uint64_t evicted = 0;   ///< flows, for others

    template <typename Visit>
    void for_each(Visit visit) const {
        visit("feed-held", held);
        visit("feed-dropped", dropped);
        visit("feed-replaced", replaced);
        visit("feed-answers", answers);
        visit("feed-evicted", evicted);
    }
};

/// What the VM has said, in its own numbers.
struct VmSegment {
    uint64_t connection;  ///< FedFlow::connection
    SegmentNumbers numbers;
};

class FlowFeed {
  public:
    static constexpr uint32_t kMaxHeldBytes = 256u << 10;  ///< of a flow
    static constexpr size_t kMaxAllBytes = 16u << 20;

    /// `pool` and `sink` must outlive the feed. `max_flows`: at least 1.
    FlowFeed(uint32_t max_flows, const FlowHash& hash, FramePool& pool, FlowFeedSink& sink)
        : max_flows_(max_flows), index_(hash), pool_(pool), sink_(sink) {}
    ~FlowFeed() { fence(); }
    FlowFeed(const FlowFeed&) = delete;
    FlowFeed& operator=(const FlowFeed&) = delete;
    void set_max_flows(uint32_t max_flows) { max_flows_ = max_flows; }

    /// A frame for the VM, and its view.
    void input(Frame frame, const PacketView& view);
    /// A frame of the VM, in its own numbers. What it says in which connection; nothing: in none that is known.
    std::optional<VmSegment> output(const PacketView& view, Time now);

    /// Whether the connection is still the one that has the flow's ports, and its client has not acked all of
    /// the segment.
    bool is_outstanding(const FlowKey& key, const VmSegment& segment);

    /// All that waits goes to the VM.
    void flush();
    /// The VM has become a copy of the primary, which has had what still waits.
    void fence();
    /// The VM goes on alone: all that waits goes to it, and the feed does nothing any more.
    void failover();

    size_t held_bytes() const { return held_bytes_; }
    uint32_t flows() const { return index_.size(); }
    const FlowFeedCounters& counters() const { return counters_; }

  private:
    FedFlow* find(const FlowKey& key);
    FedFlow& create(const FlowKey& key);
    void erase(FedFlow& flow);
    void make_room();

    FedFlow* vm_flow(const FlowKey& key, const SegmentNumbers& segment);
    static bool waits(const FedFlow& flow, const SegmentNumbers& segment);
    void hold(FedFlow& flow, Frame frame, const SegmentNumbers& segment);
    void overtake(FedFlow& flow, Frame frame, const PacketView& view, const SegmentNumbers& segment,
                  bool is_news);
    Frame take_front(FedFlow& flow);
    void pass_what_fits(FedFlow& flow);
    void pass_front(FedFlow& flow);
    Frame stamped(Frame frame, uint32_t tsval);
    void pass_all(FedFlow& flow);
    void answer(FedFlow& flow, const PacketView& view, Time now);

    uint32_t max_flows_;
    uint64_t connections_ = 0;  ///< that there have been
    uint32_t epoch_ = 0;
    bool has_ended_ = false;
    FlowIndex<FedFlow> index_;
    Chain<FedFlow, &FedFlow::previous, &FedFlow::next> flows_;  ///< for eviction
    Chain<FedFlow, &FedFlow::previous_holder, &FedFlow::next_holder> holders_;
    NodePool<HeldFrame> nodes_;
    size_t held_bytes_ = 0;
    FramePool& pool_;
    FlowFeedSink& sink_;
    FlowFeedCounters counters_;
};

}  // namespace colo
