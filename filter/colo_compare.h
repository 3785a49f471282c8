// SPDX-License-Identifier: GPL-2.0-or-later
// colo-compare: the comparator between chardevs. Frames of the primary come in at primary_in, those of the
// secondary at secondary_in, released ones leave at outdev. Checkpoints are asked for at notify_dev, in
// Xen's words; without one nobody can make any, which is said at the start.
//
// With link= the secondary's frames come by a link, in their VM's own numbers; how far those lie from the
// primary's is told the secondary's filter-rewriter before the handshake is released, and so is each fence.
// Who comes back after a lost link has missed something: a checkpoint is asked for.
//
// Behind a chardev reading must not stop (QEMU would stand still): above a cap the newest frame is dropped,
// counted, and a checkpoint asked for.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "checkpoint/policy.h"
#include "compare/comparator.h"
#include "filter/colo_link.h"
#include "filter/comparing.h"
#include "filter/object.h"
#include "filter/option_reader.h"
#include "filter/port.h"
#include "io/event_loop.h"
#include "monitor/json.h"

namespace colo {

class ColoCompare final : public Object,
                          public Comparing,
                          private ComparatorSink,
                          private Flushable,
                          private LinkNic::User {
  public:
    ColoCompare(FilterHost& host, std::string id, OptionReader& options);
    ~ColoCompare() override;

    void complete() override;
    std::vector<Property> properties() override;

    std::vector<Comparator*> comparators() override { return {comparator_.get()}; }
    ComparingStatus status() const override;
    void need_checkpoints() const override;
    void ask_for_checkpoint(Reason reason) override;
    void touched() override;

  private:
    void open_secondary();
    void take_over_rules();
    Time now() const;
    void release(Frame frame, Time now) override;
    void request_checkpoint(const CheckpointRequest& request) override;
    void delta_known(const FlowKey& flow, const Announcement& announced) override;

    // LinkNic::User
    void link_changed(bool up) override;
    bool checkpoint_wanted(const std::string& why) override;
    void input_seen(const Frame& frame, Time now) override { comparator_->input(frame, now); }

    void emit(const char* event, Json data);
    void flush() override;
    void tick();
    void order(Time now);
    void apply_mode(Time now);
    void notified(Frame&& frame, Time now);
    void checkpoint_made(Time now);
    void report_divergence(const CheckpointRequest& request);
    void look_at_drops(Time now);
    template <typename Enum>
    void set_policy(Enum& policy, Enum value);
    void say(std::string_view message);

    FilterHost& host_;
    LinkName link_;
    std::string primary_in_;
    std::string secondary_in_;  ///< empty: link_
    std::string outdev_;
    std::string notify_dev_;
    std::string iothread_;
    bool vnet_;
    ComparatorConfig config_;
    uint64_t expired_scan_cycle_;
    Port primary_;
    Port secondary_;
    Port out_;
    Port notify_;
    Timer timer_;
    std::unique_ptr<Comparator> comparator_;
    std::unique_ptr<CheckpointPolicy> policy_;
    std::optional<CheckpointRequest> ordered_;
    Time ordered_at_{0};
    bool unsent_order_ = false;  ///< nobody was at notify_dev
    uint64_t dropped_seen_ = 0;
    bool was_up_ = false;  ///< the link, at some time
    LinkMembership nic_;
};

}  // namespace colo
