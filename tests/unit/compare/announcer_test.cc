// SPDX-License-Identifier: GPL-2.0-or-later
#include "compare/announcer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/neighbour_frames.h"

namespace colo::test {
namespace {

using Texts = std::vector<std::string>;

class AnnouncerTest : public testing::Test, public AnnouncementSink {
  protected:
    void announce(Frame frame) override {
        const PacketView view = parse(frame.bytes(), frame.size());
        const bool is_rarp = view.ether_type == 0x8035;
        told_.push_back(is_rarp ? std::string("RARP ") + mac_text(view.source_mac())
                                : message_text(frame.bytes()));
    }
    void learn(const FrameBuilder& frame) {
        const ByteVector bytes = frame.build();
        announcer_.learn(parse(bytes, static_cast<uint32_t>(bytes.size())));
    }
    Texts told() { return std::exchange(told_, {}); }

    FramePool pool_;
    Announcer announcer_{pool_, *this, FlowHash(1, 2)};
    Texts told_;
};

TEST_F(AnnouncerTest, TellsEveryAddressOfTheVm) {
    learn(FrameBuilder().arp(1, "10.0.0.1", "10.0.0.9"));
    learn(FrameBuilder().vlan(7, 3).ipv4("10.7.0.1", "10.0.0.9").ttl(64).tcp(80, 1));
    learn(FrameBuilder().ipv6("2001:db8::1", "2001:db8::9").ttl(64).udp(53, 1));
    learn(discovery(136, "fe80::1", "ff02::1", "fe80::1", FrameBuilder::kGuestMac));
    announcer_.start(seconds(5));
    const std::string at = " at 52:54:00:12:34:56";
    EXPECT_EQ(told(), (Texts{"10.0.0.1" + at, "10.7.0.1 vlan 7" + at, "2001:db8::1" + at, "fe80::1" + at}));
}

TEST_F(AnnouncerTest, DoesNotLearnWhatIsNotItsOwn) {
    learn(FrameBuilder().arp(1, "0.0.0.0", "10.0.0.9"));
    learn(FrameBuilder().ipv4("192.0.2.1", "10.0.0.9").ttl(63).tcp(80, 1));
    learn(FrameBuilder().ipv6("2001:db8:1::1", "2001:db8::9").ttl(127).tcp(80, 1));
    announcer_.start(seconds(5));
    EXPECT_EQ(told(), Texts{}) << "a probe, and what it routes";
}

TEST_F(AnnouncerTest, StationThatHasNoAddressIsToldToSwitches) {
    learn(FrameBuilder().ipv4("0.0.0.0", "255.255.255.255").udp(68, 67));
    announcer_.start(seconds(5));
    EXPECT_EQ(told(), Texts{"RARP 52:54:00:12:34:56"});
}

TEST_F(AnnouncerTest, SaysNothingMoreWhenItIsStopped) {
    learn(FrameBuilder().ipv4("0.0.0.0", "255.255.255.255").udp(68, 67));
    announcer_.start(seconds(5));
    told();
    announcer_.stop();
    EXPECT_EQ(announcer_.next_deadline(), kNever);
    announcer_.tick(seconds(100));
    EXPECT_EQ(told(), Texts{});
}

TEST_F(AnnouncerTest, ComesBackInRounds) {
    learn(FrameBuilder().arp(1, "10.0.0.1", "10.0.0.9"));
    EXPECT_EQ(announcer_.next_deadline(), kNever);
    Time now = seconds(5);
    announcer_.start(now);
    std::vector<Time> pauses;
    while (announcer_.next_deadline() != kNever) {
        EXPECT_EQ(told().size(), 1u);
        announcer_.tick(announcer_.next_deadline() - Time(1));
        EXPECT_EQ(told().size(), 0u) << "not early";
        pauses.push_back(announcer_.next_deadline() - now);
        now = announcer_.next_deadline();
        announcer_.tick(now);
    }
    EXPECT_EQ(told().size(), 1u);
    EXPECT_EQ(pauses, (std::vector<Time>{milliseconds(50), milliseconds(150), milliseconds(250),
                                         milliseconds(350)}));
    announcer_.tick(now + seconds(9));
    EXPECT_EQ(told(), Texts{});
}

}  // namespace
}  // namespace colo::test
