// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/link_connector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "link/link_listener.h"
#include "tests/support/connection_rig.h"

namespace colo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

/// Takes links, keeps them, and can be gone.
class Server final : private LinkListener::Owner {
  public:
    Server(EventLoop& loop, FramePool& pool, const LinkEndpoint& endpoint) {
        LinkListener::Owner& owner = *this;
        listener_ = std::make_unique<LinkListener>(loop, pool, endpoint, owner);
    }
    bool has_link() const { return link_ != nullptr; }

  private:
    void link_accepted(std::unique_ptr<LinkConnection> connection) override {
        connection->session().set_user(user_);
        link_ = std::move(connection);
    }
    void link_refused(const std::string&, const LinkStatus&) override {}

    ConnectedUser user_;
    std::unique_ptr<LinkConnection> link_;
    std::unique_ptr<LinkListener> listener_;
};

/// Greets, and ends the link.
class Refuser final : private LinkListener::Owner {
  public:
    Refuser(EventLoop& loop, FramePool& pool, const LinkEndpoint& endpoint)
        : listener_(loop, pool, endpoint, static_cast<LinkListener::Owner&>(*this)) {}

  private:
    void link_accepted(std::unique_ptr<LinkConnection> connection) override {
        connection->session().close({LinkCode::kRefused, "there is a peer already"});
    }
    void link_refused(const std::string&, const LinkStatus&) override {}

    LinkListener listener_;
};

class LinkConnectorTest : public ConnectionTest, public LinkConnector::Owner {
  protected:
    LinkEndpoint at_path(const char* name) const {
        LinkEndpoint there = endpoint(name, false);
        there.address = {ListenAddress::Kind::kUnix, path_, {}, {}};
        return there;
    }
    void connect() {
        LinkConnector::Owner& owner = *this;
        connector_ = std::make_unique<LinkConnector>(loop_, pool_, at_path("client"), owner);
    }
    void serve() { server_side_ = std::make_unique<Server>(loop_, pool_, at_path("server")); }
    void expect_growing_pauses(const std::vector<Time>& attempts) {
        for (size_t i = 1; i < attempts.size(); ++i) {
            const auto pause = milliseconds(LinkConnector::kFirstPauseMs << (i - 1));
            EXPECT_GE(attempts[i] - attempts[i - 1], pause - milliseconds(1)) << i;
        }
    }
    void link_connected(LinkConnection& connection) override {
        ++connected_;
        connection.session().set_user(user_);
    }
    void link_failed(const LinkStatus& why) override {
        failures_.push_back(why.text);
        if (on_failure_) on_failure_();
    }

    TemporaryFolder folder_;
    const std::string path_ = folder_.file("link");
    std::unique_ptr<Server> server_side_;
    ConnectedUser user_;
    std::unique_ptr<LinkConnector> connector_;
    int connected_ = 0;
    std::vector<std::string> failures_;
    std::function<void()> on_failure_;
};

TEST_F(LinkConnectorTest, ConnectsAndIsUp) {
    serve();
    connect();
    EXPECT_EQ(connector_->connection(), nullptr);
    until([&] { return connected_ == 1; });
    ASSERT_NE(connector_->session(), nullptr);
    EXPECT_EQ(connector_->session()->peer_name(), "server");
    EXPECT_EQ(connector_->connection()->where(), "unix:" + path_);
}

TEST_F(LinkConnectorTest, TriesAgainUntilSomebodyIsThereAndTellsOnce) {
    connect();
    until([&] { return !failures_.empty(); });
    Timer later(loop_, [&] { serve(); });
    later.set(loop_.now() + milliseconds(2 * LinkConnector::kFirstPauseMs));  // another attempt has failed alike
    until([&] { return connected_ == 1; });
    EXPECT_THAT(failures_, ElementsAre("cannot connect to unix:" + path_ + ": No such file or directory"));
}

/// Who accepts and leaves: each attempt can be seen. Timers are never early.
TEST_F(LinkConnectorTest, PausesGrow) {
    const Listener listener({ListenAddress::Kind::kUnix, path_, {}, {}});
    std::vector<Time> attempts;
    const SourcePtr accepts = watch_fd(loop_.context(), listener.fd(), G_IO_IN, [&] {
        FileDescriptor(accept(listener.fd(), nullptr, nullptr));
        attempts.push_back(std::chrono::steady_clock::now().time_since_epoch());
    });
    connect();
    until([&] { return attempts.size() == 4; });
    expect_growing_pauses(attempts);
    EXPECT_THAT(failures_, SizeIs(1));
    EXPECT_THAT(failures_[0], HasSubstr("the other end closed it"));
}

TEST_F(LinkConnectorTest, PausesGrowWhereEachLinkIsRefusedOnceItIsUp) {
    const Refuser refuser(loop_, pool_, at_path("server"));
    std::vector<Time> attempts;
    user_.on_over = [&] {
        attempts.push_back(loop_.now());
        connector_->reconnect();
    };
    connect();
    until([&] { return attempts.size() == 4; });
    EXPECT_EQ(connected_, 4);
    EXPECT_EQ(user_.ending.code, LinkCode::kRefused);
    expect_growing_pauses(attempts);
}

TEST_F(LinkConnectorTest, ALinkThatIsLostIsMadeAgain) {
    serve();
    connect();
    until([&] { return connected_ == 1; });
    user_.on_over = [&] { connector_->reconnect(); };
    until([&] { return server_side_->has_link(); });
    server_side_.reset();
    until([&] { return user_.overs == 1; });
    EXPECT_EQ(connector_->session(), nullptr);
    serve();
    until([&] { return connected_ == 2; });
    EXPECT_EQ(connector_->session()->peer_name(), "server");
}

TEST_F(LinkConnectorTest, AServerThatRefusesIsQuoted) {
    LinkEndpoint picky = at_path("server");
    picky.config.capabilities = {{"colo-pair", "1", true}};
    server_side_ = std::make_unique<Server>(loop_, pool_, picky);
    connect();
    until([&] { return !failures_.empty(); });
    EXPECT_THAT(failures_[0], HasSubstr("colo-pair"));
    EXPECT_EQ(connected_, 0);
}

TEST_F(LinkConnectorTest, MayBeDestroyedWhenItTellsAFailure) {
    connect();
    on_failure_ = [&] { connector_.reset(); };
    until([&] { return !connector_; });
    settle();
    EXPECT_EQ(failures_.size(), 1u);
}

}  // namespace
}  // namespace colo
