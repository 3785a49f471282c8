// SPDX-License-Identifier: GPL-2.0-or-later
// The engine against its floor, in one run: ns a pair of segments (one of each VM). The floor is what
// no comparator can do without: two look-ups in the same table with the same keyed hash, and a memcmp
// of the payload. The report at the end gives each result's ratio to its floor.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <string>

#include "compare/comparator.h"
#include "tcpstack/allocator.h"
#include "tests/bench/allocations.h"
#include "tests/bench/workload.h"

namespace colo::bench {
namespace {

constexpr uint32_t kBurst = 32;  ///< frames of one VM before the other's, as sockets deliver them
constexpr uint64_t kHashSecret = 0x636f6c6f;

class NullSink final : public ComparatorSink {
  public:
    void release(Frame frame, Time) override {
        ++released_;
        benchmark::DoNotOptimize(frame.data());
    }
    void request_checkpoint(const CheckpointRequest&) override { ++requests_; }
    uint64_t released() const { return released_; }
    uint64_t requests() const { return requests_; }

  private:
    uint64_t released_ = 0;
    uint64_t requests_ = 0;
};

/// Frames that a batch of reads has just brought in: about 256 KiB a side, but two bursts at least.
uint32_t ring_frames(uint32_t payload) {
    const uint32_t wanted = (256u << 10) / (payload + 128);
    return std::max(2 * kBurst, std::min(512u, wanted) / kBurst * kBurst);
}

struct Rig {
    explicit Rig(const Shape& shape, uint32_t secondary_payload = 0)
        : shape(shape),
          order(shape.flows),
          places(ring_frames(shape.payload)),
          primary(pool, places, shape.payload),
          secondary(pool, places * (secondary_payload ? shape.payload / secondary_payload : 1),
                    secondary_payload ? secondary_payload : shape.payload),
          comparator(config(shape), FlowHash(kHashSecret, kHashSecret), pool, sink) {}

    static ComparatorConfig config(const Shape& shape) {
        ComparatorConfig config;
        config.max_connections = shape.flows;
        config.max_queue_bytes = uint64_t{1} << 30;
        return config;
    }

    uint32_t position(uint64_t step) const {
        return static_cast<uint32_t>(step / shape.flows) * shape.payload;
    }
    void primary_frame(uint64_t step, uint64_t place) {
        comparator.primary(primary.segment(static_cast<uint32_t>(place % places),
                                           order.flow(step), position(step)),
                           now);
    }
    void secondary_frame(uint64_t step, uint64_t place) {
        comparator.secondary(secondary.segment(static_cast<uint32_t>(place % places),
                                               order.flow(step), position(step)),
                             0, now);
    }
    void burst(uint64_t first) {
        now += microseconds(10);
        for (uint64_t i = first; i < first + kBurst; ++i) primary_frame(i, i);
        for (uint64_t i = first; i < first + kBurst; ++i) secondary_frame(i, i);
    }
    /// All flows known, as in a server that runs.
    uint64_t warm_up() {
        uint64_t step = 0;
        for (; step < 2 * uint64_t{shape.flows}; step += kBurst) burst(step);
        return step;
    }

