// SPDX-License-Identifier: GPL-2.0-or-later
// Guests that connect from different ports to the same place.
#include <gtest/gtest.h>

#include "tests/support/compare_rig.h"

namespace colo::test {
namespace {

const std::string kFirstSyn = "S 0:0(0) <mss 1460>";
constexpr Time kGrace = LonelySyns::kGrace;

Tcp from(uint16_t port, uint16_t peer_port = 443) {
    return {.guest_port = port, .peer_port = peer_port, .name = std::to_string(port) + " "};
}

class LonelySynsOfBoth : public testing::Test {
  protected:
    /// The primary's is sent `ahead` of the secondary's, and both have waited for long.
    Names asked_for(const Tcp& primarys, const Tcp& secondarys, Time ahead = {}) {
        rig_.p(primarys, kFirstSyn);
        rig_.pass_time(ahead);
        rig_.s(secondarys, kFirstSyn);
        rig_.pass_time(kGrace - Time(1));
        EXPECT_EQ(rig_.requests(), Names{}) << "they might be two threads' connections";
        rig_.pass_time(Time(1));
        return rig_.requests();
    }

    CompareRig rig_;
};

TEST_F(LonelySynsOfBoth, AreADivergence) {
    EXPECT_EQ(asked_for(from(40001), from(40002)), Names{"divergence tcp:40001@0"});
    EXPECT_EQ(rig_.sink().requests.back().evidence->detail, "the secondary connects from port 40002");
    EXPECT_EQ(rig_.released(), Names{}) << "but for a checkpoint";
    rig_.fence();
    EXPECT_EQ(rig_.released(), Names{"40001 " + kFirstSyn});
}

TEST_F(LonelySynsOfBoth, AreADivergenceWhicheverComesFirst) {
    rig_.s(from(40002), kFirstSyn);
    rig_.pass_time(kGrace / 2);
    rig_.p(from(40001), kFirstSyn);
    rig_.pass_time(kGrace - Time(1));
    EXPECT_EQ(rig_.requests(), Names{});
    rig_.pass_time(Time(1));
    EXPECT_EQ(rig_.requests(), Names{"divergence tcp:40001@0"});
}

TEST_F(LonelySynsOfBoth, AreLookedAtWhenTheSecondOneHasWaitedLongEnough) {
    EXPECT_EQ(asked_for(from(40001), from(40002), seconds(2)), Names{"divergence tcp:40001@0"});
}

TEST_F(LonelySynsOfBoth, TellWhenTheyAreToBeLookedAt) {
    rig_.p(from(40001), kFirstSyn);
    EXPECT_EQ(rig_.comparator().next_deadline(), rig_.now() + kGrace);
}

TEST_F(LonelySynsOfBoth, AreDifferentConnectionsWhereTheOtherEndDiffers) {
    EXPECT_EQ(asked_for(from(40001), from(40002, 444)), Names{});
}

TEST_F(LonelySynsOfBoth, AreNotThoseThatCameInTheOtherOrder) {
    rig_.p(from(40001), kFirstSyn);
    rig_.s(from(40002), kFirstSyn);
    rig_.pass_time(kGrace - milliseconds(1));
    rig_.p(from(40002), kFirstSyn);
    rig_.s(from(40001), kFirstSyn);
    rig_.pass_time(seconds(1));
    EXPECT_EQ(rig_.requests(), Names{});
    EXPECT_EQ(rig_.released(), (Names{"40002 " + kFirstSyn, "40001 " + kFirstSyn}));
}

TEST_F(LonelySynsOfBoth, AreNotOfOneVmAlone) {
    rig_.p(from(40001), kFirstSyn);
    rig_.p(from(40002), kFirstSyn);
    rig_.pass_time(seconds(1));
    EXPECT_EQ(rig_.requests(), Names{});
}

TEST_F(LonelySynsOfBoth, MakeOneRequestEach) {
    for (const uint16_t port : {40001, 40003}) rig_.p(from(port), kFirstSyn);
    for (const uint16_t port : {40002, 40004}) rig_.s(from(port), kFirstSyn);
    for (const uint16_t port : {40001, 40003}) rig_.p(from(port), kFirstSyn);  // retransmissions
    rig_.pass_time(seconds(1));
    EXPECT_EQ(rig_.requests(), (Names{"divergence tcp:40001@0", "divergence tcp:40003@0"}));
    rig_.pass_time(seconds(1));
    EXPECT_EQ(rig_.requests(), Names{});
}

TEST_F(LonelySynsOfBoth, AreForgottenAtAFence) {
    rig_.p(from(40001), kFirstSyn);
    rig_.s(from(40002), kFirstSyn);
    rig_.fence();
    rig_.pass_time(seconds(1));
    EXPECT_EQ(rig_.requests(), Names{});
}

TEST_F(LonelySynsOfBoth, AreBounded) {
    for (uint16_t port = 1; port <= LonelySyns::kMost + 10; ++port) rig_.p(from(port), kFirstSyn);
    rig_.s(from(1000), kFirstSyn);
    rig_.pass_time(seconds(1));
    EXPECT_EQ(rig_.requests(), Names{"divergence tcp:12@0"}) << "the first are left to their timeout";
}

}  // namespace
}  // namespace colo::test
