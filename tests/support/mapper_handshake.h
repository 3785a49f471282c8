// SPDX-License-Identifier: GPL-2.0-or-later
// A client's handshake with a server whose two VMs number and stamp it differently: the primary's stream begins at
// 1001 and its clock shows 100; the secondary's at 5001 and 900.
#pragma once

#include "tests/support/mapper_rig.h"

namespace colo::test {

inline constexpr uint32_t kPrimary = 1000;  // ISNs
inline constexpr uint32_t kSecondary = 5000;
inline constexpr uint32_t kPrimaryClock = 100;
inline constexpr uint32_t kSecondaryClock = 900;
inline constexpr Offset kDelta{4000, 800};

using tcp_flag::kAck;
using tcp_flag::kFin;
using tcp_flag::kRst;
using tcp_flag::kSyn;

inline FrameBuilder syn_ack(const MapperRig& rig, uint32_t isn = kSecondary, uint32_t client_isn = kClientIsn,
                            uint16_t port = 40000) {
    return stamped(rig.vm(port).seq(isn).ack(client_isn + 1).flags(kSyn | kAck), kSecondaryClock,
                   7);
}

/// The client's first ack.
inline FrameBuilder last_of_handshake(const MapperRig& rig, uint32_t ack = kPrimary + 1,
                                      uint16_t port = 40000) {
    return stamped(rig.client(port).seq(kClientIsn + 1).ack(ack), 8, kPrimaryClock);
}

/// A server's handshake, learnt from.
inline void open(MapperRig& rig, uint16_t port = 40000) {
    rig.output(syn_ack(rig, kSecondary, kClientIsn, port));
    rig.input(last_of_handshake(rig, kPrimary + 1, port));
}

inline Announcement announced(const Offset& delta, uint32_t origin, bool again = false) {
    return {delta, Seq(origin), again};
}

/// Data of the VM, and the client's ack of them.
inline void talk(MapperRig& rig, uint32_t isn = kSecondary) {
    rig.output(stamped(rig.vm().seq(isn + 1).ack(kClientIsn + 1).payload(pattern(100)), 910, 8));
    rig.input(stamped(rig.client().seq(kClientIsn + 1).ack(kPrimary + 101), 9, 110));
}

}  // namespace colo::test
