// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/scenario.h"

#include <algorithm>
#include <array>

#include "tests/sim/faults.h"

namespace colo::sim {

namespace {

/// Two scripts that fit each other.
class Dialogue {
  public:
    explicit Dialogue(Random& random) : random_(random) {}

    void client_says(uint64_t bytes) { says(client, guest, bytes); }
    void guest_says(uint64_t bytes) { says(guest, client, bytes); }
    void client_waits(uint64_t most_ms) { pause(client, most_ms); }

    void end() {
        switch (random_.below(7)) {
            case 0:
            case 1:
                return closes_first(guest, client);
            case 2:
            case 3:
                return closes_first(client, guest);
            case 4:
                return half_close();
            case 5:
                return resets(guest, client);
            case 6:
                return resets(client, guest);
        }
    }

    std::vector<Step> client;
    std::vector<Step> guest;

  private:
    /// Now and then the reader takes its time, so that the window closes.
    void says(std::vector<Step>& speaker, std::vector<Step>& reader, uint64_t bytes) {
        speaker.push_back({Act::kWrite, bytes});
        const uint64_t parts = bytes > 8000 && random_.chance(250) ? random_.between(2, 5) : 1;
        for (uint64_t i = 0; i < parts; ++i) {
            const uint64_t part = bytes / parts + (i == 0 ? bytes % parts : 0);
            reader.push_back({Act::kRead, part});
            if (i + 1 < parts) pause(reader, 120);
        }
    }
    void pause(std::vector<Step>& who, uint64_t most_ms) {
        who.push_back({Act::kPause, random_.below(most_ms * 1'000'000)});
    }
    static void closes_first(std::vector<Step>& first, std::vector<Step>& second) {
        first.insert(first.end(), {{Act::kFinish, 0}, {Act::kReadEof, 0}});
        second.insert(second.end(), {{Act::kReadEof, 0}, {Act::kFinish, 0}});
    }
    void half_close() {
        const uint64_t bytes = random_.between(1, 5000);
        client.insert(client.end(), {{Act::kFinish, 0}, {Act::kRead, bytes}, {Act::kReadEof, 0}});
        guest.insert(guest.end(), {{Act::kReadEof, 0}, {Act::kWrite, bytes}, {Act::kFinish, 0}});
    }
    static void resets(std::vector<Step>& who, std::vector<Step>& other) {
        who.push_back({Act::kReset, 0});
        other.insert(other.end(), {{Act::kReadEof, 0}, {Act::kFinish, 0}});
    }

