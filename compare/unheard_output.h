// SPDX-License-Identifier: GPL-2.0-or-later
// What a secondary's VM has said last in its TCP connections, and its clients may not have heard: had the
// primary's VM not said it yet when it died, or was it lost with its host, the survivor would say it again
// only after a timeout (RFC 6298 2.4, 200 ms with Linux), for which the client would wait. So the proxy says
// it again as soon as the VM goes on alone: a retransmission like any other.
//
// Not a SYN: the client may have got the other VM's, whose offset was lost with its host. Then its first ack
// tells (of a handshake that is unfinished at a failover), and must come first.
//
// Bounded: the latest kMostFrames of a NIC. What is older, or no TCP, is left to the VM and to the client.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "compare/flow_feed.h"
#include "packet/frame.h"
#include "packet/view.h"

namespace colo {

class UnheardOutput {
  public:
    static constexpr size_t kMostFrames = 256;

    /// A frame of the VM, in its own numbers, and its view. Keeps a handle, if it takes an acknowledgement.
    void sent(const Frame& frame, const PacketView& view);
    /// The VM has become a copy of another: what it said does not count.
    void fence();
    /// Those which no client has acked as far as `feed` knows, in order; none is kept.
    std::vector<Frame> take(FlowFeed& feed);

  private:
    std::array<Frame, kMostFrames> frames_;
    size_t next_ = 0;  ///< where the next frame goes: the oldest's place
};

}  // namespace colo
