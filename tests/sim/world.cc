// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/world.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace colo::sim {

namespace {

constexpr Quality kHostLine{microseconds(5), microseconds(60), 0, 0, 0};
constexpr Quality kClientSideLine{microseconds(5), microseconds(200), 0, 0, 0};

constexpr uint64_t kMostFrameBytes = 1514;

bool may_reset(const ConnectionPlan& plan) {
    const auto& steps = plan.guest_script.steps;
    return std::any_of(steps.begin(), steps.end(),
                       [](const Step& step) { return step.act == Act::kReset; });
}

PolicyConfig policy_of(const Scenario& scenario) {
    PolicyConfig config;
    config.max_interval = scenario.max_interval;
    return config;
}

}  // namespace

World::World(Scenario scenario, bool verbose)
    : scenario_(std::move(scenario)),
      verbose_(verbose),
      random_(scenario_.seed ^ 0x5eed),
      hash_(random_.next(), random_.next()),
      oracle_(scenario_.config.compare_timeout),
      comparator_(scenario_.config, hash_, pool_, *this),
      policy_(policy_of(scenario_), Time{0}),
      client_(false, scenario_.connections),
      primary_(true, scenario_.connections),
      secondary_(true, scenario_.connections),
      to_proxy_(scenario_.to_proxy, random_.fork()),
      to_primary_(kClientSideLine, random_.fork()),
      from_primary_(kHostLine, random_.fork()),
      mirror_link_(scenario_.mirror, random_.fork()),
      from_secondary_(scenario_.from_secondary, random_.fork()),
      to_client_(scenario_.to_client, random_.fork()) {
    mirror_.emplace(1u << 20, hash_, pool_);
    for (const ConnectionPlan& plan : scenario_.connections) waiting_plans_.push_back(&plan);
}

WorldResult World::run() {
    if (verbose_) {
        const ComparatorConfig& config = scenario_.config;
        printf("timeout %ld ms, at most %u connections, %u frames, %lu bytes, %s\n",
               config.compare_timeout / milliseconds(1), config.max_connections,
               config.max_queue_frames, config.max_queue_bytes,
               config.when_full == WhenFull::kDrop ? "drop" : "keep");
    }
    while (oracle_.violations().empty()) {
        const Time next = next_event();
        if (over_since_ != kNever && next > over_since_ + kQuietTime && phase_ == Phase::kRunning)
            break;
        if (next > kLongest &&
            now_ < seconds(61)) {  // nothing is due any more: let lost RSTs be lost
            now_ = seconds(61);
            if (all_over()) over_since_ = now_;
            continue;
        }
        if (next > kLongest || ++result_.steps > kMostSteps) {
            check_promises();
            oracle_.violation("not over in time");
            break;
        }
        now_ = std::max(now_, next);
        step();
        if (over_since_ == kNever && all_over()) over_since_ = now_;
    }
    if (oracle_.violations().empty()) {
        if (phase_ != Phase::kStopped) stop_vms();
        finish_checkpoint();
        oracle_.finish();
        check_promises();
        if (!comparator_.holds_nothing()) oracle_.violation("something is held after a fence");
        if (oracle_.unkept_conflicts() > comparator_.counters().retransmissions_not_kept) {
            oracle_.violation("two different bytes left for one position, uncounted");
        }
    }
    result_.violations = oracle_.violations();
    result_.ended = now_;
    result_.released = oracle_.released_frames();
    result_.checked_bytes = oracle_.checked_bytes();
    result_.checkpoints = policy_.counters().completed;
    result_.future_echoes += secondary_.echoes_from_the_future();
    return result_;
}

// --- Plans ---------------------------------------------------------------------------------------

/// What was started on the tuple last, if anything, is over.
bool World::is_free(const Tuple& tuple) const {
    const auto last = std::find_if(started_.rbegin(), started_.rend(),
                                   [&](const auto* plan) { return plan->tuple == tuple; });
    if (last == started_.rend()) return true;
    const TcpEndpoint* endpoint = client_.find(tuple);
    if (!endpoint || endpoint->incarnation() != (*last)->incarnation) return false;
    return endpoint->is_over() || is_lost_reset(**last);
}

