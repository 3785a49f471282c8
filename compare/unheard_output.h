// SPDX-License-Identifier: GPL-2.0-or-later
// What a secondary's VM has said last in its TCP connections, and its clients may not have heard: had the
// primary's VM not said it yet when it died, or was it lost with its host, the survivor would say it again
// only after a timeout (RFC 6298 2.4, 200 ms with Linux), for which the client would wait. So the proxy says
// it again as soon as the VM goes on alone: a retransmission like any other.
//
// Not a SYN: the client may have got the other VM's, whose offset was lost with its host. Then its first ack
// tells (of a handshake that is unfinished at a failover), and must come first.
//
// Kept is the frame as it went on its way, mapped: a handle on one that is still to be mapped would cost a
// copy (Frame::is_shared()). take() puts it back into the VM's own numbers.
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

    /// `frame`: of the VM, on its way, whatever its numbers. Keeps a handle, if the segment takes an
    /// acknowledgement.
    void sent(const Frame& frame, const VmSegment& segment);
    /// The VM has become a copy of another: what it said does not count.
    void fence();
    /// Those which no client has acked as far as `feed` knows, in order and in the VM's numbers; none is
    /// kept. `pool`, for copies, must outlive them.
    std::vector<Frame> take(FlowFeed& feed, FramePool& pool);

  private:
    struct Said {
        Frame frame;
        std::optional<VmSegment> segment;  ///< as the VM said it
    };

    std::array<Said, kMostFrames> said_;
    size_t next_ = 0;  ///< where the next one goes: the oldest's place
};

}  // namespace colo
