// SPDX-License-Identifier: GPL-2.0-or-later
// The machine that asks: a few connections, one request at a time on each. Knows what it was told and
// says what cannot be: a reply that is lost, doubled, altered or from the past; bytes of the stream that
// change between a segment and its retransmission.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "packet/time.h"
#include "tests/sim/endpoint.h"
#include "tests/sim/pair/counter.h"
#include "tests/sim/pair/timeline.h"

namespace colo::sim::pair {

/// How many of 1000 requests come with a whim of the VMs.
struct Whims {
    uint32_t noise = 0;
    uint32_t length = 0;
    uint32_t slow = 0;
};

class Clients final : public Part {
  public:
    /// Takes what the clients say.
    using Send = std::function<void(const Packet& packet)>;
    using Violated = std::function<void(const std::string& what)>;

    Clients(Timeline& timeline, Random chance, const Whims& whims, Send send, Violated violated);

    void open(uint16_t port, bool stays);
    /// On the wire towards the clients, lost or not.
    /// `may_be_another`: a VM may go on that knows nothing of a handshake which the other one has answered.
    void seen(const Packet& packet, bool may_be_another);
    void arrive(const Packet& packet);
    /// Asks more quickly for a while.
    void hurry();
    /// Each connection has been answered `replies` times since the last call to count_from_here().
    bool have_heard(uint32_t replies) const;
    void count_from_here();
    uint64_t replies() const { return counts_.size(); }
    std::string describe() const;

  private:
    struct Connection {
        explicit Connection(TcpEndpoint made) : endpoint(std::move(made)) {}

        TcpEndpoint endpoint;
        bool stays = true;  ///< to the end; others are closed and opened anew
        bool is_closing = false;
        uint32_t id = 0;
        uint32_t requests = 0;  ///< before it is closed
        uint32_t asked = 0;
        uint32_t answered = 0;
        uint32_t heard = 0;
        uint64_t floor = 0;  ///< the highest count anybody was told when it asked
        Request request{};
        Time ask_at{0};
        ByteVector received;
        std::optional<uint32_t> start;  ///< the guest's initial number, as the client knows it
        ByteVector stream;              ///< of the guest, as far as it was seen on the wire
        std::vector<bool> known;
    };

    void turn() override;
    void connect(uint16_t port, bool stays);
    void stay();
    void work(Connection& connection);
    void ask(Connection& connection);
    void take_replies(Connection& connection);
    void check(Connection& connection, const Reply& reply, const ByteVector& body);
    void say(TcpEndpoint::Out& out);
    void rest();

    Whims whims_;
    Send send_;
    Violated violated_;
    Temper temper_;
    std::map<uint16_t, Connection> connections_;  ///< by the client's port
    uint32_t next_id_ = 1;
    uint16_t next_port_ = 40000;
    std::set<uint32_t> counts_;  ///< told: never the same twice
    uint64_t asked_ = 0;
    uint64_t highest_ = 0;
    uint32_t hurried_ = 0;
};

}  // namespace colo::sim::pair
