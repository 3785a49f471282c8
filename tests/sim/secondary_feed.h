// SPDX-License-Identifier: GPL-2.0-or-later
// The part of the secondary's proxy that keeps the SVM fed like the PVM (semantics.md, 7), as small
// as a model can have it: it may look into the SVM.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "packet/time.h"
#include "tests/sim/host.h"
#include "tests/sim/wire.h"

namespace colo::sim {

class SecondaryFeed {
  public:
    /// A client frame was mirrored, whether or not the SVM gets it. In the client's numbers.
    void note_client(const Packet& packet);
    /// True when `packet` (in the SVM's numbers) may go in; else it waits.
    bool admit(const Packet& packet, const Host& secondary);
    /// What waited and may go in now.
    std::vector<Packet> ready(const Host& secondary);
    /// What the proxy says to a frame of the SVM: the client's last ack (in the client's numbers),
    /// or null. `ack_in_secondary` maps it.
    const Packet* answer(const Packet& from_secondary,
                         const std::function<Packet(const Packet&)>& map, Time now);
    /// The SVM is a copy of the PVM.
    void fence() { waiting_.clear(); }

  private:
    static constexpr Time kInterval = milliseconds(100);
    static constexpr size_t kMostWaiting = 180;  ///< about 256 KiB a flow

    struct Client {
        Packet last_ack;
        Time answered{-kInterval};
    };

    static bool fits(const Packet& packet, const Host& secondary);

    std::map<Tuple, Client> clients_;
    std::vector<Packet> waiting_;
};

}  // namespace colo::sim