/// The guest's RST was lost and the client, which only listens, will never know.
bool World::is_lost_reset(const ConnectionPlan& plan) const {
    return may_reset(plan) && now_ > seconds(60) && !primary_.find(plan.tuple);
}

Time World::next_plan() const {
    Time next = kNever;
    if (phase_ == Phase::kStopped) return next;
    for (const ConnectionPlan* plan : waiting_plans_) {
        if (is_free(plan->tuple)) next = std::min(next, std::max(plan->start, now_));
    }
    for (const Opening& opening : secondary_opens_) next = std::min(next, opening.at);
    if (next_datagram_ < scenario_.datagrams.size()) {
        next = std::min(next, scenario_.datagrams[next_datagram_].at);
    }
    if (next_spoof_ < scenario_.spoofs.size()) {
        next = std::min(next, scenario_.spoofs[next_spoof_].at);
    }
    if (next_checkpoint_ < scenario_.checkpoints.size()) {
        next = std::min(next, scenario_.checkpoints[next_checkpoint_]);
    }
    return next;
}

void World::start_plans() {
    for (auto at = waiting_plans_.begin(); at != waiting_plans_.end(); ++at) {
        if ((*at)->start > now_ || !is_free((*at)->tuple)) continue;
        const ConnectionPlan& plan = **at;
        waiting_plans_.erase(at);
        return start(plan);
    }
    Host::Out out;
    for (auto at = secondary_opens_.begin(); at != secondary_opens_.end(); ++at) {
        if (at->at > now_) continue;
        secondary_.open(*at->plan, scenario_.secondary, now_, out);
        secondary_opens_.erase(at);
        return secondary_sends(out);
    }
    const auto& datagrams = scenario_.datagrams;
    if (next_datagram_ < datagrams.size() && datagrams[next_datagram_].at <= now_) {
        return send_datagram(datagrams[next_datagram_++]);
    }
    const auto& spoofs = scenario_.spoofs;
    if (next_spoof_ < spoofs.size() && spoofs[next_spoof_].at <= now_) {
        return spoof(spoofs[next_spoof_++]);
    }
    const auto& checkpoints = scenario_.checkpoints;
    if (next_checkpoint_ < checkpoints.size() && checkpoints[next_checkpoint_] <= now_) {
        ++next_checkpoint_;
        CheckpointRequest manual;
        manual.when = now_;
        policy_.request(manual);
        follow_policy();
    }
}

void World::start(const ConnectionPlan& plan) {
    started_.push_back(&plan);
    ++result_.connections;
    Host::Out out;
    if (!plan.guest_opens) {
        client_.open(plan, scenario_.client, now_, out);
        return client_sends(out);
    }
    client_.expect(plan);
    primary_.open(plan, scenario_.primary, now_, out);
    primary_sends(out);
    secondary_opens_.push_back({now_ + Time(random_.below(2'000'000)), &plan});
}

void World::send_datagram(const DatagramPlan& plan) {
    Packet packet;
    packet.tuple = plan.tuple;
    packet.payload.resize(std::max<size_t>(plan.size, 9));
    for (size_t i = 0; i < packet.payload.size(); ++i) {
        packet.payload[i] = stream_byte(next_datagram_ / 2, i);  // some are equal to the one before
    }
    packet.payload[0] = plan.answers;
    Host::Out out{packet};
    client_sends(out);
}

