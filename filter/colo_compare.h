// SPDX-License-Identifier: GPL-2.0-or-later
// colo-compare: the comparator between chardevs. Frames of the primary come in at primary_in, those of the
// secondary at secondary_in, released ones leave at outdev. Checkpoints are asked for at notify_dev, in
// Xen's words; without one nobody can make any, which is said at the start.
//
// Behind a chardev reading must not stop (QEMU would stand still): above a cap the newest frame is dropped,
// counted, and a checkpoint asked for.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "checkpoint/policy.h"
#include "compare/comparator.h"
#include "filter/event_loop.h"
#include "filter/object.h"
#include "filter/option_reader.h"
#include "filter/port.h"

namespace colo {

class ColoCompare final : public Object, private ComparatorSink, private Flushable {
  public:
    ColoCompare(FilterHost& host, std::string id, OptionReader& options);
    ~ColoCompare() override;

    void complete() override;
    std::vector<Property> properties() override;

    /// Since complete().
    Comparator& comparator() { return *comparator_; }
    const Comparator& comparator() const { return *comparator_; }
    const CheckpointPolicy& policy() const { return *policy_; }
    /// For the operator. Throws std::runtime_error when nobody can make a checkpoint.
    void ask_for_checkpoint(Reason reason);
    /// After anything but a frame: requests and deadlines are looked at.
    void touched();
    Time now() const;

  private:
    void release(Frame frame, Time now) override;
    void request_checkpoint(const CheckpointRequest& request) override;

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
    std::string primary_in_;
    std::string secondary_in_;
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
};

}  // namespace colo
