// SPDX-License-Identifier: GPL-2.0-or-later
// The way of a NIC's frames beside the secondary's VM:
//
//   mirrored --> [neighbours] --> [base and delta] --> [feed: the window] --> VM
//   primary <------------------ [base] <-- [neighbours, feed: answers] <----- VM
//
// Pure: frames and the time come in, frames go out. Nothing of the VM reaches the network. When the VM
// goes on alone the mapper and the addresses that were learnt are handed on (end()).
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

class SecondaryPath final : private NeighbourSink, private FlowFeedSink {
  public:
    /// Where frames go. Called from within calls into the path; must not call it.
    class Outside {
      public:
        virtual void to_vm(Frame&& frame, Time now) = 0;
        /// To be compared with the primary's.
        virtual void to_peer(const Frame& frame, uint32_t epoch) = 0;
        /// A question for the primary's uplink.
        virtual void ask_at_peer(const Frame& frame) = 0;

      protected:
        ~Outside() = default;
    };

    /// All references must outlive the path.
    SecondaryPath(uint32_t max_flows, const FlowHash& hash, FramePool& pool, FlowMapper& mapper,
                  Announcer& announcer, Outside& outside);
    SecondaryPath(const SecondaryPath&) = delete;
    SecondaryPath& operator=(const SecondaryPath&) = delete;

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

    FlowMapper& mapper_;
    Announcer& announcer_;
    Outside& outside_;
    NeighbourProxy neighbours_;
    FlowFeed feed_;
    UnheardOutput unheard_;
    Time now_{0};
    uint64_t dropped_ = 0;  ///< sent while the VM was no copy of the primary
};

}  // namespace colo