/// By somebody who can see the tuple but not the numbers, except roughly.
void World::spoof(const SpoofPlan& plan) {
    const TcpEndpoint* victim = client_.find(plan.tuple);
    Packet packet;
    packet.tuple = plan.tuple;
    packet.window = 1000;
    packet.seq = victim ? victim->next_number() : static_cast<uint32_t>(random_.next());
    switch (plan.kind) {
        case SpoofKind::kSyn:
            if (!victim) return;
            packet.flags = kSyn;
            packet.seq += static_cast<uint32_t>(random_.below(100000));
            break;
        case SpoofKind::kReset:
            packet.flags = kRst;
            packet.seq += 1 + static_cast<uint32_t>(random_.below(100000));
            break;
        case SpoofKind::kAck:
            packet.flags = kAck;
            packet.ack = static_cast<uint32_t>(random_.next());
            break;
        case SpoofKind::kHalfOpen:
            packet.flags = kSyn;
            packet.mss = 1460;
            break;
    }
    Host::Out out{packet};
    client_sends(out);
}

// --- The loop ------------------------------------------------------------------------------------

bool World::primary_is_read() const {
    return scenario_.config.when_full == WhenFull::kDrop || !comparator_.is_congested();
}

Time World::next_event() const {
    Time next =
        std::min({next_plan(), phase_over_, to_client_.next(), mirror_link_.next(),
                  from_secondary_.next(), client_.next_deadline(), comparator_.next_deadline()});
    if (phase_ == Phase::kRunning) next = std::min(next, policy_.next_deadline());
    if (phase_ != Phase::kStopped) {
        next = std::min({next, to_proxy_.next(), to_primary_.next(), primary_.next_deadline(),
                         secondary_.next_deadline()});
        if (primary_is_read()) next = std::min(next, from_primary_.next());
    }
    return next;
}

/// One thing that is due, always looked for in the same order.
void World::step() {
    Host::Out out;
    if (comparator_.next_deadline() <= now_) {
        tick_comparator();
    } else if (phase_over_ <= now_) {
        phase_ == Phase::kOrdered ? stop_vms() : finish_checkpoint();
    } else if (phase_ == Phase::kRunning && policy_.next_deadline() <= now_) {
        follow_policy();
    } else if (next_plan() <= now_) {
        start_plans();
    } else if (step_links()) {
        return;
    } else if (client_.next_deadline() <= now_) {
        client_.tick(scenario_.client, now_, out);
        client_sends(out);
    } else if (phase_ == Phase::kStopped) {
        return;
    } else if (primary_.next_deadline() <= now_) {
        primary_.tick(scenario_.primary, now_, out);
        primary_sends(out);
    } else if (secondary_.next_deadline() <= now_) {
        secondary_.tick(scenario_.secondary, now_, out);
        secondary_sends(out);
    }
}

bool World::step_links() {
    const bool running = phase_ != Phase::kStopped;
    Host::Out out;
    if (running && primary_is_read() && from_primary_.next() <= now_) {
        primary_output(from_primary_.take());
    } else if (running && to_primary_.next() <= now_) {
        into_primary(to_primary_.take());
    } else if (from_secondary_.next() <= now_) {
        secondary_output(from_secondary_.take());
    } else if (mirror_link_.next() <= now_) {
        const Parcel parcel = mirror_link_.take();
        if (!running || parcel.epoch != comparator_.epoch()) return true;
        const Packet packet = decode(parcel.frame);
        if (feed_.admit(packet, secondary_)) into_secondary(packet);
    } else if (to_client_.next() <= now_) {
        const Packet packet = decode(to_client_.take().frame);
        say("client hears", packet);
        client_.receive(packet, scenario_.client, now_, out);
        client_sends(out);
    } else if (running && to_proxy_.next() <= now_) {
        into_proxy(to_proxy_.take());
    } else {
        return false;
    }
    return true;
}

// --- Frames --------------------------------------------------------------------------------------

void World::client_sends(Host::Out& out) {
    for (Packet& packet : out) {
        say("client says", packet);
        to_proxy_.send({encode(packet), {}, 0}, now_);
    }
}

void World::primary_sends(Host::Out& out) {
    for (Packet& packet : out) {
        ByteVector frame = encode(packet);
        from_primary_.send({std::move(frame), std::move(packet), 0}, now_);
    }
}

