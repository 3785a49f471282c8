// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/host.h"

#include <algorithm>

namespace colo::sim {

namespace {

/// Of connections that no plan knows: somebody else opened them in the client's name.
constexpr uint64_t kUnplanned = uint64_t{1} << 40;

}  // namespace

const TcpEndpoint* Host::find(const Tuple& tuple) const {
    const auto found = endpoints_.find(tuple);
    return found == endpoints_.end() ? nullptr : &found->second;
}

void Host::note_deadline() {
    deadline_ = kNever;
    for (const auto& [tuple, endpoint] : endpoints_) {
        deadline_ = std::min(deadline_, endpoint.next_deadline());
    }
}

void Host::open(const ConnectionPlan& plan, Temper& temper, Time now, Out& out) {
    endpoints_.erase(plan.tuple);
    const auto [at, added] = endpoints_.emplace(
        plan.tuple,
        TcpEndpoint(plan.tuple, is_guest_, is_guest_ ? plan.guest : plan.client,
                    is_guest_ ? plan.guest_script : plan.client_script, plan.incarnation));
    last_incarnation_[plan.tuple] = plan.incarnation;
    const uint32_t number = is_guest_ ? temper.random.initial_number() : plan.client_number;
    at->second.connect(number, temper, now, out);
    note_deadline();
}

void Host::receive(const Packet& packet, Temper& temper, Time now, Out& out) {
    if (packet.tuple.udp) {
        if (is_guest_) answer_datagram(packet, temper, out);
        return;
    }
    const auto found = endpoints_.find(packet.tuple);
    const bool opens = packet.has(kSyn) && !packet.has(kAck) && !packet.has(kRst);
    const bool free = found == endpoints_.end() || found->second.is_gone() ||
                      (opens && found->second.is_waiting());
    if (opens && free) {
        accept(packet, temper, now, out);
    } else if (free) {
        refuse(packet, out);
    } else {
        found->second.receive(packet, temper, now, out);
        if (is_guest_ && found->second.is_gone()) endpoints_.erase(found);
    }
    note_deadline();
}

void Host::tick(Temper& temper, Time now, Out& out) {
    for (auto at = endpoints_.begin(); at != endpoints_.end();) {
        if (at->second.next_deadline() <= now) at->second.tick(temper, now, out);
        at = is_guest_ && at->second.is_gone() ? endpoints_.erase(at) : std::next(at);
    }
    note_deadline();
}

const ConnectionPlan* Host::plan_of(const Tuple& tuple, uint32_t peer_number) const {
    if (!is_guest_) {
        const auto found = expected_.find(tuple);
        return found == expected_.end() ? nullptr : found->second;
    }
    for (const ConnectionPlan& plan : *plans_) {
        if (!plan.guest_opens && plan.tuple == tuple && plan.client_number == peer_number) {
            return &plan;
        }
    }
    return nullptr;
}

void Host::accept(const Packet& syn, Temper& temper, Time now, Out& out) {
    const ConnectionPlan* plan = plan_of(syn.tuple, syn.seq);
    if (!plan && !is_guest_) return;
    uint32_t number = is_guest_ ? temper.random.initial_number() : plan->client_number;
    const auto old = endpoints_.find(syn.tuple);
    if (old != endpoints_.end()) {
        // RFC 6191: beyond what the connection before has used.
        if (is_guest_) number = old->second.next_number() + 65537;
        endpoints_.erase(old);
    }
    const uint64_t incarnation = plan ? plan->incarnation : kUnplanned + syn.seq;
    static const TcpSettings kDefaults;
    static const Script kSilent{0, 0, {{Act::kReadEof, 0}, {Act::kFinish, 0}}};
    const TcpSettings& settings = plan ? (is_guest_ ? plan->guest : plan->client) : kDefaults;
    const Script& script = plan ? (is_guest_ ? plan->guest_script : plan->client_script) : kSilent;
    const auto [at, added] = endpoints_.emplace(
        syn.tuple, TcpEndpoint(syn.tuple, is_guest_, settings, script, incarnation));
    last_incarnation_[syn.tuple] = incarnation;
    at->second.accept(syn, number, temper, now, out);
}

/// RFC 9293 3.10.7.1.
void Host::refuse(const Packet& packet, Out& out) {
    if (packet.has(kRst)) return;
    Packet reset;
    reset.tuple = packet.tuple;
    reset.from_guest = is_guest_;
    reset.truth.incarnation = last_incarnation_[packet.tuple];
    if (packet.has(kAck)) {
        reset.flags = kRst;
        reset.seq = packet.ack;
    } else {
        reset.flags = kRst | kAck;
        reset.ack = packet.seq + static_cast<uint32_t>(packet.length());
    }
    out.push_back(std::move(reset));
}

/// The first byte of a request says how many answers there are; the rest is echoed.
void Host::answer_datagram(const Packet& packet, Temper& temper, Out& out) {
    Out answers;
    for (uint8_t i = 0; i < packet.payload.at(0); ++i) {
        Packet answer;
        answer.tuple = packet.tuple;
        answer.from_guest = true;
        answer.payload = packet.payload;
        answer.payload.push_back(i);
        if (temper.random.chance(temper.other_datagram_permille)) answer.payload[0] ^= 0x80;
        answers.push_back(std::move(answer));
    }
    if (answers.size() > 1 && temper.random.chance(temper.swapped_permille)) {
        std::swap(answers.front(), answers.back());
    }
    out.insert(out.end(), answers.begin(), answers.end());
}

uint64_t Host::echoes_from_the_future() const {
    uint64_t sum = 0;
    for (const auto& [tuple, endpoint] : endpoints_) sum += endpoint.echoes_from_the_future();
    return sum;
}

}  // namespace colo::sim
