// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/link_listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <list>

#include "io/stream_socket.h"
#include "tests/support/connection_rig.h"

namespace colo {
namespace {

using testing::HasSubstr;

class LinkListenerTest : public ConnectionTest, public LinkListener::Owner {
  protected:
    void listen(LinkEndpoint served) {
        served.address = {ListenAddress::Kind::kUnix, path_, {}, {}};
        LinkListener::Owner& owner = *this;
        listener_ = std::make_unique<LinkListener>(loop_, pool_, served, owner);
    }
    void listen() { listen(endpoint("server", true)); }
    void connect(ConnectedEnd& end) {
        attach(end, connect_unix(unix_address(path_)), endpoint("client", true));
    }
    void link_accepted(std::unique_ptr<LinkConnection> connection) override {
        connection->session().set_user(user_);
        accepted_.push_back(std::move(connection));
        if (on_accepted_) on_accepted_();
    }
    void link_refused(const std::string& where, const LinkStatus& why) override {
        refusals_.push_back(where + ": " + why.text);
    }

    TemporaryFolder folder_;
    const std::string path_ = folder_.file("link");
    std::unique_ptr<LinkListener> listener_;
    ConnectedUser user_;  ///< of those that were accepted
    std::list<std::unique_ptr<LinkConnection>> accepted_;
    std::vector<std::string> refusals_;
    std::function<void()> on_accepted_;
};

TEST_F(LinkListenerTest, WhoHasSaidHelloIsTheOwners) {
    listen();
    connect(client_);
    until([&] { return accepted_.size() == 1 && !client_.user.peer.empty(); });
    EXPECT_EQ(client_.user.peer, "server");
    EXPECT_EQ(accepted_.front()->session().peer_name(), "client");
    EXPECT_EQ(listener_->greeting(), 0u);
    listener_.reset();  // the link stays
    settle();
    EXPECT_EQ(client_.user.overs, 0);
}

TEST_F(LinkListenerTest, TheOwnerMayRefuseALinkThatIsUp) {
    listen();
    on_accepted_ = [&] {
        accepted_.front()->session().close({LinkCode::kRefused, "there is one already"});
        accepted_.clear();
    };
    connect(client_);
    until([&] { return client_.user.overs > 0; });
    EXPECT_EQ(client_.user.ending.text, "server: there is one already");
}

TEST_F(LinkListenerTest, NonsenseIsRefusedNamedAndCounted) {
    listen();
    Client client = Client::at_path(path_);
    client.send(std::string(100, 'x'));
    until([&] { return !refusals_.empty(); });
    EXPECT_THAT(refusals_[0], HasSubstr("a unix socket's client: peer sent "));
    EXPECT_EQ(listener_->refused(), 1u);
    EXPECT_EQ(listener_->greeting(), 0u);
}

TEST_F(LinkListenerTest, WhoSaysNothingIsGivenUpAndMakesRoom) {
    LinkEndpoint hasty = endpoint("server", false);
    hasty.config.hello_deadline = milliseconds(5);
    listen(hasty);
    std::list<Client> silent;
    for (size_t i = 0; i < LinkListener::kMaxGreeting + 5; ++i) silent.push_back(Client::at_path(path_));
    until([&] { return refusals_.size() == silent.size(); });
    for (const std::string& refusal : refusals_) EXPECT_THAT(refusal, HasSubstr("no hello within 5 ms"));
    connect(client_);
    until([&] { return accepted_.size() == 1; });
}

TEST_F(LinkListenerTest, NoMoreAreGreetedThanTheLimit) {
    listen();
    std::list<Client> silent;
    for (size_t i = 0; i < LinkListener::kMaxGreeting + 5; ++i) silent.push_back(Client::at_path(path_));
    settle();
    EXPECT_EQ(listener_->greeting(), LinkListener::kMaxGreeting);
    connect(client_);  // waits in the system's queue
    settle();
    EXPECT_EQ(client_.user.peer, "");
    silent.clear();
    until([&] { return accepted_.size() == 1 && refusals_.size() == LinkListener::kMaxGreeting + 5; });
    EXPECT_EQ(listener_->refused(), refusals_.size());
}

TEST_F(LinkListenerTest, AnAddressThatIsTakenIsNamed) {
    listen();
    try {
        LinkListener::Owner& owner = *this;
        LinkEndpoint same = endpoint("server", false);
        same.address = {ListenAddress::Kind::kUnix, path_, {}, {}};
        const LinkListener second(loop_, pool_, same, owner);
        FAIL();
    } catch (const std::runtime_error& error) {
        EXPECT_EQ(std::string(error.what()), "unix:" + path_ + ": another process listens there");
    }
}

}  // namespace
}  // namespace colo