void World::secondary_sends(Host::Out& out) {
    for (Packet& packet : out) {
        const auto map = [this](const Packet& last) {
            const ByteVector frame = encode(last);
            const Frame mapped = mirror_->mirror(pool_.copy(frame));
            return decode({mapped.bytes().begin(), mapped.bytes().end()});
        };
        const Packet* last = feed_.answer(packet, map, now_);
        ByteVector frame = encode(packet);
        const PacketView view = parse(Bytes(frame), static_cast<uint32_t>(frame.size()));
        mirror_->secondary_sent(view);
        from_secondary_.send({std::move(frame), std::move(packet), comparator_.epoch()}, now_);
        if (last) into_secondary(map(*last));
    }
    if (out.empty()) return;
    for (const Packet& packet : feed_.ready(secondary_)) into_secondary(packet);
}

void World::into_proxy(Parcel parcel) {
    const Packet packet = decode(parcel.frame);
    Frame frame = pool_.copy(parcel.frame);
    comparator_.input(frame, now_);
    feed_.note_client(packet);
    const Frame mapped = mirror_->mirror(frame);
    mirror_link_.send({{mapped.bytes().begin(), mapped.bytes().end()}, {}, comparator_.epoch()},
                      now_);
    to_primary_.send(std::move(parcel), now_);
}

void World::into_primary(const Parcel& parcel) {
    Host::Out out;
    const Packet packet = decode(parcel.frame);
    say("  PVM hears", packet);
    primary_.receive(packet, scenario_.primary, now_, out);
    primary_sends(out);
}

void World::into_secondary(const Packet& packet) {
    Host::Out out;
    say("    SVM hears", packet);
    secondary_.receive(packet, scenario_.secondary, now_, out);
    secondary_sends(out);
}

void World::primary_output(Parcel parcel) {
    say("  PVM says", parcel.packet);
    oracle_.primary_said(parcel.frame, parcel.packet, now_);
    const uint64_t dropped = comparator_.counters().dropped_queue_full;
    comparator_.primary(pool_.copy(parcel.frame), now_);
    if (comparator_.counters().dropped_queue_full != dropped) {
        oracle_.primary_dropped(parcel.packet.tuple);
    }
    if (phase_ != Phase::kStopped) check_bounds();
    follow_requests();
}

void World::secondary_output(const Parcel& parcel) {
    say(parcel.epoch == comparator_.epoch() ? "    SVM says" : "    SVM said, too late",
        parcel.packet);
    if (parcel.epoch == comparator_.epoch() && comparator_.mode() == Mode::kLockstep) {
        oracle_.secondary_said(parcel.packet, now_);
    }
    comparator_.secondary(pool_.copy(parcel.frame), parcel.epoch, now_);
    if (phase_ != Phase::kStopped) check_bounds();
    follow_requests();
}

/// The frame that reached the cap may go beyond it; and what a gap held back in the reassembler,
/// where it is not counted, comes all at once.
void World::check_bounds() {
    uint64_t in_gaps = 0;
    for (const ConnectionPlan* plan : started_) in_gaps += plan->guest.congestion_window;
    const ComparatorConfig& config = scenario_.config;
    if (comparator_.queued().bytes() > config.max_queue_bytes + kMostFrameBytes + in_gaps) {
        oracle_.violation(
            "queued bytes above the cap: " + std::to_string(comparator_.queued().bytes()) + " > " +
            std::to_string(config.max_queue_bytes));
    }
    if (comparator_.table().size() > config.max_connections)
        oracle_.violation("table above its cap");
}

void World::tick_comparator() {
    idle_ticks_ = ticked_at_ == now_ ? idle_ticks_ + 1 : 0;
    ticked_at_ = now_;
    if (idle_ticks_ > 50) oracle_.violation("next_deadline() stands still after tick()");
    comparator_.tick(now_);
    follow_requests();
}

