// SPDX-License-Identifier: GPL-2.0-or-later
// A primary's NIC at the filters of a QEMU that keeps its netdev.
#include "pair/nic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "filter/netdev_redirected.h"
#include "monitor/json_value.h"
#include "tests/support/frame_builder.h"
#include "tests/support/loop_rig.h"

namespace colo {
namespace {

using test::FrameBuilder;
using testing::ElementsAre;

class RedirectedNic : public LoopTest, protected Nic::Owner {
  protected:
    RedirectedNic() {
        config_.max_connections = 100;
        config_.max_queue_frames = 2;
    }
    /// In a pair, in epoch 1.
    void make(const std::string& guest_in) {
        const auto netdev = [&](const char* id, const char* in, const std::string& out) -> Netdev& {
            return host_.adopt(std::make_unique<NetdevRedirected>(loop_, host_.pool(), id, folder_.file(in),
                                                                  out.empty() ? "" : folder_.file(out)));
        };
        Netdev& vm = netdev("vm0", "guest-out", guest_in);
        nic_.emplace(host_, 0, vm, netdev("up0", "net-out", "net-in"), config_, owner());
        nic_->become_primary();
        nic_->primary()->fence(1, true, loop_.now());
        guest_out_.emplace(Client::at_path(folder_.file("guest-out")));
        net_out_.emplace(Client::at_path(folder_.file("net-out")));
        net_in_.emplace(Client::at_path(folder_.file("net-in")));
        settle();
    }
    Nic::Owner& owner() { return *this; }
    uint64_t heard() const { return nic_->primary()->comparator().counters().primary_frames; }

    static std::string framed(const FrameBuilder& builder) {
        const auto bytes = builder.build();
        std::string text(4, '\0');
        store_be32(reinterpret_cast<uint8_t*>(text.data()), static_cast<uint32_t>(bytes.size()));
        return text.append(bytes.begin(), bytes.end());
    }
    static std::string request() {
        return framed(FrameBuilder().ipv4("10.0.0.9", "10.0.0.1").udp(40000, 53).payload("who?"));
    }
    static std::string answer(const std::string& text) {
        return framed(FrameBuilder().ipv4("10.0.0.1", "10.0.0.9").udp(53, 40000).payload(text));
    }

    TemporaryFolder folder_;
    std::vector<std::string> drops_;
    FilterHost host_{loop_, [this](const std::string& event, const Json& data) {
                         if (event == "COLO_PROXY_DROP") drops_.push_back(data["where"]);
                     }};
    ComparatorConfig config_;
    std::vector<uint64_t> heard_when_mirrored_;
    std::vector<Reason> wanted_;
    bool has_room_ = true;
    int lost_bases_ = 0;
    std::optional<Nic> nic_;
    std::optional<Client> guest_out_, net_out_, net_in_;

  private:
    bool send_packet(uint32_t, const Nic&, uint32_t, Bytes) override {
        heard_when_mirrored_.push_back(heard());
        return has_room_;
    }
    void base_is_lost(const Nic&) override { ++lost_bases_; }
    std::optional<uint32_t> input_epoch() const override { return 1; }
    std::optional<uint32_t> output_epoch() const override { return std::nullopt; }
    void wants_checkpoint(const CheckpointRequest& request) override { wanted_.push_back(request.reason); }
    void secondary_is_full(const Nic&) override {}
    void vm_link_changed(const Netdev&, bool, const std::string&) override {}
};

TEST_F(RedirectedNic, WhatAMirrorHasDeliveredIsSeenBeforeTheAnswer) {
    make("");
    net_out_->send(request());
    guest_out_->send(answer("I"));
    settle();
    EXPECT_THAT(heard_when_mirrored_, ElementsAre(0u));
    EXPECT_EQ(heard(), 1u);
}

TEST_F(RedirectedNic, AboveTheCapOutputWaitsHereForTheCheckpoint) {
    make("guest-in");
    guest_out_->send(answer("1") + answer("2") + answer("3"));
    settle();
    EXPECT_THAT(wanted_, ElementsAre(Reason::kQueueFull));
    guest_out_->send(answer("4"));
    settle();
    EXPECT_EQ(heard(), 3u);
    EXPECT_EQ(net_in_->received(), "");
    nic_->primary()->fence(2, true, loop_.now());
    nic_->touched();
    settle();
    EXPECT_EQ(net_in_->received(), answer("1") + answer("2") + answer("3"));
    EXPECT_EQ(heard(), 4u);
    EXPECT_EQ(nic_->vm().counters().refused, 0u);
}

TEST_F(RedirectedNic, WhatIsTooMuchIsDroppedAndTold) {
    make("guest-in");
    nic_->vm().set_limits({.bytes = 1000, .frames = 1});
    guest_out_->send(answer("1") + answer("2") + answer("3"));
    settle();
    guest_out_->send(answer("4") + answer("5") + answer("6"));
    settle();
    EXPECT_EQ(nic_->vm().counters().refused, 2u);
    EXPECT_THAT(drops_, ElementsAre("netdev 'vm0'"));
    nic_->primary()->fence(2, true, loop_.now());
    nic_->touched();
    settle();
    EXPECT_EQ(heard(), 4u);
}

TEST_F(RedirectedNic, BaseThatIsNotSentIsMissed) {
    make("guest-in");
    nic_->become_secondary();
    const auto said = FrameBuilder().ipv4("10.0.0.1", "10.0.0.9").tcp(80, 40000).build();
    const FlowKey flow = key_of_output(parse(said, static_cast<uint32_t>(said.size())));
    nic_->peer_offsets({flow, Base{Offset{.seq = 5}}}, 1);
    nic_->take_over();
    nic_->tell_offsets();
    EXPECT_EQ(lost_bases_, 0);
    has_room_ = false;
    nic_->tell_offsets();
    EXPECT_EQ(lost_bases_, 1);
}

TEST_F(RedirectedNic, InputWaitsHereForTheFence) {
    make("guest-in");
    nic_->pause_input(true);
    net_out_->send(request());
    settle();
    EXPECT_TRUE(heard_when_mirrored_.empty());
    nic_->pause_input(false);
    settle();
    EXPECT_EQ(heard_when_mirrored_.size(), 1u);
}

}  // namespace
}  // namespace colo
