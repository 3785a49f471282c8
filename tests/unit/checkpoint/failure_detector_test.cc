// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkpoint/failure_detector.h"

#include <gtest/gtest.h>

#include <string>

namespace colo {
namespace {

class FailureDetectorTest : public testing::Test {
  protected:
    /// All that has changed: "+peer" failed, "-peer" recovered.
    std::string look() {
        constexpr const char* kNames[] = {"local", "peer", "link"};
        std::string changes;
        while (const auto verdict = detector_.look(now_)) {
            changes += verdict->failure ? "+" : "-";
            changes += kNames[static_cast<size_t>(verdict->who)];
        }
        return changes;
    }
    void hear(Time qmp_silence = Time(0)) {
        VmHealth peer;
        peer.qmp_silence = qmp_silence;
        detector_.heard(peer, now_);
    }

    Time now_ = seconds(1000);
    FailureDetector detector_{Role::kSecondary, {}, seconds(3)};
};

TEST_F(FailureDetectorTest, NothingIsWrongBeforeAnythingIsKnown) {
    EXPECT_EQ(look(), "");
    now_ += seconds(100);
    EXPECT_EQ(look(), "");
}

TEST_F(FailureDetectorTest, QmpThatOwesAnAnswerTooLongFailsAndRecovers) {
    detector_.qmp_asked(now_);
    now_ += seconds(3);
    detector_.qmp_asked(now_);  // asked again, without an answer
    now_ += seconds(2) - Time(1);
    EXPECT_EQ(look(), "");
    now_ += Time(1);
    EXPECT_EQ(detector_.health(now_).qmp_silence, seconds(5));
    EXPECT_EQ(look(), "+local");
    EXPECT_EQ(look(), "");
    detector_.qmp_answered();
    EXPECT_EQ(look(), "-local");
}

TEST_F(FailureDetectorTest, QmpThatIsNotAskedOwesNothing) {
    detector_.qmp_asked(now_);
    detector_.qmp_answered();
    now_ += seconds(100);
    EXPECT_EQ(look(), "");
    EXPECT_EQ(detector_.health(now_).qmp_silence, Time(0));
}

TEST_F(FailureDetectorTest, SilenceInACheckpointDoesNotCountBehindIt) {
    detector_.qmp_asked(now_);
    detector_.channel(ColoPhase::kReplied, now_, now_);
    now_ += seconds(10);
    detector_.channel(ColoPhase::kReceived, now_, now_);
    EXPECT_EQ(look(), "");
    detector_.channel(ColoPhase::kRunning, now_, now_);
    EXPECT_EQ(look(), "");
    now_ += seconds(5);
    EXPECT_EQ(look(), "+local");
}

/// The stream that carried its channel went with the link.
TEST_F(FailureDetectorTest, OwnVmIsNotBlamedForACheckpointThatWasCutOffThoughTheLinkIsBack) {
    detector_.link_opened(now_);
    detector_.channel(ColoPhase::kReplied, now_, now_);
    detector_.link_closed("reset");
    EXPECT_EQ(look(), "+link");
    detector_.link_opened(now_);
    hear();
    EXPECT_EQ(look(), "-link");
    for (int i = 0; i < 5; ++i) {
        now_ += seconds(2);
        hear();
        EXPECT_EQ(look(), "");
    }
}

TEST_F(FailureDetectorTest, MonitorThatIsClosedMayBeOpenedAgain) {
    detector_.monitor_closed();
    EXPECT_EQ(look(), "+local");
    EXPECT_TRUE(detector_.health(now_).is_gone);
    detector_.monitor_opened();
    EXPECT_EQ(look(), "-local");
    EXPECT_FALSE(detector_.health(now_).is_gone);
}

/// What answers the monitor then is another QEMU.
TEST_F(FailureDetectorTest, GoneIsGoneWhoeverOpensItsMonitor) {
    detector_.monitor_closed();
    detector_.vm_is_gone();
    EXPECT_EQ(look(), "+local");
    detector_.monitor_opened();
    EXPECT_EQ(look(), "");
    EXPECT_TRUE(detector_.health(now_).is_gone);
}

TEST_F(FailureDetectorTest, SilenceOfAPeerThatHasLeftSaysNothing) {
    detector_.link_opened(now_);
    hear();
    detector_.peer_left();
    now_ += seconds(100);
    EXPECT_EQ(look(), "");
}

TEST_F(FailureDetectorTest, LinkIsLostWithoutHeartbeats) {
    detector_.link_opened(now_);
    now_ += seconds(3) - Time(1);
    EXPECT_EQ(look(), "");
    hear();
    now_ += seconds(3);
    const auto verdict = detector_.look(now_);
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict->who, Suspect::kLink);
    EXPECT_EQ(verdict->failure, "no heartbeat for 3000 ms");
    hear();
    EXPECT_EQ(look(), "-link");
}

TEST_F(FailureDetectorTest, LinkThatWasLostIsFoundWithThePeersWordsOfItsVm) {
    detector_.link_opened(now_);
    detector_.link_closed("reset by the peer");
    EXPECT_EQ(look(), "+link");
    detector_.link_opened(now_);
    EXPECT_EQ(look(), "");
    hear(seconds(5));
    EXPECT_EQ(look(), "+peer-link");
}

TEST_F(FailureDetectorTest, DeadlinesHoldAsSoonAsTheyAreSet) {
    detector_.link_opened(now_);
    detector_.qmp_asked(now_);
    now_ += seconds(2);
    EXPECT_EQ(look(), "");
    detector_.set_deadlines({}, seconds(2));
    EXPECT_EQ(look(), "+link");
    detector_.set_deadlines({seconds(2), seconds(5)}, seconds(3));
    EXPECT_EQ(look(), "+local-link");
}

TEST_F(FailureDetectorTest, LinkThatIsClosedSaysWhy) {
    detector_.link_opened(now_);
    detector_.link_closed("reset by the peer");
    EXPECT_EQ(detector_.look(now_)->failure, "reset by the peer");
    hear();  // of the old link
    EXPECT_EQ(look(), "");
    EXPECT_FALSE(detector_.look(now_));
}

TEST_F(FailureDetectorTest, PeersVmIsJudgedByItsHeartbeats) {
    detector_.link_opened(now_);
    hear(seconds(5));
    EXPECT_EQ(look(), "+peer");
    hear();
    EXPECT_EQ(look(), "-peer");
    VmHealth gone;
    gone.is_gone = true;
    detector_.heard(gone, now_);
    EXPECT_EQ(look(), "+peer");
}

TEST_F(FailureDetectorTest, ALostLinkSaysNothingOfThePeersVm) {
    detector_.link_opened(now_);
    hear(seconds(1));
    now_ += seconds(100);
    EXPECT_EQ(look(), "+link");
}

TEST_F(FailureDetectorTest, OwnVmIsNotBlamedForACheckpointThatLostItsOtherEnd) {
    detector_.link_opened(now_);
    detector_.channel(ColoPhase::kRequested, now_, now_);
    detector_.qmp_asked(now_);
    detector_.link_closed("reset");
    now_ += seconds(100);
    EXPECT_EQ(look(), "+link");
    detector_.vm_is_gone();
    EXPECT_EQ(look(), "+local");
}

TEST_F(FailureDetectorTest, OwnVmIsNotBlamedForAPrimaryThatSendsNoState) {
    detector_.link_opened(now_);
    detector_.channel(ColoPhase::kReplied, now_, now_);
    now_ += seconds(4);
    hear(seconds(3));
    now_ += seconds(1);
    EXPECT_EQ(look(), "");
    hear(Time(0));
    EXPECT_EQ(look(), "+local");
}

TEST_F(FailureDetectorTest, OwnVmIsNotBlamedWhileThePeerIsSilent) {
    detector_.link_opened(now_);
    hear();
    detector_.channel(ColoPhase::kReplied, now_, now_);
    detector_.set_deadlines({.checkpoint = seconds(1)}, seconds(3));
    now_ += seconds(2);
    EXPECT_EQ(look(), "");
    now_ += seconds(1);
    EXPECT_EQ(look(), "+link");
}

}  // namespace
}  // namespace colo
