// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/waiting_frames.h"

#include <gtest/gtest.h>

#include <string>

#include "stream_rig.h"

namespace colo {
namespace {

class WaitingFramesTest : public testing::Test {
  protected:
    Frame frame(const std::string& data) { return pool_.copy(to_bytes(data)); }
    bool pushed(const std::string& data) {
        Frame one = frame(data);
        if (!frames_.has_room_for(one)) return false;
        frames_.push(std::move(one));
        return true;
    }
    std::string popped() {
        const Frame one = frames_.pop();
        return std::string(text_of(one.bytes()));
    }

    FramePool pool_;
    WaitingFrames frames_;
};

TEST_F(WaitingFramesTest, GoInTheOrderInWhichTheyCame) {
    EXPECT_TRUE(pushed("one") && pushed("two") && pushed("three"));
    EXPECT_EQ(frames_.size(), 3u);
    EXPECT_EQ(frames_.bytes(), 11u);
    EXPECT_EQ(popped(), "one");
    EXPECT_EQ(popped(), "two");
    EXPECT_EQ(frames_.bytes(), 5u);
    EXPECT_EQ(popped(), "three");
    EXPECT_TRUE(frames_.empty());
    EXPECT_EQ(frames_.bytes(), 0u);
}

TEST_F(WaitingFramesTest, HaveTwoLimits) {
    frames_.set_limits({.bytes = 10, .frames = 3});
    EXPECT_TRUE(pushed("12345678"));
    EXPECT_FALSE(pushed("901")) << "bytes";
    EXPECT_TRUE(pushed("9"));
    EXPECT_TRUE(pushed("0"));
    EXPECT_FALSE(pushed("")) << "frames";
    popped();
    EXPECT_TRUE(pushed("again"));
}

TEST_F(WaitingFramesTest, OneFitsAlways) {
    frames_.set_limits({.bytes = 3, .frames = 0});
    EXPECT_TRUE(pushed("more than that"));
    EXPECT_FALSE(pushed("x"));
    frames_.clear();
    EXPECT_EQ(frames_.bytes(), 0u);
    EXPECT_TRUE(pushed("more than that"));
}

}  // namespace
}  // namespace colo
