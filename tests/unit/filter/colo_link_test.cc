// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/colo_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "filter/host.h"
#include "monitor/json_value.h"
#include "stream_rig.h"

namespace colo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A host's end of a link, and a filter that writes down, in order, what it sees of one NIC.
class End final : private LinkNic::User {
  public:
    End(EventLoop& loop, const std::string& options)
        : host_(loop, [this](const std::string& event, const Json& data) {
              events.push_back(event + " " + data.at("state").get<std::string>());
          }),
          link_(dynamic_cast<ColoLink&>(host_.add_object(parse_options("colo-link,id=l0," + options, "qom-type")))),
          nic_(link_.nic(0)) {
        nic_.in().attach(user_, Framing::kVnet, Framing::kVnet);
        membership_.join(nic_, *this);
    }

    ~End() { nic_.in().detach(user_); }

    LinkNic& nic() { return nic_; }
    ColoLink& link() { return link_; }
    const Texts& log() const { return user_.log; }
    SendResult send(const std::string& front, const std::string& data) {
        return nic_.out().send(front.empty() ? host_.pool().copy(to_bytes(data))
                                             : host_.pool().copy_with_front(to_bytes(front), to_bytes(data)));
    }
    void ask(const std::string& data) { nic_.ask(host_.pool().copy(to_bytes(data))); }
    uint64_t figure(const std::string& name) {
        for (const Property& property : link_.properties()) {
            if (property.name == name) return std::get<uint64_t>(property.get());
        }
        return UINT64_MAX;
    }

    Texts events;
    bool takes_requests = true;

  private:
    void offsets_told(const OffsetMessage& message, bool is_current, Time) override {
        user_.log.push_back((is_current ? "offsets " : "old offsets ") + std::to_string(message.flow.guest_port));
    }
    void epoch_will_begin() override { user_.log.push_back("epoch ends"); }
    void question_came(Frame&& frame, Time) override { user_.log.push_back("question " + to_text(frame.bytes())); }
    bool checkpoint_wanted(const std::string& why) override {
        if (takes_requests) user_.log.push_back("wants " + why);
        return takes_requests;
    }

    FilterHost host_;
    ColoLink& link_;
    LinkNic& nic_;
    colo::User user_;
    LinkMembership membership_;
};

class ColoLinkTest : public FrameLoopTest {
  protected:
    std::string path() const { return folder_.file("link"); }
    std::unique_ptr<End> listen() { return std::make_unique<End>(loop_, "server=on,path=" + path()); }
    std::unique_ptr<End> connect() { return std::make_unique<End>(loop_, "path=" + path()); }
    void await_link() {
        until([&] { return a_->nic().is_up() && b_->nic().is_up(); });
    }
    /// All that `from` has sent has come.
    void pass(End& from, End& to) {
        ASSERT_EQ(from.send("", "-"), SendResult::kQueued);
        until([&] { return !to.log().empty() && to.log().back() == "-"; });
    }
    static OffsetMessage offsets_of(uint16_t port) {
        FlowKey flow;
        flow.kind = KeyKind::kIpv4;
        flow.protocol = ip_protocol::kTcp;
        flow.guest_port = port;
        return {flow, Announcement{{17, 4}, Seq(1), false}};
    }

    TemporaryFolder folder_;
    std::unique_ptr<End> a_ = listen();
    std::unique_ptr<End> b_ = connect();
};

TEST_F(ColoLinkTest, FramesOffsetsAndMarksKeepTheirOrder) {
    await_link();
    a_->send("", "one");
    a_->nic().tell(offsets_of(80));
    a_->send("", "two");
    a_->nic().begin_epoch();
    a_->nic().tell(offsets_of(81));
    pass(*a_, *b_);
    EXPECT_THAT(b_->log(), ElementsAre("opened", "one", "offsets 80", "two", "epoch ends", "offsets 81", "-"));
    EXPECT_EQ(b_->nic().epoch(), 1u);
    EXPECT_EQ(a_->figure("offsets-out"), 2u);
}

