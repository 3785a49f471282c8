// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/pair/guest.h"

#include <algorithm>

namespace colo::sim::pair {

TcpSettings tcp_settings() {
    TcpSettings settings;
    settings.timestamps = true;
    return settings;
}

Guest::Guest(Random chance) : settings_(tcp_settings()) {
    temper_.random = chance;
    temper_.chunking = temper_.random.chance(500) ? Chunking::kFull : Chunking::kRandom;
    temper_.delayed_ack = milliseconds(static_cast<int64_t>(temper_.random.between(1, 40)));
}

void Guest::receive(const Packet& packet, Time now, Out& out) {
    const auto found = state_.connections.find(packet.tuple);
    const bool opens = packet.has(kSyn) && !packet.has(kAck);
    if (found == state_.connections.end() || (opens && found->second.endpoint.is_over()))
        return opens ? accept(packet, now, out) : refuse(packet, out);
    found->second.endpoint.receive(packet, temper_, now, out);
    serve(packet.tuple, found->second, now, out);
}

void Guest::accept(const Packet& syn, Time now, Out& out) {
    state_.connections.erase(syn.tuple);
    Connection connection{TcpEndpoint(syn.tuple, true, settings_, {}, 0), {}};
    connection.endpoint.serve_caller();
    connection.endpoint.accept(syn, temper_.random.initial_number(), temper_, now, out);
    state_.connections.emplace(syn.tuple, std::move(connection));
}

/// RFC 9293 3.10.7.1.
void Guest::refuse(const Packet& packet, Out& out) {
    if (packet.has(kRst) || !packet.has(kAck)) return;
    Packet reset;
    reset.tuple = packet.tuple;
    reset.from_guest = true;
    reset.flags = kRst;
    reset.seq = packet.ack;
    out.push_back(std::move(reset));
}

void Guest::serve(const Tuple& tuple, Connection& connection, Time now, Out& out) {
    const ByteVector bytes = connection.endpoint.take_received();
    connection.received.insert(connection.received.end(), bytes.begin(), bytes.end());
    ByteVector body;
    while (const auto request = take_message<Request>(connection.received, body)) asked(tuple, *request, body, now);
    if (connection.endpoint.peer_has_finished()) connection.endpoint.finish(temper_, now, out);
}

/// Counted when it is read: a VM that answers later, or in another order, says the same.
void Guest::asked(const Tuple& tuple, const Request& request, const ByteVector& body, Time now) {
    const ByteVector expected = to_bytes(request);
    const bool is_whole = std::equal(body.begin(), body.end(), expected.begin() + Request::kBytes);
    state_.answers.push_back({now + thinks_for(request), tuple, request, is_whole ? ++state_.count : 0});
}

Time Guest::thinks_for(const Request& request) {
    const bool is_slow = (request.whims & kSlow) != 0 && temper_.random.chance(500);
    return microseconds(static_cast<int64_t>(temper_.random.between(20, 2000))) + (is_slow ? milliseconds(400) : Time(0));
}

void Guest::answer(const Answer& answer, Time now, Out& out) {
    const auto found = state_.connections.find(answer.tuple);
    if (found == state_.connections.end()) return;
    Reply reply{answer.request.connection, answer.request.number, answer.count, 0};
    reply.size = 20 + static_cast<uint32_t>(reply.key() * 2654435761u % 3000);
    if (answer.request.whims & kLength) reply.size += static_cast<uint32_t>(temper_.random.below(40));
    ByteVector bytes = to_bytes(reply);
    for (size_t i = 0; (answer.request.whims & kNoise) && i < Reply::kNoiseBytes; ++i)
        bytes[Reply::kBytes + i] = static_cast<uint8_t>(temper_.random.next() >> 32);
    found->second.endpoint.say(bytes, temper_, now, out);
}

void Guest::tick(Time now, Out& out) {
    // The answers of one connection keep their order.
    const auto is_due = [now](const Answer& answer) { return answer.due <= now; };
    for (auto at = std::ranges::find_if(state_.answers, is_due); at != state_.answers.end();
         at = std::ranges::find_if(state_.answers, is_due)) {
        const Answer due = *at;
        state_.answers.erase(at);
        answer(due, now, out);
    }
    for (auto at = state_.connections.begin(); at != state_.connections.end();) {
        TcpEndpoint& endpoint = at->second.endpoint;
        if (endpoint.next_deadline() <= now) endpoint.tick(temper_, now, out);
        at = endpoint.is_gone() ? state_.connections.erase(at) : std::next(at);
    }
}

Time Guest::next_deadline() const {
    Time next = kNever;
    for (const auto& [tuple, connection] : state_.connections) next = std::min(next, connection.endpoint.next_deadline());
    for (const Answer& answer : state_.answers) next = std::min(next, answer.due);
    return next;
}

}  // namespace colo::sim::pair
