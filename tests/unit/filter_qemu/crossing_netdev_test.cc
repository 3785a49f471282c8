// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/qemu/crossing_netdev.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "monitor/json_value.h"
#include "tests/support/loop_rig.h"

namespace colo {
namespace {

using Put = FrameCrossing::Put;
using testing::ElementsAre;

class Receiver final : public NetdevReceiver {
  public:
    void frame(Frame&& frame, Time) override {
        log.emplace_back(frame.bytes().begin(), frame.bytes().end());
        if (on_frame) on_frame();
    }
    void batch_end(Time) override {}

    std::vector<std::string> log;
    std::function<void()> on_frame;
};

class CrossingNetdevTest : public LoopTest {
  protected:
    CrossingNetdevTest() { uplink_.set_receiver(&receiver_); }
    ~CrossingNetdevTest() override { uplink_.set_receiver(nullptr); }

    /// As QEMU's half does it.
    Put put(std::string frame) {
        const iovec piece{frame.data(), frame.size()};
        const Put done = crossings_->to_vm_in.put({&piece, 1}, frame.size(), 0);
        if (done == Put::kFirst) crossings_->to_us.raise();
        return done;
    }

    FilterHost host_{loop_, [](const std::string&, const Json&) {}};
    const std::shared_ptr<FilterCrossings> crossings_ = std::make_shared<FilterCrossings>();
    CrossingNetdev vm_{host_, "f.vm", "f.uplink", Direction::kRx, VnetHeaders::kKept, crossings_};
    CrossingNetdev uplink_{host_, "f.uplink", "", Direction::kTx, VnetHeaders::kKept, crossings_};
    [[maybe_unused]] CrossingPort port_{loop_, crossings_, vm_, uplink_};
    Receiver receiver_;
};

TEST_F(CrossingNetdevTest, WhatCameBehindAPausedBatchIsNotForgotten) {
    receiver_.on_frame = [this] {
        receiver_.on_frame = {};
        uplink_.pause_reading(true);
    };
    put("1");
    put("2");
    settle();
    EXPECT_THAT(receiver_.log, ElementsAre("1"));
    EXPECT_EQ(put("3"), Put::kFirst);
    settle();
    EXPECT_EQ(put("4"), Put::kAdded);
    uplink_.pause_reading(false);
    settle();
    EXPECT_THAT(receiver_.log, ElementsAre("1", "2", "3", "4"));
}

TEST_F(CrossingNetdevTest, PausedAgainInTheRestItGoesOnLater) {
    receiver_.on_frame = [this] { uplink_.pause_reading(true); };
    for (const char* frame : {"1", "2", "3"}) put(frame);
    for (size_t count = 1; count <= 3; ++count) {
        settle();
        EXPECT_EQ(receiver_.log.size(), count);
        if (count == 1) put("4");
        uplink_.pause_reading(false);
    }
    settle();
    EXPECT_THAT(receiver_.log, ElementsAre("1", "2", "3", "4"));
}

}  // namespace
}  // namespace colo
