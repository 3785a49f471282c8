// SPDX-License-Identifier: GPL-2.0-or-later
// The way of a NIC's frames beside the secondary's VM:
//
//   mirrored --> [neighbours] --> [base and delta] --> [feed: the window] --> VM
//   primary <------------- [numbers] <-- [neighbours, feed: answers] <------- VM
//
// Pure: frames and the time come in, frames go out. Who compares the output is linked, or is not:
//
//   kLinked    it knows each connection's delta, and wants the VM's numbers less the base; it has an uplink
//              for questions about neighbours.
//   kUnlinked  it knows nothing (QEMU's, too): it gets the client's numbers, and the questions.
//
// When the VM goes on alone (end()) what passes here is mapped, and nothing else: the mapper has its base, the
// announcer the addresses that were learnt.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "compare/announcer.h"
#include "compare/flow_feed.h"
#include "compare/flow_mapper.h"
#include "compare/neighbour_proxy.h"
#include "compare/unheard_output.h"

namespace colo {

enum class Comparer : uint8_t { kLinked, kUnlinked };

class SecondaryPath final : private NeighbourSink, private FlowFeedSink {
  public:
    /// Where frames go. Called from within calls into the path; must not call it.
    class Outside {
      public:
        virtual void to_vm(Frame&& frame, Time now) = 0;
        /// To be compared with the primary's, or of a VM that goes on alone.
        virtual void from_vm(Frame&& frame, uint32_t epoch, Time now) = 0;
        /// A question for the primary's uplink. kLinked only.
        virtual void ask_at_peer(const Frame& frame) = 0;

      protected:
        ~Outside() = default;
    };

    /// All references must outlive the path.
    SecondaryPath(uint32_t max_flows, Comparer comparer, const FlowHash& hash, FramePool& pool,
                  FlowMapper& mapper, Announcer& announcer, Outside& outside);
    SecondaryPath(const SecondaryPath&) = delete;
    SecondaryPath& operator=(const SecondaryPath&) = delete;
    /// The mapper's are its owner's.
    void set_max_flows(uint32_t max_flows) { feed_.set_max_flows(max_flows); }

    /// A frame that the primary's VM has got, too.
    void from_peer(Frame&& frame, Time now);
    /// `epoch`: in which it counts; nothing: it is dropped.
    void from_vm(Frame&& frame, std::optional<uint32_t> epoch, Time now);
    void tick(Time now);
    Time next_deadline() const;

    /// Before a fence: what waits for its window is handed over.
    void flush(Time now);
    /// The VM is, or will be, a copy of the primary.
    void begin_epoch();
    /// Frames pass by from now on, unseen: nothing waits, and nothing is known of what was said last.
    void look_away(Time now);
    /// The VM goes on alone. What it has said last and its clients may not have heard, in its own numbers.
    std::vector<Frame> end(Time now);

    uint64_t dropped() const { return dropped_; }
    const NeighbourProxy& neighbours() const { return neighbours_; }
    const FlowFeed& feed() const { return feed_; }

  private:
    // NeighbourSink
    void answer(Frame frame) override { outside_.to_vm(std::move(frame), now_); }
    void ask(Frame frame) override { outside_.ask_at_peer(frame); }
    // FlowFeedSink
    void to_vm(Frame frame) override { outside_.to_vm(std::move(frame), now_); }

    bool is_linked() const { return comparer_ == Comparer::kLinked; }
    Frame map_output(Frame frame, PacketView& view);

    const Comparer comparer_;
    FramePool& pool_;
    FlowMapper& mapper_;
    Announcer& announcer_;
    Outside& outside_;
    NeighbourProxy neighbours_;
    FlowFeed feed_;
    UnheardOutput unheard_;
    bool is_alone_ = false;
    Time now_{0};
    uint64_t dropped_ = 0;  ///< sent while the VM was no copy of the primary
};

}  // namespace colo
