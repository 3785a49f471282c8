// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/link_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>

#include "io/listener.h"
#include "tests/support/connection_rig.h"

namespace colo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// An end that a test speaks for.
class RawPeer {
  public:
    explicit RawPeer(FileDescriptor fd) : fd_(std::move(fd)) {}

    void send(Bytes bytes) { EXPECT_EQ(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), ssize_t(bytes.size())); }
    void hello() {
        Hello hello;
        hello.stream_window = 1000;
        hello.max_streams = 1;
        hello.name = "raw";
        message(kHello, encode(hello));
    }
    void goodbye(const std::string& text) { message(kGoodbye, as_bytes(text)); }
    std::string received() {
        std::string bytes(1 << 16, 0);
        const ssize_t size = recv(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
        bytes.resize(size < 0 ? 0 : static_cast<size_t>(size));
        return bytes;
    }
    void close() { fd_ = {}; }

  private:
    void message(uint32_t procedure, Bytes payload) {
        MessageHeader header;
        header.procedure = procedure;
        header.length = static_cast<uint32_t>(kHeaderBytes + payload.size());
        std::vector<uint8_t> bytes(kHeaderBytes);
        encode(header, bytes.data());
        bytes.insert(bytes.end(), payload.begin(), payload.end());
        send(bytes);
    }

    FileDescriptor fd_;
};

class LinkConnectionTest : public ConnectionTest {
  protected:
    RawPeer join_raw(const LinkEndpoint& endpoint) {
        auto [near, far] = socket_pair();
        attach(client_, std::move(near), endpoint);
        return RawPeer(std::move(far));
    }
    RawPeer join_raw() { return join_raw(endpoint("client", true)); }
    void until_over() {
        until([&] { return client_.user.overs > 0; });
    }
};

TEST_F(LinkConnectionTest, CarriesMessagesPacketsAndStreams) {
    join();
    EXPECT_EQ(client_.user.peer, "server");
    EXPECT_EQ(server_.user.peer, "client");
    EXPECT_FALSE(client_.connection->is_encrypted());
    std::unique_ptr<Stream> offered;
    server_.user.on_offer = [&](std::unique_ptr<Stream> stream) { offered = std::move(stream); };
    const auto stream = client_.session().open("service", "argument");
    EXPECT_EQ(stream->write(as_bytes("bytes")), 5u);
    client_.session().message(7, 0, as_bytes("told"));
    client_.session().send_packet({1, 0, 0}, as_bytes("frame"));
    until([&] { return offered && !offered->peek().empty() && !server_.user.packets.empty(); });
    EXPECT_EQ(offered->argument(), "argument");
    EXPECT_EQ(as_text(offered->peek()), "bytes");
    EXPECT_THAT(server_.user.messages, ElementsAre("told"));
    EXPECT_THAT(server_.user.packets, ElementsAre("frame"));
}

TEST_F(LinkConnectionTest, WhatIsSaidInATurnIsWrittenTogether) {
    join();
    settle();
    const uint64_t writes = client_.connection->counters().writes;
    for (int i = 0; i < 40; ++i) client_.session().send_packet({1, 0, 0}, std::vector<uint8_t>(1448));
    until([&] { return server_.user.packets.size() == 40; });
    EXPECT_EQ(client_.connection->counters().writes, writes + 1);
}

TEST_F(LinkConnectionTest, ATcpSocketIsKeptAliveAndHoldsLittle) {
    const FileDescriptor fd(socket(AF_INET, SOCK_STREAM, 0));
    set_link_socket_options(fd.get(), {ListenAddress::Kind::kTcp, {}, "127.0.0.1", "1"});
    const auto option = [&](int level, int name) {
        int value = 0;
        socklen_t size = sizeof(value);
        getsockopt(fd.get(), level, name, &value, &size);
        return value;
    };
    EXPECT_NE(option(IPPROTO_TCP, TCP_NODELAY), 0);
    EXPECT_NE(option(SOL_SOCKET, SO_KEEPALIVE), 0);
    EXPECT_EQ(option(IPPROTO_TCP, TCP_NOTSENT_LOWAT), 128 << 10);  // docs/link.md, Order
}

TEST_F(LinkConnectionTest, APeerThatClosesIsNamed) {
    RawPeer peer = join_raw();
    peer.close();
    until_over();
    EXPECT_EQ(client_.user.ending.code, LinkCode::kLinkLost);
    EXPECT_EQ(client_.user.ending.text, "the link with somewhere: the other end closed it");
}

