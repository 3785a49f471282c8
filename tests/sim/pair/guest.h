// SPDX-License-Identifier: GPL-2.0-or-later
// What runs in a VM: a server that counts. A value, but for what differs between two VMs: a checkpoint
// copies it.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "packet/time.h"
#include "tests/sim/endpoint.h"
#include "tests/sim/pair/counter.h"
#include "tests/sim/temper.h"

namespace colo::sim::pair {

class Guest {
  public:
    using Out = TcpEndpoint::Out;

    explicit Guest(Random chance);

    void receive(const Packet& packet, Time now, Out& out);
    void tick(Time now, Out& out);
    Time next_deadline() const;
    /// All but its temper.
    void become(const Guest& other) { state_ = other.state_; }

  private:
    struct Connection {
        TcpEndpoint endpoint;
        ByteVector received;
    };
    struct Answer {
        Time due;
        Tuple tuple;
        Request request;
        uint32_t count;
    };
    struct State {
        std::map<Tuple, Connection> connections;
        std::vector<Answer> answers;
        uint32_t count = 0;
    };

    void accept(const Packet& syn, Time now, Out& out);
    void refuse(const Packet& packet, Out& out);
    void serve(const Tuple& tuple, Connection& connection, Time now, Out& out);
    void asked(const Tuple& tuple, const Request& request, const ByteVector& body, Time now);
    void answer(const Answer& answer, Time now, Out& out);
    Time thinks_for(const Request& request);

    State state_;
    Temper temper_;
    TcpSettings settings_;
};

/// What both ends of all connections have set.
TcpSettings tcp_settings();

}  // namespace colo::sim::pair
