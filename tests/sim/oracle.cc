// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/oracle.h"

#include <algorithm>
#include <utility>

namespace colo::sim {

namespace {

constexpr size_t kMostViolations = 20;

}  // namespace

void Oracle::violation(std::string text) {
    if (violations_.size() < kMostViolations) violations_.push_back(std::move(text));
}

void Oracle::Said::note(uint64_t position, uint8_t byte) {
    if (position >= bytes_.size()) bytes_.resize(position + 1, -1);
    if (bytes_[position] < 0) {
        bytes_[position] = byte;
    } else if (bytes_[position] != byte) {
        others_.emplace(position, byte);
    }
}

bool Oracle::Said::has(uint64_t position, uint8_t byte) const {
    if (!has(position)) return false;
    return bytes_[position] == byte || others_.contains({position, byte});
}

Oracle::SynSaid Oracle::syn_of(const Packet& packet) {
    return {packet.mss, packet.window_scale, packet.sack_permitted, packet.timestamps};
}

/// Two different bytes for one position.
bool Oracle::contradict(const Packet& a, const Packet& b) {
    const bool other = a.tuple.udp || a.truth.incarnation != b.truth.incarnation;
    if (other || a.truth.keep_alive || b.truth.keep_alive) return false;
    const uint64_t first_a = a.truth.position + a.has(kSyn);
    const uint64_t first_b = b.truth.position + b.has(kSyn);
    const uint64_t end = std::min(first_a + a.payload.size(), first_b + b.payload.size());
    for (uint64_t at = std::max(first_a, first_b); at < end; ++at) {
        if (a.payload[at - first_a] != b.payload[at - first_b]) return true;
    }
    return false;
}

void Oracle::primary_said(const ByteVector& frame, const Packet& packet, Time now) {
    Flow& flow = flows_[packet.tuple];
    const bool contradicts =
        std::any_of(flow.primary.begin(), flow.primary.end(),
                    [&](const Waiting& held) { return contradict(held.packet, packet); });
    flow.primary.push_back({frame, packet, now, contradicts});
    if (packet.tuple.udp) return;
    Incarnation& incarnation = flow.incarnations[packet.truth.incarnation];
    const uint64_t first = packet.truth.position + packet.has(kSyn);
    if (packet.has(kRst)) {
        incarnation.primary_reset = true;
        return;
    }
    if (packet.has(kSyn)) {
        incarnation.primary_syn = true;
        incarnation.primary_syn_said = syn_of(packet);
    }
    if (!packet.truth.keep_alive) {
        incarnation.primary_high =
            std::max(incarnation.primary_high, first + packet.payload.size());
    }
    if (packet.has(kFin)) incarnation.primary_fin = first + packet.payload.size();
    if (packet.has(kAck)) {
        incarnation.primary_ack = std::max(incarnation.primary_ack, packet.truth.ack);
    }
}

void Oracle::primary_dropped(const Tuple& tuple) {
    flows_[tuple].primary.pop_back();
}

void Oracle::secondary_said(const Packet& packet, Time now) {
    Flow& flow = flows_[packet.tuple];
    if (packet.tuple.udp) {
        flow.datagrams.push_back({packet.payload, now});
        return;
    }
    Incarnation& incarnation = flow.incarnations[packet.truth.incarnation];
    if (packet.has(kAck)) {
        incarnation.acked = true;
        incarnation.secondary_ack = std::max(incarnation.secondary_ack, packet.truth.ack);
    }
    if (packet.has(kRst)) {
        incarnation.reset = true;
        return;
    }
    if (packet.has(kSyn)) incarnation.syns.insert(syn_of(packet));
    const uint64_t first = packet.truth.position + packet.has(kSyn);
    if (!packet.truth.keep_alive) {
        for (size_t i = 0; i < packet.payload.size(); ++i) {
            incarnation.secondary.note(first + i, packet.payload[i]);
        }
    }
    if (packet.has(kFin)) incarnation.fins.insert(first + packet.payload.size());
}

void Oracle::end_fence() {
    in_fence_ = false;
    for (auto& [tuple, flow] : flows_) {
        if (!flow.primary.empty())
            violation("held across a fence: " + to_string(flow.primary.front().packet));
        flow.datagrams.clear();
        for (auto& [number, incarnation] : flow.incarnations) {
            incarnation.secondary.clear();
            incarnation.settled = incarnation.primary_high;
            incarnation.acked = true;
            incarnation.secondary_ack =
                std::max(incarnation.secondary_ack, incarnation.primary_ack);
            incarnation.fins.clear();
            if (incarnation.primary_fin != 0) incarnation.fins.insert(incarnation.primary_fin);
            incarnation.reset = incarnation.primary_reset;
            incarnation.syns.clear();
            if (incarnation.primary_syn) incarnation.syns.insert(incarnation.primary_syn_said);
        }
    }
}

Packet Oracle::released(const ByteVector& frame, Time /*now*/) {
    ++released_frames_;
    const Packet on_wire = decode(frame);
    Flow& flow = flows_[on_wire.tuple];
    if (flow.primary.empty() || flow.primary.front().frame != frame) {
        violation("out of order, altered, twice or from nowhere: " + to_string(on_wire));
        return {};
    }
    const Waiting waiting = std::move(flow.primary.front());
    flow.primary.pop_front();
    if (!in_fence_) check(flow, waiting);
    if (!waiting.packet.tuple.udp) {
        note_left(flow.incarnations[waiting.packet.truth.incarnation], waiting.packet);
    }
    return waiting.packet;
}

void Oracle::check(Flow& flow, const Waiting& waiting) {
    if (waiting.packet.tuple.udp) return check_datagram(flow, waiting);
    if (waiting.contradicts) {
        violation("contradicts what was held when it came: " + to_string(waiting.packet));
    }
    check_segment(flow.incarnations[waiting.packet.truth.incarnation], waiting.packet);
}

void Oracle::check_segment(Incarnation& incarnation, const Packet& packet) {
    if (packet.has(kRst)) {
        if (!incarnation.reset) violation("RST without the secondary's: " + to_string(packet));
        return;
    }
    if (packet.has(kSyn) && !incarnation.syns.contains(syn_of(packet))) {
        violation("SYN without an equal one of the secondary: " + to_string(packet));
    }
    check_payload(incarnation, packet);
    const uint64_t end = packet.truth.position + packet.has(kSyn) + packet.payload.size();
    if (packet.has(kFin) && !incarnation.fins.contains(end)) {
        violation("FIN that the secondary has not said here: " + to_string(packet));
    }
    if (!packet.has(kAck)) return;
    if (!incarnation.acked || packet.truth.ack > incarnation.secondary_ack) {
        violation("ack of what the secondary has not acknowledged (" +
                  std::to_string(incarnation.secondary_ack) + "): " + to_string(packet));
    }
}

void Oracle::check_payload(Incarnation& incarnation, const Packet& packet) {
    const uint64_t first = packet.truth.position + packet.has(kSyn);
    bool contradicts = false;
    for (size_t i = 0; i < packet.payload.size(); ++i) {
        const uint64_t position = first + i;
        const uint8_t byte = packet.payload[i];
        ++checked_bytes_;
        if (packet.truth.keep_alive) {
            // Not compared; but it may not be the first to stand here.
            if (!incarnation.left.has(position) && position != 0) {
                violation("keep-alive where nothing has left: " + to_string(packet));
            }
        } else if (incarnation.left.has(position)) {
            contradicts |= !incarnation.left.has(position, byte);
        } else if (!incarnation.secondary.has(position, byte) && position >= incarnation.settled) {
            violation("byte " + std::to_string(position) +
                      " is not the secondary's: " + to_string(packet));
            return;
        }
    }
    if (contradicts) ++unkept_conflicts_;
}

/// Equal payloads match first-in first-out; an old one vouches for nothing.
void Oracle::check_datagram(Flow& flow, const Waiting& waiting) {
    const auto twin =
        std::find_if(flow.datagrams.begin(), flow.datagrams.end(), [&](const Datagram& datagram) {
            return datagram.payload == waiting.packet.payload &&
                   datagram.since + datagram_life_ >= waiting.since;
        });
    if (twin == flow.datagrams.end()) {
        violation("datagram without a twin: " + to_string(waiting.packet));
    } else {
        flow.datagrams.erase(twin);
    }
}

void Oracle::note_left(Incarnation& incarnation, const Packet& packet) {
    if (packet.truth.keep_alive || packet.has(kRst)) return;
    const uint64_t first = packet.truth.position + packet.has(kSyn);
    for (size_t i = 0; i < packet.payload.size(); ++i) {
        incarnation.left.note(first + i, packet.payload[i]);
    }
}

void Oracle::finish() {
    for (const auto& [tuple, flow] : flows_) {
        for (const Waiting& waiting : flow.primary) {
            violation("never released: " + to_string(waiting.packet));
        }
    }
}

}  // namespace colo::sim
