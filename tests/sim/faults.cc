// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/faults.h"

#include <algorithm>

namespace colo::sim {

namespace {

/// When most conversations are under way.
constexpr uint64_t kBusy = 400'000'000;

void trouble(Quality& quality, Random& random) {
    quality.loss_permille = static_cast<uint32_t>(random.below(60));
    quality.duplicate_permille = static_cast<uint32_t>(random.below(40));
    quality.reorder_permille = static_cast<uint32_t>(random.below(80));
}

Tuple some_tuple(const Scenario& scenario, Random& random) {
    return scenario.connections[random.below(scenario.connections.size())].tuple;
}

uint64_t bytes_of(const Script& script) {
    uint64_t bytes = 0;
    for (const Step& step : script.steps) bytes += step.act == Act::kWrite ? step.amount : 0;
    return bytes;
}

}  // namespace

void trouble_client_line(Scenario& scenario, Random& random) {
    trouble(scenario.to_proxy, random);
    trouble(scenario.to_client, random);
}

void trouble_mirror(Scenario& scenario, Random& random) {
    trouble(scenario.mirror, random);
    scenario.mirror.most += Time(random.below(20'000'000));
}

void trouble_secondary_output(Scenario& scenario, Random& random) {
    trouble(scenario.from_secondary, random);
    scenario.from_secondary.most += Time(random.below(20'000'000));
}

void diverge(Scenario& scenario, Random& random) {
    for (uint64_t i = random.between(1, 3); i > 0; --i) {
        const auto& plan = scenario.connections[random.below(scenario.connections.size())];
        Quirk quirk;
        quirk.tuple = plan.tuple;
        quirk.kind = static_cast<QuirkKind>(random.below(6));
        const bool at_once = quirk.kind == QuirkKind::kSynOptions;
        quirk.position = at_once ? 0 : random.below(bytes_of(plan.guest_script));
        scenario.secondary.quirks.push_back(quirk);
    }
    scenario.secondary.other_datagram_permille = 100;
}

void garble_retransmissions(Scenario& scenario, Random& random) {
    const bool primary = random.chance(500);
    (primary ? scenario.primary : scenario.secondary).garbled_permille = 300;
    scenario.client_may_hear_other_bytes |= primary;
}

void add_checkpoints(Scenario& scenario, Random& random) {
    for (uint64_t i = random.between(1, 6); i > 0; --i) {
        scenario.checkpoints.push_back(Time(random.below(kBusy)));
    }
    std::sort(scenario.checkpoints.begin(), scenario.checkpoints.end());
}

void spoof(Scenario& scenario, Random& random) {
    for (uint64_t i = random.between(2, 10); i > 0; --i) {
        scenario.spoofs.push_back({some_tuple(scenario, random),
                                   static_cast<SpoofKind>(random.below(3)),
                                   Time(random.below(kBusy))});
    }
    std::sort(scenario.spoofs.begin(), scenario.spoofs.end(),
              [](const SpoofPlan& a, const SpoofPlan& b) { return a.at < b.at; });
}

void flood(Scenario& scenario, Random& random) {
    scenario.config.max_connections = static_cast<uint32_t>(random.between(2, 24));
    const uint64_t count = random.between(20, 60);
    for (uint64_t i = 0; i < count; ++i) {
        const Tuple tuple{false, 80, static_cast<uint16_t>(50000 + i)};
        scenario.spoofs.push_back({tuple, SpoofKind::kHalfOpen, Time(random.below(kBusy))});
    }
    std::sort(scenario.spoofs.begin(), scenario.spoofs.end(),
              [](const SpoofPlan& a, const SpoofPlan& b) { return a.at < b.at; });
}

void reuse_ports(Scenario& scenario, Random& random) {
    const size_t first = scenario.connections.size();
    for (size_t i = 0; i < first; ++i) {
        if (!random.chance(700)) continue;
        ConnectionPlan again = scenario.connections[i];
        again.incarnation += 1000;
        again.client_number += static_cast<uint32_t>(random.between(300'000, 0x3fffffff));
        again.start += Time(random.below(3'000'000));
        again.client_script.key += 1000;
        again.guest_script.key += 1000;
        again.client_script.peer_key += 1000;
        again.guest_script.peer_key += 1000;
        scenario.connections.push_back(again);
    }
}

void tighten_queues(Scenario& scenario, Random& random) {
    scenario.config.max_queue_frames = static_cast<uint32_t>(random.between(4, 40));
    scenario.config.max_queue_bytes = random.between(6'000, 60'000);
    if (random.chance(300)) scenario.config.when_full = WhenFull::kDrop;
    if (random.chance(300)) scenario.config.reassembly.segments_per_stream = 4;
}

}  // namespace colo::sim
