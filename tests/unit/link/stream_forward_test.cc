// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/stream_forward.h"

#include <gtest/gtest.h>

#include "io/listener.h"
#include "tests/support/connection_rig.h"

namespace colo {
namespace {

class StreamForwardTest : public ConnectionTest {
  protected:
    StreamForwardTest() {
        join();
        server_.user.on_offer = [this](std::unique_ptr<Stream> stream) {
            forward_ = std::make_unique<StreamForward>(loop_, std::move(stream), target_, "the target",
                                                       [this](const LinkStatus& status) {
                                                           ++dones_;
                                                           status_ = status;
                                                           forward_.reset();
                                                       });
            if (on_forward_) on_forward_();
        };
    }
    void open() {
        stream_ = client_.session().open("forwarded");
        stream_->set_user(&user_);
    }
    void until_over() {
        until([&] { return dones_ > 0 && user_.overs > 0; });
        settle();
        EXPECT_EQ(dones_, 1);
        EXPECT_EQ(user_.overs, 1);
    }

    TemporaryFolder folder_;
    ListenAddress target_{ListenAddress::Kind::kUnix, folder_.file("target"), {}, {}};
    RecordingUser user_;
    std::unique_ptr<Stream> stream_;
    std::unique_ptr<StreamForward> forward_;
    std::function<void()> on_forward_;
    int dones_ = 0;
    LinkStatus status_;
};

TEST_F(StreamForwardTest, WhatWasWrittenBeforeItConnectedArrives) {
    const Listener listener(target_);
    open();
    stream_->write(as_bytes("early"));
    until([&] { return forward_ && forward_->is_connected(); });
    const FileDescriptor client(accept(listener.fd(), nullptr, nullptr));
    std::string got(5, 0);
    until([&] { return recv(client.get(), got.data(), got.size(), MSG_DONTWAIT) == 5; });
    EXPECT_EQ(got, "early");
}

TEST_F(StreamForwardTest, ATcpTargetByName) {
    const Listener listener({ListenAddress::Kind::kTcp, {}, "127.0.0.1", "0"});
    target_ = {ListenAddress::Kind::kTcp, {}, "localhost", listener.name().substr(listener.name().rfind(':') + 1)};
    open();
    until([&] { return forward_ && forward_->is_connected(); });
}

TEST_F(StreamForwardTest, NobodyThereIsToldToBothEnds) {
    open();
    until_over();
    EXPECT_EQ(status_.code, LinkCode::kFailed);
    EXPECT_EQ(status_.text, "cannot connect to the target: No such file or directory");
    EXPECT_EQ(user_.last.text, "server: cannot connect to the target: No such file or directory");
}

TEST_F(StreamForwardTest, MayBeCancelledBeforeItIsConnected) {
    on_forward_ = [&] { forward_->cancel({LinkCode::kCancelled, "enough"}); };
    open();
    until_over();
    EXPECT_EQ(status_.text, "enough");
    EXPECT_EQ(user_.last.text, "server: enough");
}

TEST_F(StreamForwardTest, AStreamThatIsOverBeforeItIsConnectedEndsIt) {
    target_ = {ListenAddress::Kind::kTcp, {}, "localhost", "1"};  // looked up in a thread
    on_forward_ = [&] { stream_->abort({LinkCode::kCancelled, "never mind"}); };
    open();
    until([&] { return dones_ > 0; });
    EXPECT_EQ(status_.text, "client: never mind");
    settle();
    EXPECT_EQ(dones_, 1);
}

TEST_F(StreamForwardTest, DestroyingItEndsTheStream) {
    const Listener listener(target_);
    open();
    until([&] { return forward_ && forward_->is_connected(); });
    forward_.reset();
    until([&] { return user_.overs > 0; });
    EXPECT_EQ(user_.last.code, LinkCode::kCancelled);
    EXPECT_EQ(dones_, 0);
}

}  // namespace
}  // namespace colo
