// SPDX-License-Identifier: GPL-2.0-or-later
#include "io/host_lookup.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "tests/support/loop_rig.h"

namespace colo {
namespace {

class HostLookupTest : public LoopTest {
  protected:
    void ask(const std::string& host) {
        lookup_ = std::make_unique<HostLookup>(
            loop_.context(), host, "80", SOCK_STREAM,
            [this](std::vector<SocketAddress> addresses, const std::string& error) {
                ++answers_;
                addresses_ = std::move(addresses);
                error_ = error;
                thread_ = std::this_thread::get_id();
            });
    }

    std::unique_ptr<HostLookup> lookup_;
    int answers_ = 0;
    std::vector<SocketAddress> addresses_;
    std::string error_;
    std::thread::id thread_;
};

TEST_F(HostLookupTest, AnswersFromTheLoopAndNotBefore) {
    ask("127.0.0.1");
    EXPECT_EQ(answers_, 0);
    until([&] { return answers_ > 0; });
    ASSERT_EQ(addresses_.size(), 1u);
    EXPECT_EQ(addresses_[0].family(), AF_INET);
    EXPECT_EQ(error_, "");
    EXPECT_EQ(thread_, std::this_thread::get_id());
    settle();
    EXPECT_EQ(answers_, 1);
}

/// Without a name server, too: labels are at most 63 bytes.
TEST_F(HostLookupTest, AHostThatThereIsNotIsNamed) {
    const std::string host(64, 'x');
    ask(host);
    until([&] { return answers_ > 0; });
    EXPECT_TRUE(addresses_.empty());
    EXPECT_EQ(error_.substr(0, host.size() + 4), "'" + host + "': ");
}

TEST_F(HostLookupTest, WhoHasGoneIsToldNothing) {
    ask("127.0.0.1");
    lookup_.reset();
    ask("127.0.0.2");  // a later one has its answer
    until([&] { return answers_ > 0; });
    settle();
    EXPECT_EQ(answers_, 1);
}

TEST_F(HostLookupTest, MayBeDestroyedWhenItAnswers) {
    int answers = 0;
    std::unique_ptr<HostLookup> lookup;
    lookup = std::make_unique<HostLookup>(loop_.context(), "127.0.0.1", "80", SOCK_STREAM,
                                          [&](const std::vector<SocketAddress>&, const std::string&) {
                                              lookup.reset();
                                              ++answers;
                                          });
    until([&] { return answers > 0; });
    EXPECT_FALSE(lookup);
}

TEST_F(HostLookupTest, MoreThanThereAreThreadsAreAllAnswered) {
    constexpr int kMany = 3 * HostLookup::kMaxThreads;
    int answers = 0;
    std::vector<std::unique_ptr<HostLookup>> lookups;
    for (int i = 0; i < kMany; ++i) {
        lookups.push_back(std::make_unique<HostLookup>(
            loop_.context(), "127.0.0.1", "80", SOCK_STREAM,
            [&](const std::vector<SocketAddress>&, const std::string&) { ++answers; }));
    }
    until([&] { return answers == kMany; });
}

}  // namespace
}  // namespace colo