void World::release(Frame frame, Time now) {
    const ByteVector bytes(frame.bytes().begin(), frame.bytes().end());
    const Packet packet = oracle_.released(bytes, now);
    say("released", packet);
    to_client_.send({bytes, {}, 0}, now_);
}

void World::request_checkpoint(const CheckpointRequest& request) {
    ++result_.requests;
    requests_.push_back(request);
    if (verbose_) {
        printf("%12.6f ** request: %s %s\n", static_cast<double>(now_.count()) / 1e9,
               to_string(request.reason), request.evidence ? request.evidence->what : "");
    }
}

void World::delta_known(const FlowKey& flow, const Announcement& announced) {
    mirror_->delta_known(flow, announced);
}

// --- Checkpoints ---------------------------------------------------------------------------------

void World::follow_requests() {
    if (requests_.empty()) return;
    for (const CheckpointRequest& request : std::exchange(requests_, {})) policy_.request(request);
    follow_policy();
}

void World::follow_policy() {
    if (phase_ != Phase::kRunning || !policy_.order(now_)) return;
    phase_ = Phase::kOrdered;
    phase_over_ = now_ + Time(random_.below(15'000'000));
}

void World::stop_vms() {
    say("** both VMs stop");
    policy_.replied(now_);
    while (!to_primary_.empty()) into_primary(to_primary_.take());
    phase_ = Phase::kStopped;
    while (!from_primary_.empty()) primary_output(from_primary_.take());
    phase_over_ = now_ + Time(random_.below(20'000'000));
}

void World::finish_checkpoint() {
    say("** fence");
    oracle_.begin_fence();
    comparator_.fence(Fence::kLive, now_);
    oracle_.end_fence();
    result_.future_echoes += secondary_.echoes_from_the_future();
    secondary_.become(primary_);
    secondary_opens_.clear();
    feed_.fence();
    mirror_->fence();
    policy_.completed(now_);
    comparator_.set_mode(policy_.compares() ? Mode::kLockstep : Mode::kSimple, now_);
    phase_ = Phase::kRunning;
    phase_over_ = kNever;
    if (comparator_.queued().bytes() != 0) oracle_.violation("bytes are queued after a fence");
    follow_requests();
}

// --- The end -------------------------------------------------------------------------------------

bool World::all_over() const {
    if (!waiting_plans_.empty() || next_datagram_ < scenario_.datagrams.size()) return false;
    return std::all_of(started_.begin(), started_.end(),
                       [&](const ConnectionPlan* plan) { return is_free(plan->tuple); });
}

void World::check_promises() {
    for (const ConnectionPlan* plan : started_) {
        const TcpEndpoint* endpoint = client_.find(plan->tuple);
        if (!endpoint || endpoint->incarnation() != plan->incarnation) continue;
        const bool reset = endpoint->outcome() == Outcome::kReset || is_lost_reset(*plan);
        const bool fine = endpoint->finished_script() || (may_reset(*plan) && reset);
        if (!fine) oracle_.violation("the client did not finish: " + endpoint->describe());
        if (endpoint->heard_other_bytes() && !scenario_.client_may_hear_other_bytes) {
            oracle_.violation("the client heard other bytes: " + endpoint->describe());
        }
        if (!fine && verbose_) {
            for (const Host* host : {&primary_, &secondary_}) {
                const TcpEndpoint* end = host->find(plan->tuple);
                printf("   guest: %s\n", end ? end->describe().c_str() : "gone");
            }
        }
    }
    if (scenario_.promise == Promise::kNoRequest && result_.requests > 0) {
        oracle_.violation("equal VMs, but a checkpoint was asked for");
    }
}

void World::say(const char* where, const Packet& packet) const {
    if (!verbose_) return;
    printf("%12.6f %-14s %s\n", static_cast<double>(now_.count()) / 1e9, where,
           to_string(packet).c_str());
}

void World::say(const char* what) const {
    if (verbose_) printf("%12.6f %s\n", static_cast<double>(now_.count()) / 1e9, what);
}

}  // namespace colo::sim
