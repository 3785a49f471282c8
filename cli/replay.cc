// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/replay.h"

#include <algorithm>
#include <memory>

#include "checkpoint/policy.h"
#include "cli/recording.h"
#include "compare/input_mirror.h"
#include "compare/offset_finder.h"
#include "filter/capture_writer.h"

namespace colo {

namespace {

/// First pass: where flows that begin in their middle have their offset.
void find_offsets(Recording& recording, Side side, OffsetFinder& finder) {
    while (recording.front()) {
        const RecordedFrame recorded = recording.take();
        PacketView view;
        parse(recorded.frame.bytes(), recorded.frame.wire_size(), view);
        if (recorded.output) {
            finder.output(side, view);
        } else {
            finder.input(side, view);
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
    explicit Replay(const ReplayOptions& options)
        : options_(options),
          hash_(FlowHash::random()),
          primary_(options.primary, options.guests, pool_),
          secondary_(options.secondary, options.guests, pool_),
          finder_(options.comparator.max_connections, hash_),
          mirror_(options.comparator.max_connections, hash_, pool_),
          policy_(replay_policy(), Time(0)),
          comparator_(options.comparator, hash_, pool_, *this, &finder_) {
        if (options.released) writer_ = std::make_unique<CaptureWriter>(*options.released);
    }

    ReplayResult run() {
        find_offsets(primary_, Side::kPrimary, finder_);
        find_offsets(secondary_, Side::kSecondary, finder_);
        set_clocks();
        while (primary_.front() || secondary_.front()) step();
        while (!comparator_.holds_nothing()) tick(comparator_.next_deadline());
        if (writer_) writer_->finish();
        note_truncation();
        fill_in_result();
        return std::move(result_);
    }

    void release(Frame frame, Time now) override {
        if (writer_) writer_->write(frame.bytes(), frame.wire_size(), primary_start_ + now);
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

    /// Both recordings on one clock that starts at the earlier one's first frame, or each at its own.
    void set_clocks() {
        const auto first = [](const Recording& recording) {
            return recording.front() ? recording.front()->time : kNever;
        };
        primary_start_ = first(primary_);
        secondary_start_ = first(secondary_);
        if (!options_.align || primary_start_ == kNever) {
            primary_start_ = secondary_start_ = std::min(primary_start_, secondary_start_);
        }
    }

    Time primary_time() const { return primary_.front()->time - primary_start_; }
    Time secondary_time() const { return secondary_.front()->time - secondary_start_; }

    /// Equal times: input, then the secondary, then the primary.
    bool primary_is_next() const {
        if (!secondary_.front()) return true;
        if (!primary_.front()) return false;
        if (primary_time() != secondary_time()) return primary_time() < secondary_time();
        return !primary_.front()->output;
    }

    void step() {
        const bool is_primary = primary_is_next();
        advance_to(is_primary ? primary_time() : secondary_time());
        RecordedFrame recorded = (is_primary ? primary_ : secondary_).take();
        RecordingCounts& counts = is_primary ? result_.primary : result_.secondary;
        ++counts.frames;
        if (recorded.output) ++counts.output;
        if (recorded.output && is_primary) {
            comparator_.primary(std::move(recorded.frame), now_);
        } else if (recorded.output) {
            note_secondary(recorded.frame);
            comparator_.secondary(std::move(recorded.frame), comparator_.epoch(), now_);
        } else if (is_primary) {
            mirror_.mirror(recorded.frame);
            comparator_.input(recorded.frame, now_);
        }
        answer_requests();
    }

    void note_secondary(const Frame& frame) {
        PacketView view;
        parse(frame.bytes(), frame.wire_size(), view);
        mirror_.secondary_sent(view);
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
            ReplayCheckpoint checkpoint{*order, now_};
            if (result_.checkpoints.size() >= ReplayResult::kKeptEvidence) {
                checkpoint.request.evidence.reset();
            }
            result_.checkpoints.push_back(std::move(checkpoint));
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
        while (const auto flow = comparator_.next_flow(cursor)) {
            if (result_.flows.size() < ReplayResult::kListedFlows) {
                result_.flows.push_back(*flow);
            } else {
                ++result_.flows_not_listed;
            }
        }
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
        add("input-mirrored", mirror_.counters().mirrored);
        add("input-rewritten", mirror_.counters().rewritten);
        add("input-echo-clamped", mirror_.counters().clamped);
        add("offsets-without-room", mirror_.counters().no_room + finder_.flows_left_out());
    }

    const ReplayOptions& options_;
    ReplayResult result_;
    FramePool pool_;
    FlowHash hash_;
    Recording primary_;
    Recording secondary_;
    OffsetFinder finder_;
    InputMirror mirror_;
    CheckpointPolicy policy_;
    std::unique_ptr<CaptureWriter> writer_;
    Comparator comparator_;
    Time primary_start_{0};
    Time secondary_start_{0};
    Time now_{0};
};

}  // namespace

ReplayResult replay(const ReplayOptions& options) { return Replay(options).run(); }

}  // namespace colo