    Shape shape;
    FramePool pool;
    NullSink sink;
    FlowOrder order;
    uint32_t places;
    FrameRing primary;
    FrameRing secondary;
    Comparator comparator;
    Time now{0};
};

void check_all_released(benchmark::State& state, const Rig& rig) {
    if (!rig.comparator.holds_nothing() || rig.sink.requests() > 0) {
        state.SkipWithError("frames left or a checkpoint asked for: the workload is not equal");
    }
}

Shape shape_of(const benchmark::State& state) {
    return {static_cast<uint32_t>(state.range(0)), static_cast<uint32_t>(state.range(1))};
}

void in_order(benchmark::State& state) {
    Rig rig(shape_of(state));
    uint64_t step = rig.warm_up();
    const uint64_t allocated = allocations();
    for (auto _ : state) {
        rig.burst(step);
        step += kBurst;
    }
    state.counters["allocations"] = static_cast<double>(allocations() - allocated);
    state.counters["bytes_a_flow"] =
        static_cast<double>(rig.comparator.table().memory()) / rig.shape.flows;
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * kBurst);
    check_all_released(state, rig);
}

/// The secondary sends each payload in pieces of another size.
void resegmented(benchmark::State& state) {
    const Shape shape = shape_of(state);
    const uint32_t pieces = 2;
    Rig rig(shape, shape.payload / pieces);
    uint64_t step = 0;
    const auto burst = [&] {
        rig.now += microseconds(10);
        for (uint64_t i = step; i < step + kBurst; ++i) rig.primary_frame(i, i);
        for (uint64_t i = step; i < step + kBurst; ++i) {
            for (uint32_t piece = 0; piece < pieces; ++piece) {
                const uint32_t place = static_cast<uint32_t>(i % rig.places) * pieces + piece;
                rig.comparator.secondary(
                    rig.secondary.segment(place, rig.order.flow(i),
                                          rig.position(i) + piece * shape.payload / pieces),
                    0, rig.now);
            }
        }
        step += kBurst;
    };
    while (step < 2 * uint64_t{shape.flows}) burst();
    for (auto _ : state) burst();
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * kBurst);
    if (!rig.comparator.holds_nothing()) state.counters["held"] = 1;
}

/// The secondary's segments arrive swapped with the flow's next one, this many in a thousand. Each
/// flow sends two segments a burst, so that there is something to swap.
void swapped(benchmark::State& state) {
    const Shape shape = shape_of(state);
    const uint32_t per_mille = static_cast<uint32_t>(state.range(2));
    Rig rig(shape);
    std::minstd_rand random(1);
    uint64_t round = 0;
    uint64_t step = 0;
    const auto burst = [&] {
        rig.now += microseconds(10);
        std::array<uint32_t, kBurst / 2> flows;
        std::array<uint32_t, kBurst / 2> positions;
        for (uint32_t i = 0; i < kBurst / 2; ++i, ++step) {
            flows[i] = rig.order.flow(step);
            positions[i] = static_cast<uint32_t>(step / shape.flows) * 2 * shape.payload;
        }
        const auto place = [&](uint32_t i, uint32_t half) {
            return static_cast<uint32_t>((round * kBurst + 2 * i + half) % rig.places);
        };
        for (uint32_t i = 0; i < kBurst / 2; ++i) {
            for (uint32_t half = 0; half < 2; ++half) {
                rig.comparator.primary(rig.primary.segment(place(i, half), flows[i],
                                                           positions[i] + half * shape.payload),
                                       rig.now);
            }
        }
        for (uint32_t i = 0; i < kBurst / 2; ++i) {
            const uint32_t first = random() % 1000 < 2 * per_mille ? 1 : 0;
            for (const uint32_t half : {first, 1 - first}) {
                rig.comparator.secondary(rig.secondary.segment(place(i, half), flows[i],
                                                               positions[i] + half * shape.payload),
                                         0, rig.now);
            }
        }
        ++round;
    };
    while (step < 2 * uint64_t{shape.flows}) burst();
    for (auto _ : state) burst();
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * kBurst);
    check_all_released(state, rig);
}

/// What the workload itself costs: taken off both sides before they are set against each other.
void workload(benchmark::State& state) {
    const Shape shape = shape_of(state);
    FramePool pool;
    const uint32_t places = ring_frames(shape.payload);
    FrameRing primary(pool, places, shape.payload);
    FrameRing secondary(pool, places, shape.payload);
    const FlowOrder order(shape.flows);
    uint64_t step = 0;
    for (auto _ : state) {
        for (FrameRing* ring : {&primary, &secondary}) {
            for (uint64_t i = step; i < step + kBurst; ++i) {
                const Frame frame =
                    ring->segment(static_cast<uint32_t>(i % places), order.flow(i), 0);
                benchmark::DoNotOptimize(frame.data());
            }
        }
        step += kBurst;
    }
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * kBurst);
}