    Random& random_;
};

Dialogue make_dialogue(Random& random) {
    Dialogue dialogue(random);
    switch (random.below(4)) {
        case 0:  // requests and responses
            for (uint64_t i = random.between(1, 6); i > 0; --i) {
                dialogue.client_says(random.between(20, 600));
                dialogue.guest_says(random.between(1, 8000));
            }
            break;
        case 1:  // download
            dialogue.client_says(random.between(20, 600));
            dialogue.guest_says(random.between(10'000, random.chance(100) ? 160'000 : 50'000));
            break;
        case 2:  // upload
            dialogue.client_says(random.between(10'000, random.chance(100) ? 160'000 : 50'000));
            dialogue.guest_says(random.between(1, 200));
            break;
        case 3:  // interactive; the guest greets
            dialogue.guest_says(random.between(10, 100));
            for (uint64_t i = random.between(2, 12); i > 0; --i) {
                dialogue.client_says(random.between(1, 10));
                dialogue.guest_says(random.between(1, 80));
                dialogue.client_waits(random.chance(50) ? 4000 : 150);
            }
            break;
    }
    dialogue.end();
    return dialogue;
}

TcpSettings make_settings(Random& random) {
    static constexpr std::array<uint16_t, 4> kMss{536, 1200, 1460, 1460};
    TcpSettings settings;
    settings.mss = kMss[random.below(kMss.size())];
    settings.window_scale = random.chance(300) ? -1 : static_cast<int>(random.below(9));
    settings.sack = random.chance(700);
    settings.timestamps = random.chance(500);
    settings.garbage_keep_alive = random.chance(500);
    settings.receive_buffer = static_cast<uint32_t>(random.between(6'000, 120'000));
    settings.congestion_window = static_cast<uint32_t>(settings.mss * random.between(4, 24));
    if (random.chance(500)) settings.keep_alive_idle = milliseconds(random.between(80, 900));
    return settings;
}

ConnectionPlan make_connection(uint64_t number, Random& random) {
    ConnectionPlan plan;
    plan.tuple = {false, 80, static_cast<uint16_t>(40000 + number)};
    plan.guest_opens = random.chance(150);
    plan.client_number = random.initial_number();
    plan.incarnation = number + 1;
    plan.start = Time(random.below(50'000'000));
    plan.client = make_settings(random);
    plan.guest = make_settings(random);
    Dialogue dialogue = make_dialogue(random);
    const uint64_t key = random.next();
    plan.client_script = {key, key + 1, std::move(dialogue.client)};
    plan.guest_script = {key + 1, key, std::move(dialogue.guest)};
    return plan;
}

Temper make_temper(Random& random) {
    static constexpr std::array<int, 5> kDelayedAckMs{0, 1, 10, 40, 180};
    Temper temper;
    temper.random = random.fork();
    temper.chunking = static_cast<Chunking>(random.below(4));
    temper.nagle = random.chance(300);
    temper.probes_with_data = random.chance(500);
    temper.delayed_ack = milliseconds(kDelayedAckMs[random.below(kDelayedAckMs.size())]);
    temper.pause_jitter = Time(random.below(3'000'000));
    temper.swapped_permille = random.chance(300) ? 200 : 0;
    return temper;
}

Quality make_quality(Random& random, uint64_t most_us) {
    Quality quality;
    quality.least = microseconds(5);
    quality.most = quality.least + microseconds(random.between(10, most_us));
    return quality;
}

void add_datagrams(Scenario& scenario, Random& random) {
    const uint64_t count = random.between(5, 60);
    Time at{0};
    for (uint64_t i = 0; i < count; ++i) {
        at += Time(random.below(random.chance(200) ? 30'000'000 : 1'000'000));
        const Tuple tuple{true, 53, static_cast<uint16_t>(30000 + random.below(3))};
        scenario.datagrams.push_back({tuple, at, static_cast<uint16_t>(random.between(10, 1400)),
                                      static_cast<uint8_t>(random.between(1, 4))});
    }
}

Scenario make_base(uint64_t seed, Random& random) {
    Scenario scenario;
    scenario.seed = seed;
    for (uint64_t i = random.between(1, 4); i > 0; --i) {
        scenario.connections.push_back(make_connection(i, random));
    }
    scenario.client = make_temper(random);
    scenario.primary = make_temper(random);
    scenario.secondary = make_temper(random);
    scenario.to_proxy = make_quality(random, 12'000);
    scenario.to_client = make_quality(random, 12'000);
    scenario.mirror = make_quality(random, 2'000);
    scenario.from_secondary = make_quality(random, 2'000);
    // Far more than a world's flows; a table for a million costs more to make than a world to run.
    scenario.config.max_connections = 4096;
    scenario.config.compare_timeout = random.chance(700) ? milliseconds(250) : milliseconds(3000);
    if (random.chance(300)) add_datagrams(scenario, random);
    return scenario;
}

using Change = void (*)(Scenario&, Random&);

struct WorldKind {
    const char* name;
    Promise promise;
    std::vector<Change> changes;
};

const std::vector<WorldKind>& worlds() {
    static const std::vector<WorldKind> all{
        {"equal", Promise::kNoRequest, {}},
        {"equal, lossy client line", Promise::kNoRequest, {trouble_client_line}},
        {"equal, checkpoints", Promise::kNoRequest, {trouble_client_line, add_checkpoints}},
        {"lossy mirror", Promise::kComplete, {trouble_mirror}},
        {"lossy secondary output", Promise::kComplete, {trouble_secondary_output}},
        {"divergence", Promise::kComplete, {diverge}},
        {"divergence, lossy client line", Promise::kComplete, {trouble_client_line, diverge}},
        {"garbled", Promise::kComplete, {trouble_client_line, garble_retransmissions}},
        {"spoofs", Promise::kComplete, {spoof, trouble_client_line}},
        {"flood", Promise::kComplete, {flood}},
        {"port reuse", Promise::kComplete, {reuse_ports}},
        {"port reuse, lossy",
         Promise::kComplete,
         {reuse_ports, trouble_client_line, trouble_mirror}},
        {"small queues", Promise::kComplete, {tighten_queues}},
        {"small queues, lossy",
         Promise::kComplete,
         {tighten_queues, trouble_client_line, trouble_mirror}},
        {"small queues, divergence",
         Promise::kComplete,
         {tighten_queues, diverge, trouble_secondary_output}},
        {"everything",
         Promise::kComplete,
         {reuse_ports, trouble_client_line, trouble_mirror, trouble_secondary_output, diverge,
          garble_retransmissions, spoof, add_checkpoints, tighten_queues}},
        {"everything, flood",
         Promise::kComplete,
         {reuse_ports, trouble_client_line, trouble_mirror, diverge, spoof, flood,
          add_checkpoints}},
    };
    return all;
}

/// A request then means that something is stuck: the timeout is longer than every retransmission
/// timer, and no VM waits for an ack of what the other one's segments still keep from the client
/// (README.md).
void make_patient(Scenario& scenario) {
    scenario.config.compare_timeout = seconds(30);
    scenario.primary.nagle = scenario.secondary.nagle = false;
}

}  // namespace

Scenario make_scenario(uint64_t seed) {
    Random random = Random(seed).fork();
    Scenario scenario = make_base(seed, random);
    const WorldKind& world = worlds()[seed % worlds().size()];
    scenario.name = world.name;
    scenario.promise = world.promise;
    if (world.promise == Promise::kNoRequest) make_patient(scenario);
    for (const Change change : world.changes) change(scenario, random);
    return scenario;
}

}  // namespace colo::sim
