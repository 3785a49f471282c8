// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/stream_pump.h"

#include <gtest/gtest.h>

#include "tests/support/connection_rig.h"

namespace colo {
namespace {

/// Reads what there is; at_end: there will be no more.
struct Socket {
    explicit Socket(FileDescriptor socket = {}) : fd(std::move(socket)) {}

    size_t write(const std::string& text) {
        const ssize_t size = send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        return size < 0 ? 0 : static_cast<size_t>(size);
    }
    void finish() { shutdown(fd.get(), SHUT_WR); }
    const std::string& read() {
        std::string bytes(1 << 16, 0);
        for (;;) {
            const ssize_t size = recv(fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
            at_end = at_end || size == 0 || (size < 0 && errno != EAGAIN);
            if (size <= 0) return got;
            got.append(bytes, 0, static_cast<size_t>(size));
        }
    }

    FileDescriptor fd;
    std::string got;
    bool at_end = false;
};

/// near <-> pump <-> stream <-> link <-> stream <-> pump <-> far
class StreamPumpTest : public ConnectionTest {
  protected:
    struct Side {
        Socket socket;
        std::unique_ptr<StreamPump> pump;
        int dones = 0;
        LinkStatus status;
    };

    StreamPumpTest() {
        join();
        server_.user.on_offer = [this](std::unique_ptr<Stream> stream) { pump(far_, std::move(stream), "the target"); };
        pump(near_, client_.session().open("pumped"), "the client");
        until([&] { return far_.pump != nullptr; });
    }
    void pump(Side& side, std::unique_ptr<Stream> stream, const char* what) {
        auto [ours, pumped] = socket_pair();
        side.socket = Socket(std::move(ours));
        side.pump = std::make_unique<StreamPump>(loop_, std::move(stream), std::move(pumped), what,
                                                 [&side](const LinkStatus& status) {
                                                     ++side.dones;
                                                     side.status = status;
                                                     side.pump.reset();
                                                 });
    }
    void until_done() {
        until([&] { return near_.dones > 0 && far_.dones > 0; });
        settle();
        EXPECT_EQ(near_.dones, 1);
        EXPECT_EQ(far_.dones, 1);
    }
    /// Until nothing moves any more and nobody has read.
    void fill() {
        const std::string block(1 << 16, 'x');
        for (;;) {
            const size_t written = near_.socket.write(block);
            if (!loop_.iterate(false) && written == 0) return;
        }
    }

    Side near_;
    Side far_;
};

TEST_F(StreamPumpTest, CarriesBytesBothWays) {
    near_.socket.write("question");
    until([&] { return far_.socket.read() == "question"; });
    far_.socket.write("answer");
    until([&] { return near_.socket.read() == "answer"; });
}

TEST_F(StreamPumpTest, HalfCloseIsKeptInEitherDirection) {
    near_.socket.write("question");
    near_.socket.finish();
    until([&] { return far_.socket.read() == "question" && far_.socket.at_end; });
    settle();
    EXPECT_EQ(near_.dones, 0);
    EXPECT_FALSE(near_.socket.at_end);
    far_.socket.write("an answer, ");
    until([&] { return near_.socket.read() == "an answer, "; });
    far_.socket.write("and the rest of it");
    far_.socket.finish();
    until([&] { return near_.socket.read() == "an answer, and the rest of it" && near_.socket.at_end; });
    until_done();
    EXPECT_TRUE(near_.status.ok());
    EXPECT_TRUE(far_.status.ok());
}

TEST_F(StreamPumpTest, MuchArrivesWholeAtAReaderWhoIsSlow) {
    std::string much;
    for (size_t i = 0; much.size() < 3'000'000; ++i) much += std::to_string(i);
    size_t sent = 0;
    bool reads = false;
    until([&] {
        sent += near_.socket.write(much.substr(sent, 50'000));
        if (sent == much.size()) near_.socket.finish();
        reads = !reads;
        if (reads) far_.socket.read();
        return far_.socket.at_end;
    });
    EXPECT_EQ(far_.socket.got, much);
}

TEST_F(StreamPumpTest, WhoDoesNotReadStopsTheOtherEndsSource) {
    fill();
    EXPECT_LE(near_.pump->stream().bytes_out(), 2 * StreamLimits().window);
    EXPECT_EQ(near_.dones, 0);
    const std::string& got = far_.socket.read();
    until([&] { return far_.socket.read().size() > got.size() || near_.socket.write("x") > 0; });
}

TEST_F(StreamPumpTest, ACancelIsAtOnceWhileNobodyReads) {
    const std::pair<Side*, Side*> cases[] = {{&near_, &far_}, {&far_, &near_}};
    for (const auto& [cancels, other] : cases) {
        if (!near_.pump) {
            near_.dones = far_.dones = 0;
            pump(near_, client_.session().open("pumped"), "the client");
            until([&] { return far_.pump != nullptr; });
        }
        fill();
        cancels->pump->cancel({LinkCode::kCancelled, "enough"});
        EXPECT_EQ(cancels->dones, 0);  // not within the call
        until_done();
        EXPECT_EQ(cancels->status.text, "enough");
        EXPECT_EQ(other->status.code, LinkCode::kCancelled);
        near_.socket.read();
        far_.socket.read();
        EXPECT_TRUE(near_.socket.at_end && far_.socket.at_end);
    }
}

TEST_F(StreamPumpTest, ASocketThatClosesIsNamedAtBothEndsWithTheBytes) {
    near_.socket.write(std::string(1234, 'x'));
    until([&] { return far_.socket.read().size() == 1234; });
    far_.socket.fd = {};
    until([&] {
        near_.socket.write("more");
        return far_.dones > 0;
    });
    until_done();
    EXPECT_EQ(far_.status.code, LinkCode::kFailed);
    EXPECT_TRUE(far_.status.text.starts_with("the target closed its socket after 1,2")) << far_.status.text;
    EXPECT_TRUE(near_.status.text.starts_with("server: the target closed its socket after 1,2")) << near_.status.text;
    EXPECT_NE(near_.status.text.find(" sent, 0 bytes received of pumped)"), std::string::npos) << near_.status.text;
}

TEST_F(StreamPumpTest, TheEndOfTheLinkEndsItAndClosesTheSocket) {
    near_.socket.write("x");
    until([&] { return far_.socket.read() == "x"; });
    server_.session().close({LinkCode::kGoodbye, "leaving"});
    until_done();
    EXPECT_EQ(near_.status.code, LinkCode::kLinkLost);
    near_.socket.read();
    EXPECT_TRUE(near_.socket.at_end);
}

TEST(BytesText, HasAGroupEveryThreeDigits) {
    EXPECT_EQ(bytes_text(0), "0 bytes");
    EXPECT_EQ(bytes_text(1), "1 byte");
    EXPECT_EQ(bytes_text(999), "999 bytes");
    EXPECT_EQ(bytes_text(1000), "1,000 bytes");
    EXPECT_EQ(bytes_text(1'204'224), "1,204,224 bytes");
}

}  // namespace
}  // namespace colo
