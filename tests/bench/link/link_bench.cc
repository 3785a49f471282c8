// SPDX-License-Identifier: GPL-2.0-or-later
// The link against its floors: each pair in one run, interleaved, medians. Prints Markdown. Exit status: 0 all
// targets met, 1 one is missed, 2 it could not be measured.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "link/certificate_authority.h"
#include "tests/bench/link/measures.h"
#include "tests/support/certificate_folder.h"
#include "tests/support/socket_rig.h"

namespace colo::bench {

namespace {

constexpr Line kLoopback{};
constexpr Line kFiveMilliseconds{.delay_seconds = 0.005};
constexpr Line kGigabit{.bytes_a_second = 125e6};
constexpr int kStreamsCancelled = 16;

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

struct Scale {
    int repetitions = 5;
    uint64_t bulk = 1'000'000'000;
    uint64_t chunked = 4 << 20;
    size_t round_trips = 2000;
    int batches = 20'000;
};

class Bench {
  public:
    explicit Bench(const Scale& scale) : scale_(scale) {}

    void relays();
    void tls();
    void chunks();
    void latency(const char* where, const Line& line, double most_seconds);
    void packets();
    void cancels();
    bool has_missed() const { return has_missed_; }

  private:
    /// All of them in each repetition; their medians. Several figures a measurement.
    using Measure = std::function<std::vector<double>()>;
    std::vector<std::vector<double>> interleave(const std::vector<Measure>& measures) const;
    const char* judge(bool is_met) {
        has_missed_ = has_missed_ || !is_met;
        return is_met ? "met" : "**missed**";
    }

    TlsEnds make_tls() const {
        const std::string folder = folder_.file("");
        write_certificates(folder, CertificateAuthority("bench", valid_now()));
        const auto read = [&](TlsRole role) {
            return std::make_shared<TlsCredentials>(TlsCredentials::Options{folder, role, {}, {}});
        };
        return {read(TlsRole::kServer), read(TlsRole::kClient)};
    }