TEST_F(ColoLinkTest, FramesOfAnotherEpochAreDroppedAndCounted) {
    await_link();
    b_->send("", "sent before the mark has come");
    a_->nic().begin_epoch();
    until([&] { return a_->figure("stale") == 1; });
    pass(*a_, *b_);
    pass(*b_, *a_);
    EXPECT_THAT(a_->log(), ElementsAre("opened", "-"));
}

TEST_F(ColoLinkTest, AMarkThatIsRepeatedEndsNoEpoch) {
    await_link();
    a_->nic().begin_epoch();
    a_->nic().mark_epoch();
    pass(*a_, *b_);
    EXPECT_THAT(b_->log(), ElementsAre("opened", "epoch ends", "-"));
}

TEST_F(ColoLinkTest, VnetHeadersTravelWithTheirFrames) {
    await_link();
    for (const size_t size : {10, 12, 20}) a_->send(std::string(size, 'v'), "frame");
    a_->send("", "bare");
    pass(*a_, *b_);
    EXPECT_THAT(b_->log(), ElementsAre("opened", std::string(10, 'v') + "frame", std::string(12, 'v') + "frame",
                                       std::string(20, 'v') + "frame", "bare", "-"));
}

TEST_F(ColoLinkTest, QuestionsAndRequestsReachTheFilters) {
    await_link();
    b_->ask("who has it");
    EXPECT_TRUE(b_->nic().want_checkpoint("the table is full"));
    until([&] { return a_->log().size() == 3; });
    EXPECT_THAT(a_->log(), testing::UnorderedElementsAre("opened", "question who has it", "wants the table is full"));
}

TEST_F(ColoLinkTest, ARequestThatNobodyCanServeIsCounted) {
    await_link();
    a_->takes_requests = false;
    b_->nic().want_checkpoint("the table is full");
    until([&] { return a_->figure("unanswered") == 1; });
}

TEST_F(ColoLinkTest, WithoutAPeerNothingIsTakenAndAllIsCounted) {
    a_->send("", "x");
    EXPECT_EQ(a_->send("", "x"), SendResult::kNotConnected);
    a_->nic().tell(offsets_of(80));
    EXPECT_FALSE(a_->nic().want_checkpoint("x"));
    EXPECT_EQ(a_->nic().out().counters().not_connected, 2u);
    EXPECT_EQ(a_->figure("offsets-lost"), 1u);
}

TEST_F(ColoLinkTest, ALinkThatGoesComesBack) {
    await_link();
    b_.reset();
    until([&] { return !a_->nic().is_up(); });
    EXPECT_STREQ(a_->link().peer_state(), "lost");
    b_ = connect();
    await_link();
    EXPECT_THAT(a_->events, ElementsAre("COLO_PROXY_PEER connected", "COLO_PROXY_PEER lost",
                                        "COLO_PROXY_PEER connected"));
    EXPECT_THAT(a_->log(), ElementsAre("opened", "closed", "opened"));
    pass(*a_, *b_);
}

TEST_F(ColoLinkTest, WhoConnectsFindsTheListenerThatComesLater) {
    a_.reset();
    until([&] { return !b_->nic().is_up(); });
    settle();
    a_ = listen();
    await_link();
    pass(*b_, *a_);
}

TEST_F(ColoLinkTest, ASecondPeerIsToldThatThereIsOne) {
    await_link();
    const auto second = connect();
    const auto problem = [&] {
        for (const Property& property : second->link().properties()) {
            if (property.name == "problem") return std::get<std::string>(property.get());
        }
        return std::string();
    };
    until([&] { return !problem().empty(); });
    EXPECT_THAT(problem(), HasSubstr("there is a peer already"));
    pass(*a_, *b_);
}

}  // namespace
}  // namespace colo
