// SPDX-License-Identifier: GPL-2.0-or-later
// semantics.md, 7: what the SVM asks for and the PVM does not.
#include "compare/neighbour_proxy.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/neighbour_frames.h"

namespace colo::test {
namespace {

using Texts = std::vector<std::string>;

class NeighbourProxyTest : public testing::Test, public NeighbourSink {
  protected:
    void answer(Frame frame) override { log_.push_back(message_text(frame.bytes())); }
    void ask(Frame frame) override { log_.push_back("asked: " + message_text(frame.bytes())); }

    bool output(const FrameBuilder& builder) {
        const Frame frame = pool_.copy(builder.build());
        return proxy_.output(frame, parse(frame.bytes(), frame.size()), now_);
    }
    void input(const FrameBuilder& builder) {
        const ByteVector bytes = builder.build();
        proxy_.input(parse(bytes, static_cast<uint32_t>(bytes.size())));
    }
    static FrameBuilder question(const std::string& target) {
        return FrameBuilder().macs(FrameBuilder::kGuestMac, {}).arp(1, "10.0.0.1", target);
    }
    static FrameBuilder reply(const std::string& sender) {
        return FrameBuilder().macs(kSomeMac, FrameBuilder::kGuestMac).arp(2, sender, "10.0.0.1");
    }
    void wait(Time time) {
        now_ += time;
        proxy_.tick(now_);
    }
    Texts log() { return std::exchange(log_, {}); }

    Time now_ = seconds(1);
    FramePool pool_;
    NeighbourProxy proxy_{pool_, *this, FlowHash(1, 2)};
    Texts log_;
};

TEST_F(NeighbourProxyTest, AnswersFromWhatMirroredFramesHaveTold) {
    input(reply("10.0.0.9"));
    EXPECT_TRUE(output(question("10.0.0.9")));
    EXPECT_EQ(proxy_.next_deadline(), now_ + milliseconds(100));
    wait(milliseconds(99));
    EXPECT_EQ(log(), Texts{});
    wait(milliseconds(1));
    EXPECT_EQ(log(), Texts{"10.0.0.9 at 02:00:00:00:00:07"});
    EXPECT_EQ(proxy_.counters().answered_here, 1u);
    EXPECT_EQ(proxy_.next_deadline(), kNever);
}

TEST_F(NeighbourProxyTest, AnswersNeighbourDiscoveryToo) {
    input(solicitation("2001:db8::9", "2001:db8::1"));
    output(solicitation("2001:db8::1", "2001:db8::9"));
    wait(milliseconds(100));
    EXPECT_EQ(log(), Texts{"2001:db8::9 at 02:00:00:00:00:07"});
}

TEST_F(NeighbourProxyTest, LeavesItToTheAnswerThatComesWithTheMirroredFrames) {
    output(question("10.0.0.9"));
    wait(milliseconds(99));
    input(reply("10.0.0.9"));
    wait(seconds(1));
    EXPECT_EQ(log(), Texts{});
    EXPECT_EQ(proxy_.counters().answered_by_all, 1u);
}

TEST_F(NeighbourProxyTest, SendsOnWhatNobodyHasToldAtAnEvenRate) {
    for (int i = 1; i <= 20; ++i) output(question("10.0.1." + std::to_string(i)));
    wait(milliseconds(100));
    EXPECT_EQ(log().size(), NeighbourProxy::kBurst);
    EXPECT_EQ(proxy_.counters().refused, 20 - NeighbourProxy::kBurst);
    for (int i = 0; i < 10; ++i) {
        output(question("10.0.2." + std::to_string(i)));
        output(question("10.0.3." + std::to_string(i)));
        wait(NeighbourProxy::kInterval);
        EXPECT_EQ(log(), Texts{"asked: who has 10.0.2." + std::to_string(i) +
                               " tell 10.0.0.1 at 52:54:00:12:34:56"});
    }
}

TEST_F(NeighbourProxyTest, AsksOnceForWhatIsAskedAgain) {
    for (int i = 0; i < 5; ++i) output(question("10.0.0.9"));
    wait(milliseconds(100));
    EXPECT_EQ(log().size(), 1u);
}

TEST_F(NeighbourProxyTest, ProbesForDuplicatesAreNotAnswered) {
    input(reply("10.0.0.9"));
    EXPECT_TRUE(output(FrameBuilder().arp(1, "0.0.0.0", "10.0.0.9")));
    EXPECT_TRUE(output(solicitation("::", "2001:db8::9")));
    EXPECT_EQ(proxy_.next_deadline(), kNever);
    EXPECT_EQ(proxy_.counters().probes, 2u);
}

TEST_F(NeighbourProxyTest, AnotherLinkIsAnotherNeighbour) {
    input(reply("10.0.0.9"));
    output(FrameBuilder().vlan(7).arp(1, "10.0.0.1", "10.0.0.9"));
    wait(milliseconds(100));
    EXPECT_EQ(log(), Texts{"asked: who has 10.0.0.9 vlan 7 tell 10.0.0.1 vlan 7 at 52:54:00:12:34:56"});
}

TEST_F(NeighbourProxyTest, OtherFramesAreNotItsOwn) {
    EXPECT_FALSE(output(reply("10.0.0.1")));
    EXPECT_FALSE(output(FrameBuilder().arp(1, "10.0.0.1", "10.0.0.1"))) << "an announcement";
    EXPECT_FALSE(output(FrameBuilder().ipv4("10.0.0.1", "10.0.0.9").tcp(80, 1)));
}

TEST_F(NeighbourProxyTest, FloodOfQuestionsIsBounded) {
    for (int i = 0; i < 1000; ++i) {
        output(question("10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250)));
    }
    EXPECT_EQ(proxy_.counters().refused, 1000 - NeighbourProxy::kMaxQuestions);
}

}  // namespace
}  // namespace colo::test
