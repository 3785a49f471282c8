// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair/primary_path.h"

#include <gtest/gtest.h>

#include "tests/support/frame_builder.h"

namespace colo {
namespace {

using Names = std::vector<std::string>;
using test::FrameBuilder;

/// The path between a VM, an uplink and a secondary, all of which speak in datagrams of one flow.
class Path : public testing::Test, protected PrimaryPath::Outside {
  protected:
    void uplink(const std::string& text) { path_.from_uplink(frame("10.0.0.9", "10.0.0.1", 40000, 53, text), now_); }
    void vm(const std::string& text) { path_.from_vm(answer(text), now_); }
    void peer(const std::string& text, uint32_t epoch) { path_.from_peer(answer(text), epoch, now_); }
    void pair(uint32_t epoch = 1) { path_.fence(epoch, true, now_); }

    Names to_vm_, sent_, mirrored_;
    std::vector<Reason> wanted_;
    Time now_ = seconds(10);
    FramePool pool_;
    FlowHash hash_ = FlowHash::random();
    PrimaryPath path_{config(), hash_, pool_, nullptr, *this};

  private:
    static ComparatorConfig config() {
        ComparatorConfig config;
        config.max_connections = 100;
        return config;
    }
    Frame frame(const char* from, const char* to, uint16_t sport, uint16_t dport, const std::string& text) {
        return pool_.copy(FrameBuilder().ipv4(from, to).udp(sport, dport).payload(text).build());
    }
    Frame answer(const std::string& text) { return frame("10.0.0.1", "10.0.0.9", 53, 40000, text); }
    static std::string text_of(const Frame& frame) {
        const PacketView view = parse(frame.bytes(), frame.wire_size());
        return {reinterpret_cast<const char*>(view.payload().data()), view.payload().size()};
    }

    void to_vm(Frame&& frame, Time) override { to_vm_.push_back(text_of(frame)); }
    void to_uplink(Frame&& frame, Time) override { sent_.push_back(text_of(frame)); }
    void mirror(const Frame& frame) override { mirrored_.push_back(text_of(frame)); }
    void announce(const FlowKey&, const Announcement&) override {}
    void wants_checkpoint(const CheckpointRequest& request) override { wanted_.push_back(request.reason); }
};

TEST_F(Path, PassesBothWaysUntilThereIsAPair) {
    uplink("a");
    vm("A");
    EXPECT_EQ(to_vm_, Names{"a"});
    EXPECT_EQ(mirrored_, Names{});
    EXPECT_EQ(sent_, Names{"A"});
}

TEST_F(Path, MirrorsAndHoldsFromTheFenceOn) {
    pair();
    uplink("a");
    vm("A");
    EXPECT_EQ(to_vm_, Names{"a"});
    EXPECT_EQ(mirrored_, Names{"a"});
    EXPECT_EQ(sent_, Names{});
    peer("A", 1);
    EXPECT_EQ(sent_, Names{"A"});
}

TEST_F(Path, CountsOfThePeerOnlyWhatIsOfTheEpoch) {
    pair(7);
    vm("A");
    peer("A", 6);
    peer("A", 9);
    EXPECT_EQ(sent_, Names{});
    EXPECT_EQ(path_.counters().stale, 2u);
}

TEST_F(Path, KeepsWhatComesOfTheNextEpochForIt) {
    pair(7);
    vm("A");
    peer("B", 8);
    EXPECT_EQ(sent_, Names{});
    pair(8);
    EXPECT_EQ(sent_, Names{"A"});  // the fence's
    vm("B");
    EXPECT_EQ(sent_, (Names{"A", "B"}));
    EXPECT_EQ(path_.counters().early, 1u);
}

TEST_F(Path, BoundsWhatComesEarly) {
    pair(7);
    const std::string large(60'000, 'x');
    for (size_t i = 0; i < 100; ++i) peer(large, 8);
    EXPECT_GT(path_.counters().early_lost, 0u);
    EXPECT_LE(path_.counters().early * large.size(), PrimaryPath::kMostEarlyBytes);
}

TEST_F(Path, HoldsBackWhatHasBeenComparedWhileItIsUndecided) {
    pair();
    path_.hold_output();
    vm("A");
    peer("A", 1);
    EXPECT_EQ(sent_, Names{});
    vm("B");
    path_.let_go(now_);
    EXPECT_EQ(sent_, (Names{"A", "B"}));
    vm("C");
    uplink("c");
    EXPECT_EQ(sent_, (Names{"A", "B", "C"}));
    EXPECT_EQ(mirrored_, Names{});
}

TEST_F(Path, SaysNothingMoreOnceItIsShut) {
    pair();
    path_.hold_output();
    vm("A");
    peer("A", 1);
    path_.shut();
    vm("B");
    path_.let_go(now_);
    EXPECT_EQ(sent_, Names{});
}

TEST_F(Path, DoesNotCompareInSimpleMode) {
    pair();
    path_.compare(false, now_);
    vm("A");
    peer("A", 1);
    EXPECT_EQ(sent_, Names{});
    path_.fence(2, false, now_);
    EXPECT_EQ(sent_, Names{"A"});
    EXPECT_EQ(path_.comparator().mode(), Mode::kSimple);
}

}  // namespace
}  // namespace colo
