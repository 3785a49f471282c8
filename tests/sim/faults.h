// SPDX-License-Identifier: GPL-2.0-or-later
// What goes wrong in a scenario. Each function adds one kind of trouble, chosen by chance, to a
// scenario that has its conversations already.
#pragma once

#include "tests/sim/random.h"
#include "tests/sim/scenario.h"

namespace colo::sim {

/// Loss, duplicates and reordering between client and proxy.
void trouble_client_line(Scenario& scenario, Random& random);
/// The same between the proxy and the SVM alone.
void trouble_mirror(Scenario& scenario, Random& random);
/// The same between the SVM and the comparator.
void trouble_secondary_output(Scenario& scenario, Random& random);
/// The SVM says something else than the PVM: bytes, length, FIN, RST, SYN options.
void diverge(Scenario& scenario, Random& random);
/// A VM's retransmissions contain other bytes.
void garble_retransmissions(Scenario& scenario, Random& random);
void add_checkpoints(Scenario& scenario, Random& random);
/// SYNs, RSTs and acks in the client's name.
void spoof(Scenario& scenario, Random& random);
/// Many SYNs that nobody completes, against a small table.
void flood(Scenario& scenario, Random& random);
/// The same tuples again, at once.
void reuse_ports(Scenario& scenario, Random& random);
void tighten_queues(Scenario& scenario, Random& random);

}  // namespace colo::sim
