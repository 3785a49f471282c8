// SPDX-License-Identifier: GPL-2.0-or-later
// What the parts of a pair's proxy work with. All of it outlives them.
#pragma once

#include "io/event_loop.h"
#include "pair/nics.h"
#include "pair/pair_settings.h"
#include "pair/peer_link.h"
#include "qemu/colo_control.h"

namespace colo {

struct PairContext {
    EventLoop& loop;
    Nics& nics;
    PeerLink& link;
    ColoControl& qemu;
    PairSettings& settings;

    Time now() const { return loop.now(); }
};

}  // namespace colo
