// SPDX-License-Identifier: GPL-2.0-or-later
// A machine: its connections, its datagram service, its ports. A value, as a VM's memory is.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "tests/sim/endpoint.h"
#include "tests/sim/scenario.h"

namespace colo::sim {

class Host {
  public:
    using Out = TcpEndpoint::Out;

    /// `plans` must outlive the host.
    Host(bool is_guest, const std::vector<ConnectionPlan>& plans)
        : is_guest_(is_guest), plans_(&plans) {}

    void receive(const Packet& packet, Temper& temper, Time now, Out& out);
    void tick(Temper& temper, Time now, Out& out);
    Time next_deadline() const { return deadline_; }
    /// Active open; what the tuple had before is forgotten.
    void open(const ConnectionPlan& plan, Temper& temper, Time now, Out& out);
    /// The guest will open this one.
    void expect(const ConnectionPlan& plan) { expected_[plan.tuple] = &plan; }
    const TcpEndpoint* find(const Tuple& tuple) const;
    /// Another machine's state takes the place of this one's.
    void become(const Host& other) { *this = other; }
    const std::map<Tuple, TcpEndpoint>& endpoints() const { return endpoints_; }
    uint64_t echoes_from_the_future() const;

  private:
    const ConnectionPlan* plan_of(const Tuple& tuple, uint32_t peer_number) const;
    void accept(const Packet& syn, Temper& temper, Time now, Out& out);
    void refuse(const Packet& packet, Out& out);
    void answer_datagram(const Packet& packet, Temper& temper, Out& out);
    void note_deadline();

    bool is_guest_;
    const std::vector<ConnectionPlan>* plans_;
    std::map<Tuple, TcpEndpoint> endpoints_;
    std::map<Tuple, uint64_t> last_incarnation_;
    std::map<Tuple, const ConnectionPlan*> expected_;
    Time deadline_ = kNever;
};

}  // namespace colo::sim
