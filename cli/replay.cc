// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/replay.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "checkpoint/policy.h"
#include "cli/recording.h"
#include "cli/replay_merge.h"
#include "compare/input_mirror.h"
#include "compare/offset_finder.h"
#include "filter/capture_writer.h"

namespace colo {

namespace {

/// First pass: where flows that begin in their middle have their offset.
void find_offsets(Recording& recording, Side side, OffsetFinder& finder) {
    while (recording.front()) {
        const RecordedFrame recorded = recording.take();
        if (recorded.output) {
            finder.output(side, recorded.view);
        } else {
            finder.input(side, recorded.view);
        }
    }
    recording.rewind();
}

PolicyConfig replay_policy() {
    PolicyConfig config;
    config.min_interval = Time(0);
    config.max_interval = kNever;
    config.simple.enter = 0;
    return config;
}

class Replay final : public ComparatorSink {
  public:
    Replay(const ReplayOptions& options, const OnCheckpoint& on_checkpoint)
        : options_(options),
          on_checkpoint_(on_checkpoint),
          hash_(FlowHash::random()),
          primary_(options.primary, options.guests, pool_),
          secondary_(options.secondary, options.guests, pool_),
          merge_(primary_, secondary_, options.align),
          finder_(options.comparator.max_connections, hash_),
          mirror_(options.comparator.max_connections, hash_, pool_),
          policy_(replay_policy(), Time(0)),
          comparator_(options.comparator, hash_, pool_, *this, &finder_) {}

    ReplayResult run() {
        find_offsets(primary_, Side::kPrimary, finder_);
        find_offsets(secondary_, Side::kSecondary, finder_);
        // Not earlier: recordings that cannot be read overwrite nothing.
        if (options_.released) writer_ = std::make_unique<CaptureWriter>(*options_.released);
        while (auto merged = merge_.next()) step(*merged);
        while (!comparator_.holds_nothing()) tick(comparator_.next_deadline());
        if (writer_) writer_->finish();
        note_truncation();
        fill_in_result();
        return std::move(result_);
    }

    void release(Frame frame, Time now) override {
        if (!writer_) return;
        writer_->write(frame.bytes(), frame.wire_size(), merge_.primary_date(now));
    }
    void request_checkpoint(const CheckpointRequest& request) override {
        policy_.request(request);
    }
    void delta_known(const FlowKey& flow, const Announcement& announced) override {
        mirror_.delta_known(flow, announced);
    }

  private:
    /// Known once both have been read to their ends.
    void note_truncation() {
        for (const Recording* recording : {&primary_, &secondary_}) {
            if (!recording->truncated().empty()) result_.warnings.push_back(recording->truncated());
        }
    }

    void step(MergedFrame& merged) {
        advance_to(merged.recorded.time);
        if (merged.side == Side::kPrimary) {
            count(result_.primary, merged.recorded);
            primary_frame(std::move(merged.recorded));
        } else {
            count(result_.secondary, merged.recorded);
            if (merged.recorded.output) secondary_output(std::move(merged.recorded));
        }
        answer_requests();
    }

    static void count(RecordingCounts& counts, const RecordedFrame& recorded) {
        ++counts.frames;
        if (recorded.output) ++counts.output;
    }

    void primary_frame(RecordedFrame&& recorded) {
        if (recorded.output) {
            comparator_.primary(std::move(recorded.frame), now_);
            return;
        }
        mirror_.mirror(recorded.frame);
        comparator_.input(recorded.frame, now_);
    }

    /// The secondary's input is none of ours: it got the primary's.
    void secondary_output(RecordedFrame&& recorded) {
        mirror_.secondary_sent(recorded.view);
        comparator_.secondary(std::move(recorded.frame), comparator_.epoch(), now_);
    }

    /// What was due strictly before `time` happens at its own time: a frame that comes just when
    /// another's patience ends still counts.
    void advance_to(Time time) {
        while (comparator_.next_deadline() < time) tick(comparator_.next_deadline());
        now_ = std::max(now_, time);
    }

    void tick(Time time) {
        now_ = std::max(now_, time);
        comparator_.tick(now_);
        answer_requests();
    }

    /// In a replay a checkpoint takes no time.
    void answer_requests() {
        while (const auto order = policy_.order(now_)) {
            ++result_.checkpoints;
            on_checkpoint_({*order, now_});
            comparator_.fence(Fence::kReplay, now_);
            policy_.completed(now_);
        }
    }

    void fill_in_result() {
        const ComparatorCounters& counters = comparator_.counters();
        result_.released = counters.released;
        result_.flow_count = counters.flows;
        result_.duration = now_;
        result_.hold_p50 = comparator_.hold_times().quantile(0.5);
        result_.hold_p99 = comparator_.hold_times().quantile(0.99);
        result_.hold_max = comparator_.hold_times().max();
        list_flows();
        list_counters();
    }

    void list_flows() {
        uint32_t cursor = 0;
        while (result_.flows.size() < ReplayResult::kListedFlows) {
            const auto flow = comparator_.next_flow(cursor);
            if (!flow) break;
            result_.flows.push_back(*flow);
        }
        result_.flows_not_listed = comparator_.table().size() - result_.flows.size();
    }

    void list_counters() {
        const auto add = [&](const std::string& name, uint64_t value) {
            result_.counters.emplace_back(name, value);
        };
        comparator_.counters().for_each(add);
        for (size_t i = 0; i < kDefaultPasses; ++i) {
            const auto pass = static_cast<DefaultPass>(i);
            add(std::string("passed-") + to_string(pass), comparator_.passed_by(pass));
        }
        const ReassemblyCounters& reassembly = comparator_.reassembly();
        add("reassembly-episodes", reassembly.episodes);
        add("reassembly-segments", reassembly.slow_segments);
        add("reassembly-beyond-window", reassembly.beyond_window);
        add("reassembly-overflow", reassembly.overflow_segments + reassembly.overflow_bytes +
                                       reassembly.overflow_streams);
        const FlowTableCounters& table = comparator_.table().counters();
        add("flows-expired", table.expired);
        add("evicted-closing", table.evicted_closing);
        add("evicted-half-open", table.evicted_half_open);
        add("evicted-datagram", table.evicted_datagram);
        add("evicted-live", table.evicted_live);
        add("input-mirrored", mirror_.counters().input_frames);
        add("input-rewritten", mirror_.counters().input_mapped);
        add("input-echo-clamped", mirror_.counters().clamped);
        add("offsets-without-room", mirror_.counters().no_room + finder_.flows_left_out());
    }

    const ReplayOptions& options_;
    const OnCheckpoint& on_checkpoint_;
    ReplayResult result_;
    FramePool pool_;
    FlowHash hash_;
    Recording primary_;
    Recording secondary_;
    ReplayMerge merge_;
    OffsetFinder finder_;
    InputMirror mirror_;
    CheckpointPolicy policy_;
    std::unique_ptr<CaptureWriter> writer_;
    Comparator comparator_;
    Time now_{0};
};

}  // namespace

ReplayResult replay(const ReplayOptions& options, const OnCheckpoint& on_checkpoint) {
    return Replay(options, on_checkpoint).run();
}

}  // namespace colo
