// SPDX-License-Identifier: GPL-2.0-or-later
#include "io/socket_connector.h"

#include <gtest/gtest.h>

#include <memory>

#include "io/listener.h"
#include "tests/support/loop_rig.h"

namespace colo {
namespace {

class SocketConnectorTest : public LoopTest {
  protected:
    static ListenAddress tcp(const std::string& host, const std::string& port) {
        return {ListenAddress::Kind::kTcp, {}, host, port};
    }
    static std::string port_of(const Listener& listener) {
        return listener.name().substr(listener.name().rfind(':') + 1);
    }
    void connect(const ListenAddress& peer) {
        connector_ = std::make_unique<SocketConnector>(loop_.context(), peer,
                                                       [this](FileDescriptor fd, const std::string& error) {
                                                           connector_.reset();
                                                           ++ends_;
                                                           fd_ = std::move(fd);
                                                           error_ = error;
                                                       });
        connector_->begin();
    }
    void finish() {
        until([&] { return ends_ > 0; });
        settle();
        EXPECT_EQ(ends_, 1);
    }

    std::unique_ptr<SocketConnector> connector_;
    int ends_ = 0;
    FileDescriptor fd_;
    std::string error_;
};

TEST_F(SocketConnectorTest, OfAUnixSocketAllIsToldWithinTheCall) {
    const TemporaryFolder folder;
    connect({ListenAddress::Kind::kUnix, folder.file("none"), {}, {}});
    EXPECT_EQ(ends_, 1);
    EXPECT_FALSE(fd_);
    EXPECT_EQ(error_, "No such file or directory");
}

TEST_F(SocketConnectorTest, ANumberIsConnectedTo) {
    const Listener listener(tcp("127.0.0.1", "0"));
    connect(tcp("127.0.0.1", port_of(listener)));
    finish();
    EXPECT_TRUE(fd_);
    EXPECT_EQ(error_, "");
}

TEST_F(SocketConnectorTest, ANameIsLookedUpWhileTheLoopGoesOn) {
    const Listener listener(tcp("127.0.0.1", "0"));
    connect(tcp("localhost", port_of(listener)));
    EXPECT_EQ(ends_, 0);
    finish();
    EXPECT_TRUE(fd_) << error_;
}

TEST_F(SocketConnectorTest, ANameThatThereIsNotIsTheError) {
    const std::string host(64, 'x');
    connect(tcp(host, "1"));
    EXPECT_EQ(ends_, 0);
    finish();
    EXPECT_FALSE(fd_);
    EXPECT_NE(error_.find(host), std::string::npos) << error_;
}

TEST_F(SocketConnectorTest, WhoIsDestroyedTellsNothing) {
    connect(tcp("localhost", "1"));
    connector_.reset();
    connect(tcp(std::string(64, 'x'), "1"));
    finish();
}

}  // namespace
}  // namespace colo
