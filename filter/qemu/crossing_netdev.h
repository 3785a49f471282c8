// SPDX-License-Identifier: GPL-2.0-or-later
// One end of a filter, on our thread: what QEMU's filter got in one direction comes from here, what is sent here
// goes on behind QEMU's filter in the other one.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "filter/host.h"
#include "filter/netdev.h"
#include "filter/qemu/filter_crossings.h"
#include "packet/offload.h"

namespace colo {

enum class VnetHeaders : uint8_t {
    kKept,      ///< as QEMU has them
    kExpanded,  ///< what was left to the card is done when a frame comes in; none goes out
};

class CrossingNetdev final : public Netdev, private Flushable {
  public:
    /// `comes`: which way frames go that come from here.
    CrossingNetdev(FilterHost& host, const std::string& id, std::string peer, Direction comes, VnetHeaders headers,
                   std::shared_ptr<FilterCrossings> crossings);

    const char* type() const override { return "qemu"; }
    uint32_t vnet_header() const override { return headers_ == VnetHeaders::kKept ? kMaxFront : 0; }
    SendResult send(Frame&& frame) override;
    /// What crosses has a limit of its own.
    void set_limits(const QueueLimits&) override {}
    void pause_reading(bool paused) override;
    bool drain() override;
    size_t unsent() const override { return out_.pending(); }
    bool is_connected() const override { return crossings_->is_open; }
    const EndpointCounters& counters() const override { return counters_; }
    std::string name() const override { return "qemu:" + id(); }

    /// Has a look at what there is; to be followed by deliver().
    void fetch();
    void deliver();

  private:
    void receiver_changed(NetdevReceiver*) override {}
    void flush() override;
    void deliver_all(bool even_if_paused);
    void deliver(const CrossedFrames::Frame& crossed);
    void deliver_expanded(Frame frame);
    void hand_over(Frame&& frame);
    void look_at_refusals();

    FilterHost& host_;
    const VnetHeaders headers_;
    const std::shared_ptr<FilterCrossings> crossings_;
    FrameCrossing& in_;
    FrameCrossing& out_;
    CrossedFrames batch_;
    EndpointCounters counters_;
    Offload offload_;
    std::vector<Frame> pieces_;
    uint64_t refused_seen_ = 0;
    bool is_paused_ = false;
    bool has_rest_ = false;  ///< of an earlier batch: behind it there may be more that nobody is woken for
};

/// Both ends, and what wakes them.
class CrossingPort final : private FdWatch::Owner {
  public:
    CrossingPort(EventLoop& loop, std::shared_ptr<FilterCrossings> crossings, CrossingNetdev& vm,
                 CrossingNetdev& uplink);

    /// All that QEMU has handed over so far.
    void run();

  private:
    void fd_ready(GIOCondition) override;

    const std::shared_ptr<FilterCrossings> crossings_;
    CrossingNetdev& vm_;
    CrossingNetdev& uplink_;
    FdWatch watch_;
};

}  // namespace colo
