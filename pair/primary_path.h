// SPDX-License-Identifier: GPL-2.0-or-later
// The way of a NIC's frames beside the primary's VM:
//
//   uplink --> [mirror to the secondary] --> [base] --> VM
//   uplink <-- release <-- compare <------- [base] <-- VM
//                             ^------------- what the secondary has sent
//
// Pure: frames and the time come in, frames go out. All of it is in the client's number space but for
// what the VM itself sees; the secondary's frames have its own delta, which the comparator learns and
// announces (semantics.md, 3). A VM that has never survived a failover has no base, and no mapper.
//
// Until a pair begins (mode idle) output passes and is tracked, so that comparing can begin.
#pragma once

#include <cstdint>
#include <vector>

#include "compare/comparator.h"
#include "compare/flow_mapper.h"

namespace colo {

struct PrimaryPathCounters {
    uint64_t mirrored = 0;
    uint64_t stale = 0;      ///< the secondary's, of an epoch that is over
    uint64_t early = 0;      ///< of the next epoch, kept for it
    uint64_t early_lost = 0; ///< there were too many: the VM sends them again
};

class PrimaryPath final : private ComparatorSink {
  public:
    /// Where frames go. Called from within calls into the path; must not call it.
    class Outside {
      public:
        virtual void to_vm(Frame&& frame, Time now) = 0;
        virtual void to_uplink(Frame&& frame, Time now) = 0;
        /// For the secondary, in the order in which the VM gets them.
        virtual void mirror(const Frame& frame) = 0;
        virtual void announce(const FlowKey& flow, const Announcement& announced) = 0;
        virtual void wants_checkpoint(const CheckpointRequest& request) = 0;

      protected:
        ~Outside() = default;
    };

    /// `mapper`: of a survivor; null: the VM's numbers are the client's. All references must outlive
    /// the path. Throws as Comparator does.
    PrimaryPath(const ComparatorConfig& config, const FlowHash& hash, FramePool& pool,
                FlowMapper* mapper, Outside& outside);
    PrimaryPath(const PrimaryPath&) = delete;
    PrimaryPath& operator=(const PrimaryPath&) = delete;

    void from_uplink(Frame&& frame, Time now);
    void from_vm(Frame&& frame, Time now);
    /// What the secondary's VM has sent in `epoch`.
    void from_peer(Frame&& frame, uint32_t epoch, Time now);
    void tick(Time now) { comparator_.tick(now); }

    /// Both VMs are equal and `epoch` begins: all that is held goes out, what follows is mirrored and,
    /// with `compares`, compared.
    void fence(uint32_t epoch, bool compares, Time now);
    /// Between fences: comparing may stop, but not begin.
    void compare(bool compares, Time now);
    /// Nothing leaves until it is decided who goes on: what has been compared is kept, too.
    void hold_output() { is_holding_ = true; }
    /// Nothing ever leaves any more.
    void shut();
    /// The VM is alone: all that is held goes out, nothing is compared or mirrored any more.
    void let_go(Time now);

    /// Frames go past the path: all that is held goes out. No more: where the VM is protected, all is held
    /// until the next fence.
    void bypass(bool bypassed, bool is_protected, Time now);
    bool is_bypassed() const { return is_bypassed_; }

    Comparator& comparator() { return comparator_; }
    const Comparator& comparator() const { return comparator_; }
    const PrimaryPathCounters& counters() const { return counters_; }
    /// The caller stops reading the VM until the next fence.
    bool is_congested() const;

    static constexpr size_t kMostEarlyBytes = 4u << 20;
    static constexpr size_t kMostRetainedBytes = 64u << 20;

  private:
    void release(Frame frame, Time now) override;
    void request_checkpoint(const CheckpointRequest& request) override {
        outside_.wants_checkpoint(request);
    }
    void delta_known(const FlowKey& flow, const Announcement& announced) override {
        outside_.announce(flow, announced);
    }
    void release_retained(Time now);
    void take_early(Time now);
    void forget_early();

    FlowMapper* mapper_;
    Outside& outside_;
    Comparator comparator_;
    PrimaryPathCounters counters_;
    uint32_t epoch_ = 0;
    bool is_mirroring_ = false;
    bool is_holding_ = false;
    bool is_shut_ = false;
    bool is_bypassed_ = false;
    std::vector<Frame> early_;  ///< of the next epoch
    size_t early_bytes_ = 0;
    std::vector<Frame> retained_;  ///< compared, and not to leave yet
    size_t retained_bytes_ = 0;
};

}  // namespace colo
