// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/feeder_options.h"

#include <functional>
#include <map>
#include <stdexcept>
#include <string_view>

#include "io/plain_value.h"
#include "tests/bench/tcp_traffic.h"

namespace colo::bench {

namespace {

using Setter = std::function<void(std::string_view value)>;

template <typename Number>
Setter number(Number& target) {
    return [&target](std::string_view value) {
        const auto read = decimal<Number>(value);
        if (!read) throw std::invalid_argument("'" + std::string(value) + "' is no such number");
        target = *read;
    };
}

Setter text(std::string& target) {
    return [&target](std::string_view value) { target = value; };
}

Setter mode(FeederMode& target) {
    return [&target](std::string_view value) {
        if (value == "throughput") {
            target = FeederMode::kThroughput;
        } else if (value == "latency") {
            target = FeederMode::kLatency;
        } else if (value == "divergence") {
            target = FeederMode::kDivergence;
        } else {
            throw std::invalid_argument("'" + std::string(value) + "' is no mode");
        }
    };
}

void check_payloads(const FeederOptions& options) {
    for (const uint32_t payload : {options.payload, options.secondary_payload}) {
        if (payload == 0 || payload > TcpTraffic::kMaxPayload) {
            throw std::invalid_argument("payloads are 1 to 65160 bytes");
        }
    }
    const uint64_t bursts = options.frames / options.burst / options.flows + 2;
    if (bursts * options.burst * options.payload > UINT32_MAX / 4 * 3) {
        throw std::invalid_argument("a flow's sequence numbers would wrap: fewer frames, or more flows");
    }
}

void check(const FeederOptions& options) {
    if (options.primary.empty() || options.secondary.empty() || options.out.empty()) {
        throw std::invalid_argument("--primary, --secondary and --out are needed");
    }
    if (options.flows == 0 || options.burst == 0 || options.batch == 0 || options.rate == 0) {
        throw std::invalid_argument("--flows, --burst, --batch and --rate are not 0");
    }
    if (options.window < options.batch || options.batch < options.burst) {
        throw std::invalid_argument("--burst is at most --batch, that at most --window");
    }
    const bool diverges = options.mode == FeederMode::kDivergence;
    const bool has_place = options.diverge_at > 0 && options.diverge_at <= options.frames;
    if (diverges != has_place || (diverges && options.notify.empty())) {
        throw std::invalid_argument(
            "--mode divergence goes with --notify and a --diverge-at within --frames");
    }
    check_payloads(options);
}

}  // namespace

FeederOptions parse_feeder_options(int argc, char** argv) {
    FeederOptions options;
    const std::map<std::string_view, Setter> setters = {
        {"--primary", text(options.primary)},
        {"--secondary", text(options.secondary)},
        {"--out", text(options.out)},
        {"--notify", text(options.notify)},
        {"--mode", mode(options.mode)},
        {"--flows", number(options.flows)},
        {"--payload", number(options.payload)},
        {"--secondary-payload", number(options.secondary_payload)},
        {"--gso-size", number(options.gso_size)},
        {"--frames", number(options.frames)},
        {"--burst", number(options.burst)},
        {"--batch", number(options.batch)},
        {"--window", number(options.window)},
        {"--rate", number(options.rate)},
        {"--diverge-at", number(options.diverge_at)},
        {"--pid", number(options.pid)},
        {"--allocations", text(options.allocations)},
    };
    for (int i = 1; i < argc; i += 2) {
        const auto setter = setters.find(argv[i]);
        if (setter == setters.end()) throw std::invalid_argument(std::string(argv[i]) + ": no such option");
        if (i + 1 == argc) throw std::invalid_argument(std::string(argv[i]) + " needs a value");
        setter->second(argv[i + 1]);
    }
    if (options.secondary_payload == 0) options.secondary_payload = options.payload;
    if (options.mode == FeederMode::kLatency) options.burst = options.batch = options.window = 1;
    check(options);
    return options;
}

}  // namespace colo::bench
