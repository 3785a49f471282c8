// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/pair/clients.h"

#include <algorithm>

#include "tests/sim/pair/guest.h"

namespace colo::sim::pair {

namespace {

constexpr uint32_t kRequestsInAHurry = 40;
/// Of connections that do not stay, at most.
constexpr uint32_t kRequestsAConnection = 6;
constexpr size_t kMostThatStay = 6;
/// Of a segment, beyond what was seen: the window is smaller.
constexpr size_t kMostAhead = 1u << 18;

}  // namespace

Clients::Clients(Timeline& timeline, Random chance, const Whims& whims, Send send, Violated violated)
    : Part(timeline, chance), whims_(whims), send_(std::move(send)), violated_(std::move(violated)) {
    temper_.random = this->chance().fork();
    temper_.delayed_ack = milliseconds(20);
}

void Clients::open(uint16_t port, bool stays) {
    connect(port, stays);
    wake();
}

void Clients::connect(uint16_t port, bool stays) {
    const Tuple tuple{false, kCounterPort, port};
    Connection connection(TcpEndpoint(tuple, false, tcp_settings(), {}, 0));
    connection.stays = stays;
    connection.requests = 1 + static_cast<uint32_t>(chance().below(kRequestsAConnection));
    connection.id = next_id_++;
    connection.endpoint.serve_caller();
    TcpEndpoint::Out out;
    connection.endpoint.connect(temper_.random.initial_number(), temper_, now(), out);
    connections_.insert_or_assign(port, std::move(connection));
    say(out);
}

void Clients::say(TcpEndpoint::Out& out) {
    for (const Packet& packet : out) send_(packet);
    out.clear();
}

void Clients::hurry() {
    hurried_ = kRequestsInAHurry;
    for (auto& [port, connection] : connections_) connection.ask_at = std::min(connection.ask_at, now() + milliseconds(10));
    wake();
}

bool Clients::have_heard(uint32_t replies) const {
    return std::ranges::all_of(connections_, [replies](const auto& entry) {
        return entry.second.heard >= replies || !entry.second.stays;
    });
}

void Clients::count_from_here() {
    for (auto& [port, connection] : connections_) connection.heard = 0;
    hurry();
}

// --- What is seen and heard ----------------------------------------------------------------------

/// TCP promises that a byte of a stream is what it is; nobody may tell two VMs by what they say.
void Clients::seen(const Packet& packet, bool may_be_another) {
    const auto found = connections_.find(packet.tuple.client_port);
    if (found == connections_.end() || packet.tuple.udp) return;
    Connection& connection = found->second;
    if (packet.has(kRst)) return;  // an endpoint that believes it says so
    if (packet.has(kSyn)) {
        const bool is_another = connection.start && *connection.start != packet.seq;
        // The client answers it with an ack, and that tells which number it knows (RFC 9293 3.10.7.4).
        if (is_another && may_be_another && connection.stream.empty()) return;
        if (is_another) violated_("another initial number for " + connection.endpoint.describe());
        connection.start = packet.seq;
        return;
    }
    if (!connection.start) return connection.stays ? violated_("data before the handshake: " + to_string(packet)) : void();
    const auto at = static_cast<int32_t>(packet.seq - (*connection.start + 1));
    if (at < 0) return;  // of the port's connection before, or a probe
    for (size_t i = 0; i < packet.payload.size(); ++i) {
        const size_t position = static_cast<size_t>(at) + i;
        if (position > connection.stream.size() + kMostAhead)
            return connection.stays ? violated_("numbers of another space: " + to_string(packet)) : void();
        if (position >= connection.stream.size()) {
            connection.stream.resize(position + 1);
            connection.known.resize(position + 1);
        }
        if (connection.known[position] && connection.stream[position] != packet.payload[i])
            return violated_("a byte of the stream has changed: " + to_string(packet));
        connection.known[position] = true;
        connection.stream[position] = packet.payload[i];
    }
}

void Clients::arrive(const Packet& packet) {
    const auto found = connections_.find(packet.tuple.client_port);
    if (found == connections_.end() || packet.tuple.udp) return;
    TcpEndpoint::Out out;
    found->second.endpoint.receive(packet, temper_, now(), out);
    say(out);
    take_replies(found->second);
    wake();
}

void Clients::take_replies(Connection& connection) {
    const ByteVector bytes = connection.endpoint.take_received();
    connection.received.insert(connection.received.end(), bytes.begin(), bytes.end());
    ByteVector body;
    while (const auto reply = take_message<Reply>(connection.received, body)) check(connection, *reply, body);
}

void Clients::check(Connection& connection, const Reply& reply, const ByteVector& body) {
    const std::string which = " (connection " + std::to_string(connection.id) + ", request " + std::to_string(connection.asked) + ")";
    if (reply.connection != connection.id || reply.number != connection.asked || connection.answered == connection.asked)
        return violated_("a reply to what was not asked" + which);
    if (reply.count == 0) return violated_("the guest got another request than was sent" + which);
    const ByteVector expected = to_bytes(reply);
    const size_t free = connection.request.whims & kNoise ? Reply::kNoiseBytes : 0;
    if (!std::equal(body.begin() + static_cast<ptrdiff_t>(free), body.end(), expected.begin() + static_cast<ptrdiff_t>(Reply::kBytes + free)))
        return violated_("an altered reply" + which);
    if (!counts_.insert(reply.count).second) violated_("a count told twice" + which);
    if (reply.count <= connection.floor) violated_("a count from the past" + which);
    if (reply.count > asked_) violated_("a request counted twice" + which);
    highest_ = std::max<uint64_t>(highest_, reply.count);
    ++connection.answered;
    ++connection.heard;
    const auto pause = hurried_ > 0 ? chance().between(1, 25) : chance().between(150, 600);
    if (hurried_ > 0) --hurried_;
    connection.ask_at = now() + milliseconds(static_cast<int64_t>(pause));
}

// --- What they do --------------------------------------------------------------------------------

void Clients::turn() {
    std::vector<uint16_t> over;
    for (auto& [port, connection] : connections_) {
        work(connection);
        if (connection.endpoint.is_over()) over.push_back(port);
    }
    for (const uint16_t port : over) {
        const Connection& connection = connections_.at(port);
        if (connection.endpoint.outcome() != Outcome::kFinished || connection.stays)
            violated_("a connection has broken: " + connection.endpoint.describe());
        connections_.erase(port);
        // Sometimes the same port again, before the guest has forgotten it.
        connect(chance().chance(500) ? port : next_port_++, false);
        if (chance().chance(200)) stay();
    }
    rest();
}

/// One that begins in the middle of a pair, and sees what comes after it.
void Clients::stay() {
    const auto staying = std::ranges::count_if(connections_, [](const auto& entry) { return entry.second.stays; });
    if (static_cast<size_t>(staying) < kMostThatStay) connect(next_port_++, true);
}

void Clients::work(Connection& connection) {
    TcpEndpoint::Out out;
    if (connection.endpoint.next_deadline() <= now()) connection.endpoint.tick(temper_, now(), out);
    say(out);
    if (!connection.endpoint.is_open() || connection.answered < connection.asked || now() < connection.ask_at) return;
    if (connection.stays || connection.asked < connection.requests) return ask(connection);
    if (std::exchange(connection.is_closing, true)) return;
    connection.endpoint.finish(temper_, now(), out);
    say(out);
}

void Clients::ask(Connection& connection) {
    Request& request = connection.request = {connection.id, ++connection.asked, 0, 0};
    if (chance().chance(whims_.noise)) request.whims |= kNoise;
    if (chance().chance(whims_.length)) request.whims |= kLength;
    if (chance().chance(whims_.slow)) request.whims |= kSlow;
    request.size = static_cast<uint32_t>(chance().chance(200) ? chance().below(4000) : chance().below(60));
    connection.floor = highest_;
    ++asked_;
    TcpEndpoint::Out out;
    connection.endpoint.say(to_bytes(request), temper_, now(), out);
    say(out);
}

void Clients::rest() {
    Time next = kNever;
    for (const auto& [port, connection] : connections_) {
        next = std::min(next, connection.endpoint.next_deadline());
        const bool may_ask = connection.endpoint.is_open() && connection.answered == connection.asked;
        if (may_ask && !connection.is_closing) next = std::min(next, connection.ask_at);
    }
    if (next != kNever) wake_at(std::max(next, now() + microseconds(1)));
}

std::string Clients::describe() const {
    std::string text;
    for (const auto& [port, connection] : connections_)
        text += "\n  connection " + std::to_string(connection.id) + ": " + std::to_string(connection.answered) + "/" +
                std::to_string(connection.asked) + " answered; " + connection.endpoint.describe();
    return text;
}

}  // namespace colo::sim::pair
