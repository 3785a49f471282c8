// SPDX-License-Identifier: GPL-2.0-or-later
#include "io/address_race.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

#include "io/listener.h"
#include "tests/support/loop_rig.h"

namespace colo {
namespace {

/// A port of this host.
class Port {
  public:
    explicit Port(int backlog) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
        auto* name = reinterpret_cast<sockaddr*>(&address_.storage);
        name->sa_family = AF_INET;
        reinterpret_cast<sockaddr_in*>(name)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address_.size = sizeof(sockaddr_in);
        bind(socket_.get(), name, address_.size);
        getsockname(socket_.get(), name, &address_.size);
        if (backlog >= 0) listen(socket_.get(), backlog);
    }
    const SocketAddress& address() const { return address_; }
    bool has_client() const { return FileDescriptor(accept(socket_.get(), nullptr, nullptr)).get() >= 0; }

  private:
    FileDescriptor socket_;
    SocketAddress address_;
};

/// Nobody listens: refused.
struct ClosedPort : Port {
    ClosedPort() : Port(-1) {}
};
struct OpenPort : Port {
    OpenPort() : Port(8) {}
};
/// Its queue is full: whoever comes hears nothing.
class SilentPort : public Port {
  public:
    SilentPort() : Port(0), first_(connect_to()), second_(connect_to()) {}

  private:
    FileDescriptor connect_to() const {
        FileDescriptor fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
        connect(fd.get(), address().get(), address().size);
        return fd;
    }
    FileDescriptor first_, second_;
};

class AddressRaceTest : public LoopTest {
  protected:
    void begin(std::vector<SocketAddress> addresses) {
        race_ = std::make_unique<AddressRace>(loop_.context(), std::move(addresses),
                                              [this](FileDescriptor fd, int error) {
                                                  ++ends_;
                                                  fd_ = std::move(fd);
                                                  error_ = error;
                                              });
        race_->begin();
    }
    void finish() {
        until([&] { return ends_ > 0; });
        settle();
        EXPECT_EQ(ends_, 1);
    }

    std::unique_ptr<AddressRace> race_;
    int ends_ = 0;
    FileDescriptor fd_;
    int error_ = -1;
};

TEST_F(AddressRaceTest, AUnixSocketIsConnectedOrRefusedAtOnce) {
    const TemporaryFolder folder;
    const std::string path = folder.file("socket");
    begin({unix_address(path)});
    EXPECT_EQ(ends_, 1);
    EXPECT_FALSE(fd_);
    EXPECT_EQ(error_, ENOENT);
    const Listener listener({ListenAddress::Kind::kUnix, path, {}, {}});
    begin({unix_address(path)});
    EXPECT_EQ(ends_, 2);
    EXPECT_TRUE(fd_);
    EXPECT_EQ(error_, 0);
}

TEST_F(AddressRaceTest, WhoRefusesIsFollowedByTheNext) {
    const ClosedPort closed, closed_too;
    const OpenPort open;
    begin({closed.address(), closed_too.address(), open.address()});
    finish();
    EXPECT_TRUE(fd_);
    EXPECT_TRUE(open.has_client());
}

TEST_F(AddressRaceTest, WhenAllRefuseTheLastOneSaysWhy) {
    const ClosedPort closed;
    SocketAddress nowhere = closed.address();
    reinterpret_cast<sockaddr_in&>(nowhere.storage).sin_addr.s_addr = htonl(INADDR_BROADCAST);
    begin({closed.address(), nowhere});
    finish();
    EXPECT_FALSE(fd_);
    EXPECT_TRUE(error_ == EACCES || error_ == ENETUNREACH) << error_;
    ends_ = 0;
    begin({nowhere, closed.address()});
    finish();
    EXPECT_EQ(error_, ECONNREFUSED);
}

TEST_F(AddressRaceTest, WhoKeepsSilentDoesNotKeepTheNextOneWaiting) {
    const SilentPort silent;
    const OpenPort open;
    begin({silent.address(), open.address()});
    EXPECT_EQ(ends_, 0);
    finish();
    EXPECT_TRUE(fd_);
    EXPECT_TRUE(open.has_client());
}

TEST_F(AddressRaceTest, WhoKeepsSilentIsStillWaitedForWhenTheOthersHaveRefused) {
    const SilentPort silent;
    const ClosedPort closed;
    begin({silent.address(), closed.address()});
    bool is_later = false;
    Timer later(loop_, [&] { is_later = true; });
    later.set(loop_.now() + milliseconds(2 * AddressRace::kSilenceMs));
    until([&] { return is_later; });
    settle();
    EXPECT_EQ(ends_, 0);
    race_.reset();
    settle();
    EXPECT_EQ(ends_, 0);
}

TEST_F(AddressRaceTest, WithoutAddressesThereIsNobody) {
    begin({});
    EXPECT_EQ(ends_, 1);
    EXPECT_FALSE(fd_);
}

}  // namespace
}  // namespace colo
