// SPDX-License-Identifier: GPL-2.0-or-later
// Feeds a comparator that listens on three unix sockets with the output of two VMs, checks what it
// releases, and prints what that cost it: one line of JSON. tests/bench/side_by_side runs it.
#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <exception>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/bench/checkpoint_maker.h"
#include "tests/bench/feeder_options.h"
#include "tests/bench/released_stream.h"
#include "tests/bench/send_queue.h"
#include "tests/bench/target_usage.h"
#include "tests/bench/tcp_traffic.h"
#include "tests/bench/unix_client.h"

namespace colo::bench {
namespace {

using Clock = std::chrono::steady_clock;

/// What has not come out for so long will not.
constexpr std::chrono::seconds kPatience(2);
/// A target that loses frames again and again is not waited for each time.
constexpr uint32_t kMostStalls = 5;
/// All three connections must have been accepted before there is something to release.
constexpr std::chrono::milliseconds kAcceptTime(100);

constexpr int kRequestMs = 5000;
constexpr int kFurtherRequestsMs = 500;

double microseconds(Clock::duration time) {
    return std::chrono::duration<double, std::micro>(time).count();
}

class Feeder {
  public:
    explicit Feeder(const FeederOptions& options)
        : options_(options),
          traffic_(options.gso_size),
          out_fd_(connect_to(options.out)),
          primary_fd_(connect_to(options.primary)),
          secondary_fd_(connect_to(options.secondary)),
          primary_(primary_fd_.get()),
          secondary_(secondary_fd_.get()),
          released_(out_fd_.get(), traffic_, options.flows, [this](uint32_t flow) { released(flow); }),
          position_(options.flows) {
        std::this_thread::sleep_for(kAcceptTime);
        if (!options.notify.empty()) checkpoints_.emplace(options.notify, options.gso_size > 0);
    }

    void run() {
        handshakes();
        before_ = read_usage(options_.pid, options_.allocations);
        const auto begin = Clock::now();
        feed();
        seconds_ = std::chrono::duration<double>(Clock::now() - begin).count();
        after_ = read_usage(options_.pid, options_.allocations);
        if (checkpoints_) make_checkpoint();
    }

    void print();
    bool is_complete() const {
        const ReleasedCounters& seen = released_.counters();
        return missing() == 0 && seen.out_of_order + seen.gaps + seen.altered + seen.alien == 0;
    }

  private:
    void handshakes();
    void feed();
    void feed_slowly();
    void burst(uint64_t frames, bool diverges);
    void next_flow() { flow_ = (flow_ + 1) % options_.flows; }
    void pump(uint64_t most_under_way);
    void wait();
    void give_up();
    void released(uint32_t flow);
    void make_checkpoint();
    uint64_t missing() const {
        return sent_ + options_.flows - released_.counters().frames - released_.counters().syns;
    }