TEST_F(LinkConnectionTest, APeerThatDiesWithSomethingUnreadHasClosedItToo) {
    RawPeer peer = join_raw();
    peer.hello();
    until([&] { return !client_.user.peer.empty(); });
    peer.close();  // with our hello unread: a reset
    until_over();
    EXPECT_EQ(client_.user.ending.text, "the link with raw (somewhere): the other end closed it");
}

TEST_F(LinkConnectionTest, ThePeersLastWordsAreHeardAlthoughNothingCanBeWrittenAnyMore) {
    RawPeer peer = join_raw();
    peer.hello();
    until([&] { return !client_.user.peer.empty(); });
    peer.received();
    client_.session().send_packet({1, 0, 0}, as_bytes("nobody takes this"));
    peer.goodbye("the disk is full");
    peer.close();
    until_over();
    EXPECT_EQ(client_.user.ending.text, "raw: the disk is full");
}

TEST_F(LinkConnectionTest, OurLastWordsArriveWhenItIsDestroyed) {
    join();
    client_.session().close({LinkCode::kGoodbye, "that was all"});
    client_.connection.reset();
    until([&] { return server_.user.overs > 0; });
    EXPECT_EQ(server_.user.ending.text, "client: that was all");
}

TEST_F(LinkConnectionTest, AHelloThatDoesNotComeEndsIt) {
    LinkEndpoint hasty = endpoint("client", true);
    hasty.config.hello_deadline = milliseconds(2);
    RawPeer peer = join_raw(hasty);
    until_over();
    EXPECT_EQ(client_.user.ending.code, LinkCode::kTimeout);
    EXPECT_THAT(peer.received(), HasSubstr("no hello within 2 ms"));
}

TEST_F(LinkConnectionTest, SilenceEndsItAndHeartbeatsKeepItUp) {
    LinkEndpoint hasty = endpoint("client", true);
    hasty.config.heartbeat_interval = milliseconds(1);
    hasty.config.deadline = milliseconds(20);
    RawPeer peer = join_raw(hasty);
    peer.hello();
    until_over();
    EXPECT_EQ(client_.user.ending.text, "nothing heard of raw for 20 ms");
    EXPECT_GT(client_.session().counters().heartbeats_out, 0u);
}

TEST_F(LinkConnectionTest, MayBeDestroyedInEachCallback) {
    const std::pair<const char*, std::function<void(ConnectedUser&, std::function<void()>)>> cases[] = {
        {"up", [](ConnectedUser& user, auto destroy) { user.on_up = destroy; }},
        {"packet", [](ConnectedUser& user, auto destroy) { user.on_packet = destroy; }},
        {"over", [](ConnectedUser& user, auto destroy) { user.on_over = destroy; }},
    };
    for (const auto& [name, arrange] : cases) {
        ConnectedEnd server;
        ConnectedEnd client;
        arrange(server.user, [&] { server.connection.reset(); });
        auto [near, far] = socket_pair();
        attach(client, std::move(near), endpoint("client", true));
        attach(server, std::move(far), endpoint("server", false));
        client.user.on_up = [&] {
            for (int i = 0; i < 3; ++i) client.session().send_packet({1, 0, 0}, as_bytes("frame"));
        };
        until([&] { return !server.connection || server.user.packets.size() == 3; });
        client.session().close({LinkCode::kGoodbye, "done"});
        until([&] { return !server.connection; });
        settle();
        EXPECT_LE(server.user.packets.size(), std::string(name) == "over" ? 3u : 1u) << name;
    }
}

TEST_F(LinkConnectionTest, WhoDoesNotReadKeepsNobodyWaiting) {
    RawPeer peer = join_raw();
    peer.hello();
    until([&] { return !client_.user.peer.empty(); });
    const std::vector<uint8_t> packet(60'000);
    while (client_.session().send_packet({1, 0, 0}, packet) == PacketResult::kQueued) settle();
    EXPECT_GT(client_.session().counters().packets_full, 0u);
    EXPECT_LE(client_.session().queued_packets(), LinkConfig().max_packet_bytes);
    EXPECT_EQ(client_.user.overs, 0);
}

}  // namespace
}  // namespace colo
