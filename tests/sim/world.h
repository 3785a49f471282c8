// SPDX-License-Identifier: GPL-2.0-or-later
// A closed loop on a discrete clock: client, proxies, two VMs, checkpoints, and the oracle beside
// the comparator.
//
//   client --to_proxy--> proxy --to_primary----------------> PVM --from_primary--> comparator
//     ^                    '--InputMirror--mirror--> feed --> SVM --from_secondary----^
//     '------------------------------to_client---------------- released frames -------'
//
// A checkpoint: an order of the policy; after a while both VMs stop, the PVM's input and output run
// empty; after another while the comparator's fence, the SVM becomes a copy, the epoch rises.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/policy.h"
#include "compare/comparator.h"
#include "compare/input_mirror.h"
#include "tests/sim/host.h"
#include "tests/sim/link.h"
#include "tests/sim/oracle.h"
#include "tests/sim/scenario.h"
#include "tests/sim/secondary_feed.h"

namespace colo::sim {

struct WorldResult {
    std::vector<std::string> violations;
    Time ended{0};
    uint64_t steps = 0;
    uint64_t released = 0;
    uint64_t checkpoints = 0;
    uint64_t requests = 0;
    uint64_t connections = 0;
    uint64_t checked_bytes = 0;
    uint64_t future_echoes = 0;
};

class World final : private ComparatorSink {
  public:
    World(Scenario scenario, bool verbose);
    WorldResult run();

  private:
    static constexpr Time kLongest = seconds(900);
    static constexpr uint64_t kMostSteps = 600'000;
    /// After the last conversation: strays come in, spoofs are over.
    static constexpr Time kQuietTime = milliseconds(700);

    enum class Phase : uint8_t { kRunning, kOrdered, kStopped };
    struct Opening {
        Time at;
        const ConnectionPlan* plan;
    };

    // ComparatorSink
    void release(Frame frame, Time now) override;
    void request_checkpoint(const CheckpointRequest& request) override;
    void delta_known(const FlowKey& flow, const Announcement& announced) override;

    Time next_event() const;
    Time next_plan() const;
    bool is_free(const Tuple& tuple) const;
    bool is_lost_reset(const ConnectionPlan& plan) const;
    void step();
    bool step_links();
    void start_plans();
    void start(const ConnectionPlan& plan);
    void send_datagram(const DatagramPlan& plan);
    void spoof(const SpoofPlan& plan);

    void client_sends(Host::Out& out);
    void primary_sends(Host::Out& out);
    void secondary_sends(Host::Out& out);
    void into_proxy(Parcel parcel);
    void into_primary(const Parcel& parcel);
    void into_secondary(const Packet& packet);
    void primary_output(Parcel parcel);
    void secondary_output(const Parcel& parcel);
    void tick_comparator();
    void follow_requests();
    void check_bounds();

    void follow_policy();
    void stop_vms();
    void finish_checkpoint();
    bool primary_is_read() const;

    bool all_over() const;
    void check_promises();
    void say(const char* where, const Packet& packet) const;
    void say(const char* what) const;

    Scenario scenario_;
    bool verbose_;
    Random random_;
    FramePool pool_;
    FlowHash hash_;
    Time now_{0};
    Oracle oracle_;
    Comparator comparator_;
    std::optional<InputMirror> mirror_;
    CheckpointPolicy policy_;
    SecondaryFeed feed_;
    Host client_;
    Host primary_;
    Host secondary_;
    Link to_proxy_, to_primary_, from_primary_, mirror_link_, from_secondary_, to_client_;

    Phase phase_ = Phase::kRunning;
    Time phase_over_ = kNever;
    Time ticked_at_{-1};
    int idle_ticks_ = 0;
    std::vector<CheckpointRequest> requests_;
    std::vector<const ConnectionPlan*> waiting_plans_;
    std::vector<Opening> secondary_opens_;
    std::vector<const ConnectionPlan*> started_;
    size_t next_datagram_ = 0;
    size_t next_spoof_ = 0;
    size_t next_checkpoint_ = 0;
    Time over_since_ = kNever;
    WorldResult result_;
};

}  // namespace colo::sim
