// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkpoint/going_on.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace colo {
namespace {

class GoingOnTest : public testing::Test, protected GoingOn::Orders {
  protected:
    void prepare() override { note("prepare"); }
    void lose_heartbeat() override { note("lose"); }
    void yank() override { note("yank"); }
    void redirect() override {
        note("redirect");
        if (is_redirected_) secondary_.redirected();
    }
    void flow() override { note("flow"); }
    void gone_on() override { note("gone"); }
    void could_not_go_on(const std::string& why) override { note("failed: " + why); }

    void note(const std::string& order) { orders_ += (orders_.empty() ? "" : " ") + order; }
    std::string orders() { return std::exchange(orders_, ""); }

    Time now_ = seconds(10);
    bool is_redirected_ = true;  ///< at once
    std::string orders_;
    GoingOn secondary_{Role::kSecondary, {}, *this};
    GoingOn primary_{Role::kPrimary, {}, *this};
};

TEST_F(GoingOnTest, SecondaryFlowsOnlyBehindTheEndOfItsChannel) {
    secondary_.start(now_);
    EXPECT_EQ(orders(), "prepare lose");
    secondary_.heartbeat_lost();
    EXPECT_EQ(orders(), "redirect");
    secondary_.vm_runs();
    EXPECT_EQ(orders(), "");
    secondary_.channel_ended();
    EXPECT_EQ(orders(), "redirect flow gone");
    EXPECT_EQ(secondary_.next_deadline(), kNever);
}

TEST_F(GoingOnTest, ChannelMayHaveEndedBefore) {
    secondary_.channel_ended();
    secondary_.start(now_);
    secondary_.heartbeat_lost();
    orders();
    secondary_.vm_runs();
    EXPECT_EQ(orders(), "redirect flow gone");
}

TEST_F(GoingOnTest, ANewChannelHasNotEnded) {
    secondary_.channel_ended();
    secondary_.channel_opened();
    secondary_.start(now_);
    secondary_.heartbeat_lost();
    orders();
    secondary_.vm_runs();
    EXPECT_EQ(orders(), "");
}

TEST_F(GoingOnTest, SecondaryFlowsOnlyWhenItsFramesComeToUsAgain) {
    is_redirected_ = false;
    secondary_.channel_ended();
    secondary_.start(now_);
    secondary_.heartbeat_lost();
    secondary_.redirected();
    orders();
    secondary_.vm_runs();
    secondary_.vm_runs();
    EXPECT_EQ(orders(), "redirect");
    secondary_.redirected();
    EXPECT_EQ(orders(), "flow gone");
    secondary_.redirected();
    EXPECT_EQ(orders(), "");
}

TEST_F(GoingOnTest, PrimaryNeedsNoChannel) {
    primary_.start(now_);
    primary_.heartbeat_lost();
    EXPECT_EQ(orders(), "prepare lose");
    primary_.vm_runs();
    EXPECT_EQ(orders(), "flow gone");
}

TEST_F(GoingOnTest, ThatTheVmRanBeforeQemuWasToldSaysNothing) {
    primary_.start(now_);
    primary_.vm_runs();
    primary_.heartbeat_lost();
    EXPECT_EQ(orders(), "prepare lose");
    primary_.vm_runs();
    EXPECT_EQ(orders(), "flow gone");
}

TEST_F(GoingOnTest, QemuThatDoesNotAnswerIsYankedOnce) {
    primary_.start(now_);
    orders();
    EXPECT_EQ(primary_.next_deadline(), now_ + seconds(1));
    primary_.tick(now_ + seconds(1) - Time(1));
    EXPECT_EQ(orders(), "");
    primary_.tick(now_ + seconds(1));
    EXPECT_EQ(orders(), "yank");
    primary_.tick(now_ + seconds(2));
    EXPECT_EQ(orders(), "");
    EXPECT_EQ(primary_.next_deadline(), now_ + seconds(5));
}

TEST_F(GoingOnTest, QemuThatHasAnsweredIsNotYanked) {
    secondary_.start(now_);
    secondary_.heartbeat_lost();
    orders();
    secondary_.tick(now_ + seconds(2));
    EXPECT_EQ(orders(), "");
}

TEST_F(GoingOnTest, FailureNamesWhatIsMissing) {
    secondary_.start(now_);
    orders();
    secondary_.tick(now_ + seconds(5));
    EXPECT_EQ(orders(), "failed: QEMU does not answer x-colo-lost-heartbeat");
    secondary_.start(now_);
    secondary_.heartbeat_lost();
    orders();
    secondary_.tick(now_ + seconds(5));
    EXPECT_EQ(orders(), "failed: QEMU does not close its channel");
    secondary_.channel_ended();
    secondary_.start(now_);
    secondary_.heartbeat_lost();
    orders();
    secondary_.tick(now_ + seconds(5));
    EXPECT_EQ(orders(), "failed: the VM does not run");
    is_redirected_ = false;
    secondary_.start(now_);
    secondary_.heartbeat_lost();
    secondary_.vm_runs();
    orders();
    secondary_.tick(now_ + seconds(5));
    EXPECT_EQ(orders(), "failed: QEMU does not switch its filters on");
    secondary_.vm_runs();
    EXPECT_EQ(orders(), "");
}

}  // namespace
}  // namespace colo