    const FeederOptions options_;
    TcpTraffic traffic_;
    FileDescriptor out_fd_;
    FileDescriptor primary_fd_;
    FileDescriptor secondary_fd_;
    SendQueue primary_;
    SendQueue secondary_;
    ReleasedStream released_;
    std::optional<CheckpointMaker> checkpoints_;
    std::vector<uint64_t> position_;
    uint32_t flow_ = 0;
    uint64_t sent_ = 0;       ///< frames of the primary, without SYN-ACKs
    uint64_t under_way_ = 0;  ///< that should come out by themselves
    std::optional<uint32_t> differing_flow_;
    uint64_t held_ = 0;  ///< of that flow
    bool progress_ = false;
    uint32_t stalls_ = 0;
    uint64_t requests_ = 0;
    std::vector<double> latencies_us_;
    TargetUsage before_;
    TargetUsage after_;
    double seconds_ = 0;
};

void Feeder::released(uint32_t flow) {
    progress_ = true;
    uint64_t& count = flow == differing_flow_ ? held_ : under_way_;
    if (count > 0) --count;
}

void Feeder::handshakes() {
    for (uint32_t flow = 0; flow < options_.flows; ++flow) {
        traffic_.syn_ack(Vm::kPrimary, flow, primary_.bytes());
        traffic_.syn_ack(Vm::kSecondary, flow, secondary_.bytes());
        ++under_way_;
        if ((flow + 1) % options_.batch == 0) pump(options_.window - options_.batch);
    }
    pump(0);
}

void Feeder::feed() {
    if (options_.mode == FeederMode::kLatency) return feed_slowly();
    uint64_t unwritten = 0;
    while (sent_ < options_.frames && stalls_ < kMostStalls) {
        const uint64_t frames = std::min<uint64_t>(options_.burst, options_.frames - sent_);
        const bool diverges = sent_ < options_.diverge_at && options_.diverge_at <= sent_ + frames;
        if (diverges) pump(0);
        burst(frames, diverges);
        unwritten += frames;
        if (unwritten + options_.burst <= options_.batch) continue;
        pump(options_.window - options_.batch);
        unwritten = 0;
    }
    pump(0);
}

/// The clock runs from before the primary's frame is written until it is back.
void Feeder::feed_slowly() {
    const auto period = std::chrono::nanoseconds(std::chrono::seconds(1)) / options_.rate;
    auto next = Clock::now();
    while (sent_ < options_.frames && stalls_ < kMostStalls) {
        burst(1, false);
        std::this_thread::sleep_until(next);
        const auto begin = Clock::now();
        next = std::max(next + period, begin);
        pump(0);
        latencies_us_.push_back(microseconds(Clock::now() - begin));
    }
}

/// The next frames of a flow, then the flow after it.
void Feeder::burst(uint64_t frames, bool diverges) {
    const uint64_t begin = position_[flow_];
    const uint64_t end = begin + frames * options_.payload;
    Segment segment{flow_, begin, options_.payload, std::nullopt};
    for (; segment.position < end; segment.position += options_.payload) {
        traffic_.segment(Vm::kPrimary, segment, primary_.bytes());
    }
    if (diverges) {
        differing_flow_ = flow_;
        segment.flipped = begin + (options_.diverge_at - sent_ - 1) * options_.payload;
    }
    for (segment.position = begin; segment.position < end; segment.position += segment.size) {
        const uint64_t left = end - segment.position;
        segment.size = static_cast<uint32_t>(std::min<uint64_t>(options_.secondary_payload, left));
        traffic_.segment(Vm::kSecondary, segment, secondary_.bytes());
    }
    (flow_ == differing_flow_ ? held_ : under_way_) += frames;
    position_[flow_] = end;
    sent_ += frames;
    next_flow();
}

/// Until all has been written and no more frames than that are under way; but not for ever.
void Feeder::pump(uint64_t most_under_way) {
    auto deadline = Clock::now() + kPatience;
    while (true) {
        const bool primary_written = primary_.flush();
        const bool all_written = secondary_.flush() && primary_written;
        released_.read_all();
        if (all_written && under_way_ <= most_under_way) return;
        if (progress_) deadline = Clock::now() + kPatience;
        progress_ = false;
        if (Clock::now() >= deadline) return give_up();
        wait();
    }
}

void Feeder::wait() {
    const auto writable = [](const SendQueue& queue) -> short { return queue.empty() ? 0 : POLLOUT; };
    std::array<pollfd, 3> sockets = {{{released_.fd(), POLLIN, 0},
                                      {primary_.fd(), writable(primary_), 0},
                                      {secondary_.fd(), writable(secondary_), 0}}};
    poll(sockets.data(), sockets.size(), 100);
}

void Feeder::give_up() {
    if (!primary_.empty() || !secondary_.empty()) throw std::runtime_error("the target has stopped reading");
    ++stalls_;
    under_way_ = 0;
}

/// All that was fed has been seen: what is held of the flow that differs must now come out, and the flow
/// must go on by itself.
void Feeder::make_checkpoint() {
    if (options_.mode == FeederMode::kDivergence) {
        checkpoints_->wait_for_requests(1, kRequestMs);
        if (flow_ == differing_flow_) next_flow();
        burst(options_.burst, false);
        pump(0);
        checkpoints_->answer();
        under_way_ += held_;
        differing_flow_.reset();
        pump(0);
        for (uint32_t flow = 0; flow < options_.flows; ++flow) {
            burst(1, false);
            if (under_way_ + options_.batch > options_.window) pump(options_.window - options_.batch);
        }
        pump(0);
    }
    requests_ = checkpoints_->wait_for_requests(UINT64_MAX, kFurtherRequestsMs);
}

void Feeder::print() {
    const ReleasedCounters& seen = released_.counters();
    const double frames = static_cast<double>(std::max<uint64_t>(1, seen.frames));
    std::sort(latencies_us_.begin(), latencies_us_.end());
    const auto percentile = [&](double part) {
        if (latencies_us_.empty()) return 0.0;
        return latencies_us_[static_cast<size_t>(part * static_cast<double>(latencies_us_.size() - 1))];
    };
    const auto count = [](const char* name, uint64_t value) {
        std::printf("\"%s\":%llu,", name, static_cast<unsigned long long>(value));
    };
    std::printf("{");
    count("sent", sent_);
    count("released", seen.frames);
    count("missing", missing());
    count("out_of_order", seen.out_of_order);
    count("gaps", seen.gaps);
    count("altered", seen.altered);
    count("alien", seen.alien);
    count("stalls", stalls_);
    count("requests", requests_);
    count("resident_bytes", options_.pid > 0 ? resident_bytes(options_.pid) : 0);
    count("allocations", after_.allocations - before_.allocations);
    std::printf("\"cpu_ns_per_frame\":%.1f,\"frames_per_second\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,",
                static_cast<double>(after_.cpu_ns - before_.cpu_ns) / frames, frames / seconds_,
                percentile(0.5), percentile(0.99));
    std::printf("\"complete\":%s}\n", is_complete() ? "true" : "false");
}

}  // namespace
}  // namespace colo::bench

int main(int argc, char** argv) {
    try {
        colo::bench::Feeder feeder(colo::bench::parse_feeder_options(argc, argv));
        feeder.run();
        feeder.print();
        return 0;
    } catch (const std::invalid_argument& error) {
        std::fprintf(stderr, "feeder: %s\n", error.what());
        return 2;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "feeder: %s\n", error.what());
        return 1;
    }
}
