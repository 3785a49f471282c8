// SPDX-License-Identifier: GPL-2.0-or-later
// Comparing what is compared whole: UDP, ICMP, other IP, frames whose headers cannot be trusted; and
// ICMP errors, by what they report.
//
// Equal payloads match first-in first-out. A datagram whose twin has not come waits; when both sides of
// a flow hold unmatched ones for `datagram_patience`, the VMs have diverged. A secondary's datagram
// waits compare_timeout at most: an old answer must not vouch for a new one. An ICMP error goes without
// a twin after `icmp_error_patience`: the guests' rate limiters differ.
#pragma once

#include <optional>

#include "compare/alarms.h"
#include "compare/context.h"
#include "packet/icmp_error.h"
#include "packet/view.h"

namespace colo {

/// The quoted packet is one of the client's, so its numbers are the same for both VMs.
IcmpErrorFacts facts_of(const IcmpError& error);

class DatagramComparison {
  public:
    DatagramComparison(Context& context, Alarms& alarms) : context_(context), alarms_(alarms) {}

    static void describe(Parked& parked, const PacketView& view);
    static void describe_error(Parked& parked, const IcmpErrorFacts& facts) {
        parked.kind = ParkedKind::kIcmpError;
        parked.error = facts;
    }

    /// Takes a held datagram or error into its flow.
    void admit(Flow& flow, Backlog& backlog, Parked* parked);
    /// A datagram or error of the secondary; `facts` describes it and lends its frame.
    void secondary(Flow& flow, Backlog& backlog, Parked&& facts);

    /// Looks at what is overdue in the flow, and sets its next alarm. True: something may go now.
    bool look(Flow& flow, Backlog& backlog);
    void set_alarm(Backlog& backlog);

    /// A secondary's datagram has waited too long.
    void expire_secondary(Parked* oldest);
    void expire_absorbing(Parked* oldest);

    /// What a fence let out, in order.
    void note_released(Flow& flow, Backlog& backlog, Parked* record, Fence fence);
    void settle(Flow& flow, Backlog& backlog, Fence fence);
    void drop_all(Backlog& backlog);

  private:
    Time deadline_of(const Backlog& backlog) const;
    Time divergence_at(const Backlog& backlog) const;
    static const Parked* oldest_unmatched(const ParkedFifo& queue, ParkedKind kind);
    void diverge(Flow& flow, const Backlog& backlog);
    void drop_item(Backlog& backlog, Parked* previous);

    Context& context_;
    Alarms& alarms_;
};

}  // namespace colo