    const Scale scale_;
    const TemporaryFolder folder_;
    const TlsEnds tls_ = make_tls();
    bool has_missed_ = false;
};

std::vector<std::vector<double>> Bench::interleave(const std::vector<Measure>& measures) const {
    std::vector<std::vector<std::vector<double>>> all(measures.size());  // of each, of each figure
    for (int repetition = 0; repetition < scale_.repetitions; ++repetition) {
        for (size_t i = 0; i < measures.size(); ++i) {
            const size_t which = (static_cast<size_t>(repetition) + i) % measures.size();
            const std::vector<double> figures = measures[which]();
            all[which].resize(figures.size());
            for (size_t k = 0; k < figures.size(); ++k) all[which][k].push_back(figures[k]);
        }
    }
    std::vector<std::vector<double>> medians;
    for (const auto& figures : all) {
        auto& row = medians.emplace_back();
        for (const auto& values : figures) row.push_back(median(values));
    }
    return medians;
}

std::vector<double> figures_of(const Throughput& throughput) {
    return {throughput.megabytes_a_second, throughput.cpu_seconds_a_gigabyte};
}

void Bench::relays() {
    const auto run = [&](Relay relay) { return [&, relay] { return figures_of(relayed(relay, scale_.bulk)); }; };
    const auto medians = interleave({run(Relay::kCopy), run(Relay::kSplice), run(Relay::kLink)});
    std::printf("\n| unix socket, process, TCP, process, unix socket | MB/s | CPU s/GB |\n| --- | --- | --- |\n");
    const char* names[] = {"copying relays", "splicing relays", "the link, in the clear"};
    for (size_t i = 0; i < 3; ++i) std::printf("| %s | %.0f | %.2f |\n", names[i], medians[i][0], medians[i][1]);
    const double ratio = medians[2][0] / medians[0][0];
    std::printf("| link / copying relays | %.2f (≥ 0.90) %s | %.2f |\n", ratio, judge(ratio >= 0.9),
                medians[2][1] / medians[0][1]);
    std::printf("| link / splicing relays | %.2f | %.2f |\n", medians[2][0] / medians[1][0], medians[2][1] / medians[1][1]);
}

void Bench::tls() {
    const auto medians = interleave({[&] { return figures_of(bare_tls(tls_, scale_.bulk)); },
                                     [&] { return figures_of(link_tls(tls_, scale_.bulk)); }});
    std::printf("\n| TLS 1.3, both ends | MB/s | CPU s/GB |\n| --- | --- | --- |\n");
    std::printf("| a bare GnuTLS session, 16 KiB records | %.0f | %.2f |\n", medians[0][0], medians[0][1]);
    std::printf("| the link | %.0f | %.2f |\n", medians[1][0], medians[1][1]);
    const double ratio = medians[1][0] / medians[0][0];
    std::printf("| link / bare | %.2f (≥ 0.85) %s | %.2f |\n", ratio, judge(ratio >= 0.85), medians[1][1] / medians[0][1]);
}

void Bench::chunks() {
    const auto medians = interleave({[&] { return std::vector{reply_a_chunk(kFiveMilliseconds, scale_.chunked)}; },
                                     [&] { return std::vector{fire_and_forget(kFiveMilliseconds, 16 * scale_.chunked)}; }});
    std::printf("\n| 5 ms each way | MB/s |\n| --- | --- |\n");
    std::printf("| one reply a 64 KiB chunk | %.1f |\n| a stream | %.1f |\n| ratio | %.1f |\n", medians[0][0] / 1e6,
                medians[1][0] / 1e6, medians[1][0] / medians[0][0]);
}

void Bench::latency(const char* where, const Line& line, double most_seconds) {
    const auto run = [&](bool loaded) {
        return [&, loaded] {
            const RoundTrips trips = round_trips(line, loaded, scale_.round_trips);
            return std::vector{trips.median, trips.p99};
        };
    };
    const auto medians = interleave({run(false), run(true)});
    std::printf("\n| call and reply, %s | p50 µs | p99 µs |\n| --- | --- | --- |\n", where);
    const char* names[] = {"idle", "under full bulk load"};
    for (size_t i = 0; i < 2; ++i) std::printf("| %s | %.0f | %.0f |\n", names[i], medians[i][0] * 1e6, medians[i][1] * 1e6);
    const double above = medians[1][1] - medians[0][1];
    std::printf("| above idle | %.0f | %.0f (≤ %.0f) %s |\n", (medians[1][0] - medians[0][0]) * 1e6, above * 1e6,
                most_seconds * 1e6, judge(above <= most_seconds));
}

void Bench::packets() {
    const auto medians = interleave({[&] {
        const PacketCost cost = packet_cost(scale_.batches);
        return std::vector{cost.bare_ns, cost.turn_ns, cost.link_ns, cost.link_ns / cost.turn_ns,
                           cost.link_ns / cost.bare_ns};
    }});
    const std::vector<double>& cost = medians[0];
    std::printf("\n| a mirrored packet of 1448 bytes, batches of 32 | sender's CPU ns |\n| --- | --- |\n");
    std::printf("| a bare send | %.0f |\n", cost[0]);
    std::printf("| a bare send, a batch a turn of an event loop | %.0f |\n", cost[1]);
    std::printf("| the link, a batch a turn of an event loop | %.0f |\n", cost[2]);
    std::printf("| link / bare, both in turns | %.2f (≤ 1.5) %s |\n", cost[3], judge(cost[3] <= 1.5));
    std::printf("| link / bare, if the turns are the link's | %.2f |\n", cost[4]);
}

void Bench::cancels() {
    const auto medians = interleave({[] { return std::vector{cancel_while_full(nullptr, kStreamsCancelled)}; },
                                     [&] { return std::vector{cancel_while_full(&tls_, kStreamsCancelled)}; }});
    std::printf("\n| cancel of %d streams that nobody reads, told by the other end | ms |\n| --- | --- |\n", kStreamsCancelled);
    const char* names[] = {"in the clear", "TLS"};
    for (size_t i = 0; i < 2; ++i) {
        std::printf("| %s | %.1f (≤ 100) %s |\n", names[i], medians[i][0] * 1e3, judge(medians[i][0] <= 0.1));
    }
}

int run(const Scale& scale, const std::string& only) {
    Bench bench(scale);
    const std::pair<const char*, std::function<void()>> all[] = {
        {"relay", [&] { bench.relays(); }},
        {"tls", [&] { bench.tls(); }},
        {"chunks", [&] { bench.chunks(); }},
        {"loopback", [&] { bench.latency("loopback", kLoopback, 0.001); }},
        {"gigabit", [&] { bench.latency("1 Gbit/s", kGigabit, 0.010); }},
        {"packets", [&] { bench.packets(); }},
        {"cancel", [&] { bench.cancels(); }},
    };
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    bool is_known = only.empty();
    for (const auto& [name, measure] : all) {
        if (!only.empty() && only != name) continue;
        is_known = true;
        measure();
    }
    if (!is_known) throw std::invalid_argument("'" + only + "' is none of its measurements");
    return bench.has_missed() ? 1 : 0;
}

int usage() {
    std::fprintf(stderr, "usage: link-bench [--quick] [relay|tls|chunks|loopback|gigabit|packets|cancel]\n");
    return 2;
}

}  // namespace

}  // namespace colo::bench

int main(int argc, char** argv) {
    colo::bench::Scale scale;
    std::string only;
    bool is_quick = false;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        if (argument == "--quick") {
            is_quick = true;
        } else if (argument[0] != '-' && only.empty()) {
            only = argument;
        } else {
            return colo::bench::usage();
        }
    }
    if (is_quick) scale = {.repetitions = 1, .bulk = 100'000'000, .chunked = 1 << 20, .round_trips = 300, .batches = 2000};
    try {
        return colo::bench::run(scale, only);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "link-bench: %s\n", error.what());
        return 2;
    }
}