void floor(benchmark::State& state) {
    const Shape shape = shape_of(state);
    FramePool pool;
    const uint32_t places = ring_frames(shape.payload);
    FrameRing primary(pool, places, shape.payload);
    FrameRing secondary(pool, places, shape.payload);
    FlowTable table(shape.flows, FlowHash(kHashSecret, kHashSecret));
    for (uint32_t flow = 0; flow < shape.flows; ++flow) {
        table.create(key_of_flow(flow), Phase::kEstablished, Time(0));
    }
    const FlowOrder order(shape.flows);
    uint64_t step = 0;
    const auto look_up = [&](FrameRing& ring, uint64_t n) {
        const uint32_t flow = order.flow(n);
        const Frame frame = ring.segment(static_cast<uint32_t>(n % places), flow, 0);
        const FlowKey key = key_of_flow(flow);
        benchmark::DoNotOptimize(table.find(key));
    };
    for (auto _ : state) {
        for (uint64_t i = step; i < step + kBurst; ++i) look_up(primary, i);
        for (uint64_t i = step; i < step + kBurst; ++i) {
            look_up(secondary, i);
            const uint32_t place = static_cast<uint32_t>(i % places);
            benchmark::DoNotOptimize(
                std::memcmp(primary.payload(place), secondary.payload(place), shape.payload));
        }
        step += kBurst;
    }
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * kBurst);
}

/// Console output as usual, and at the end each engine result over its floor (medians where there are
/// repetitions).
class RatioReporter : public benchmark::ConsoleReporter {
  public:
    void ReportRuns(const std::vector<Run>& runs) override {
        ConsoleReporter::ReportRuns(runs);
        for (const Run& run : runs) {
            if (run.error_occurred || (run.repetitions > 1 && run.aggregate_name != "median")) continue;
            const auto items = run.counters.find("items_per_second");
            if (items == run.counters.end()) continue;
            pair_ns_[run.run_name.function_name + "/" + run.run_name.args] = 1e9 / items->second;
        }
    }

    void Finalize() override {
        ConsoleReporter::Finalize();
        GetOutputStream() << "\n" << "ns a pair without the workload, and ratio to the floor of the same run\n";
        for (const auto& [name, ns] : pair_ns_) print_ratio(name, ns);
    }

  private:
    void print_ratio(const std::string& name, double ns) {
        const size_t slash = name.find('/');
        const std::string kind = name.substr(0, slash);
        if (kind == "floor" || kind == "workload") return;
        std::string shape = name.substr(slash + 1);
        shape = shape.substr(0, shape.find('/', shape.find('/') + 1));
        const auto floor = pair_ns_.find("floor/" + shape);
        const auto workload = pair_ns_.find("workload/" + shape);
        if (floor == pair_ns_.end() || workload == pair_ns_.end()) return;
        const double own = ns - workload->second;
        const double least = floor->second - workload->second;
        char line[160];
        std::snprintf(line, sizeof line, "%-28s %10.1f  floor %10.1f  ratio %5.2f", name.c_str(), own,
                      least, own / least);
        GetOutputStream() << line;
        const auto base = pair_ns_.find("in_order/" + shape);
        if (base != pair_ns_.end() && base->first != name) {
            std::snprintf(line, sizeof line, "  over in_order %5.2f",
                          own / (base->second - workload->second));
            GetOutputStream() << line;
        }
        GetOutputStream() << "\n";
    }

    std::map<std::string, double> pair_ns_;
};

void all_shapes(benchmark::internal::Benchmark* benchmark) {
    for (const int64_t flows : {100, 10000, 1000000}) {
        for (const int64_t payload : {64, 1448, 65'000}) benchmark->Args({flows, payload});
    }
}

BENCHMARK(workload)->Apply(all_shapes);
BENCHMARK(floor)->Apply(all_shapes);
BENCHMARK(in_order)->Apply(all_shapes);
BENCHMARK(resegmented)->Args({10'000, 1448});
BENCHMARK(swapped)->Args({10'000, 1448, 10})->Args({10'000, 1448, 100});

}  // namespace
}  // namespace colo::bench

int main(int argc, char** argv) {
    colo::tune_allocator();
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    colo::bench::RatioReporter reporter;
    benchmark::RunSpecifiedBenchmarks(&reporter);
    benchmark::Shutdown();
    return 0;
}
