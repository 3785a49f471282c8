// SPDX-License-Identifier: GPL-2.0-or-later
// Two ends of a pair's link on one loop: who they are, and the order of what they say.
#include "pair/peer_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/support/loop_rig.h"
#include "tests/support/peer_end.h"

namespace colo {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class PeerLinkTest : public LoopTest {
  protected:
    void SetUp() override {
        primary_.link.listen();
        secondary_.link.connect();
        until([&] { return primary_.link.peer() && secondary_.link.peer(); });
        primary_.heard.clear();
        secondary_.heard.clear();
    }

    TemporaryFolder folder_;
    PeerEnd primary_{loop_, folder_.file("link"), 1};
    PeerEnd secondary_{loop_, folder_.file("link"), 2};
};

TEST_F(PeerLinkTest, WhatIsSaidGoesBeforePackets) {
    primary_.send(bytes_of("a frame"));
    primary_.link.say(PeerProcedure::kRefusal, "no");
    until([&] { return secondary_.heard.size() == 2; });
    EXPECT_THAT(secondary_.heard, ElementsAre("5: no", "a frame"));
}

TEST_F(PeerLinkTest, WhatIsSaidAfterPacketsIsHeardInItsPlace) {
    primary_.send(bytes_of("before"));
    EXPECT_TRUE(primary_.link.say_after_packets(PeerProcedure::kResign, "it hangs"));
    primary_.send(bytes_of("behind"));
    until([&] { return secondary_.heard.size() == 3; });
    EXPECT_THAT(secondary_.heard, ElementsAre("before", "3: it hangs", "behind"));
}

TEST_F(PeerLinkTest, WherePacketsFillTheirQueueItIsHeardAllTheSame) {
    const std::vector<uint8_t> large(60'000, 'x');
    size_t queued = 0;
    while (primary_.send(large) == PacketResult::kQueued) ++queued;
    while (primary_.send(bytes_of("x")) == PacketResult::kQueued) ++queued;
    EXPECT_TRUE(primary_.link.say_after_packets(PeerProcedure::kResign, "it hangs"));
    until([&] { return secondary_.heard.size() == queued + 1; });
    EXPECT_EQ(std::count(secondary_.heard.begin(), secondary_.heard.end(), "3: it hangs"), 1);
}

TEST_F(PeerLinkTest, WithoutAPeerNothingIsSaid) {
    secondary_.link.stop("it was stopped");
    until([&] { return !primary_.link.peer(); });
    primary_.heard.clear();
    EXPECT_FALSE(primary_.link.say_after_packets(PeerProcedure::kResign, "it hangs"));
    settle();
    EXPECT_THAT(primary_.heard, IsEmpty());
}

}  // namespace
}  // namespace colo
