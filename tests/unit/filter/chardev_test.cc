// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/chardev.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "filter/chardev_factory.h"
#include "stream_rig.h"
#include "tests/support/certificate_folder.h"

namespace colo {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ChardevTest : public FrameLoopTest {
  protected:
    std::unique_ptr<Chardev> make(const std::string& text) {
        const auto find_tls = [this](const std::string& who, const SocketOptions& socket) {
            if (!std::filesystem::exists(path_of(socket.tls_creds))) throw std::invalid_argument(who + ": no such");
            const TlsRole role = socket.is_server ? TlsRole::kServer : TlsRole::kClient;
            return std::make_shared<TlsCredentials>(
                TlsCredentials::Options{path_of(socket.tls_creds), role, socket.address.host, {}});
        };
        return make_chardev(loop_, pool_, parse_options(text, kChardevImpliedKey), find_tls);
    }
    std::unique_ptr<Chardev> server(const std::string& id) {
        return make("socket,id=" + id + ",path=" + path(id) + ",server=on,wait=off");
    }
    std::unique_ptr<Chardev> client(const std::string& of, const std::string& more = "") {
        return make("socket,id=to-" + of + ",path=" + path(of) + more);
    }
    std::string path(const std::string& id) const { return folder_.file(id + ".sock"); }
    std::string path_of(const std::string& creds) const { return folder_.file(creds); }
    std::string error_of(const std::string& text) {
        try {
            make(text);
        } catch (const std::exception& error) {
            return error.what();
        }
        return "no error";
    }
    void attach(Chardev& chardev, User& user) {
        chardev.attach(user, Framing::kPlain, Framing::kPlain);
    }

    TemporaryFolder folder_;
    User user_;
    User other_user_;
};

TEST_F(ChardevTest, AServerTakesAndGivesFrames) {
    const auto chardev = server("pri");
    attach(*chardev, user_);
    Client peer = Client::at_path(path("pri"));
    peer.send(plain("hello"));
    until([&] { return user_.log.size() == 2; });
    EXPECT_THAT(user_.log, ElementsAre("opened", "hello"));
    EXPECT_EQ(chardev->send(frame("answer")), SendResult::kQueued);
    settle();
    EXPECT_EQ(peer.received(), plain("answer"));
}

TEST_F(ChardevTest, AServerServesTheNextClientWhenTheFirstHasGone) {
    const auto chardev = server("pri");
    attach(*chardev, user_);
    Client first = Client::at_path(path("pri"));
    first.send(plain("first"));
    settle();
    Client second = Client::at_path(path("pri"));
    second.send(plain("second"));
    settle();
    EXPECT_THAT(user_.log, ElementsAre("opened", "first"));
    first.leave();
    settle();
    EXPECT_THAT(user_.log, ElementsAre("opened", "first", "closed", "opened", "second"));
}

TEST_F(ChardevTest, AClientThatLiesIsDisconnectedAndMayComeBack) {
    const auto chardev = server("pri");
    const auto other = server("sec");
    attach(*chardev, user_);
    attach(*other, other_user_);
    Client liar = Client::at_path(path("pri"));
    Client honest = Client::at_path(path("sec"));
    liar.send(be32(0xffffffff) + std::string(1000, 'x'));
    honest.send(plain("one"));
    settle();
    EXPECT_TRUE(liar.at_end());
    EXPECT_THAT(user_.log, ElementsAre("opened", "closed"));
    EXPECT_EQ(chardev->counters().bad_lengths, 1u);
    honest.send(plain("two"));
    Client back = Client::at_path(path("pri"));
    back.send(plain("sorry"));
    settle();
    EXPECT_THAT(user_.log, ElementsAre("opened", "closed", "opened", "sorry"));
    EXPECT_THAT(other_user_.log, ElementsAre("opened", "one", "two"));
}

TEST_F(ChardevTest, AClientReachesAServerOfItsOwnProcess) {
    const auto to = make("socket,id=pri,path=" + path("pri") + ",server=on,wait=on");
    EXPECT_TRUE(to->is_waiting());
    const auto from = client("pri");
    EXPECT_FALSE(from->is_waiting());
    EXPECT_TRUE(from->is_connected());
    until([&] { return !to->is_waiting(); });
    attach(*to, user_);
    attach(*from, other_user_);
    from->send(frame("within"));
    until([&] { return !user_.log.empty(); });
    EXPECT_THAT(user_.log, ElementsAre("within"));
    EXPECT_THAT(other_user_.log, IsEmpty());
}

TEST_F(ChardevTest, WaitIsOnUnlessToldOtherwise) {
    const auto chardev = make("socket,id=pri,path=" + path("pri") + ",server=on");
    EXPECT_TRUE(chardev->is_waiting());
    Client peer = Client::at_path(path("pri"));
    until([&] { return chardev->is_connected(); });
    EXPECT_FALSE(chardev->is_waiting());
    peer.leave();
    until([&] { return !chardev->is_connected(); });
    EXPECT_FALSE(chardev->is_waiting());
}

TEST_F(ChardevTest, AClientWithReconnectComesWhenTheServerDoes) {
    const auto chardev = client("late", ",reconnect=1");
    attach(*chardev, user_);
    EXPECT_FALSE(chardev->is_connected());
    EXPECT_FALSE(chardev->is_waiting());
    EXPECT_EQ(chardev->counters().connect_failures, 1u);
    EXPECT_EQ(chardev->send(frame("nobody")), SendResult::kNotConnected);
    auto late = server("late");
    attach(*late, other_user_);
    until([&] { return chardev->is_connected(); });
    chardev->send(frame("somebody"));
    until([&] { return other_user_.log.size() == 2; });
    EXPECT_THAT(other_user_.log, ElementsAre("opened", "somebody"));
    late.reset();
    until([&] { return user_.log.size() == 2; });
    late = server("late");
    until([&] { return user_.log.size() == 3; });
    EXPECT_THAT(user_.log, ElementsAre("opened", "closed", "opened"));
}

TEST_F(ChardevTest, AClientWithoutReconnectMustSucceed) {
    EXPECT_EQ(error_of("socket,id=c,path=" + path("none")),
              "chardev 'c': cannot connect to unix:" + path("none") +
                  ": No such file or directory");
}

TEST_F(ChardevTest, TcpWorksAsWell) {
    const auto to = make("socket,id=to,host=127.0.0.1,port=0,server=on,wait=off");
    attach(*to, user_);
    const std::string name = to->name();
    ASSERT_THAT(name, HasSubstr("tcp:127.0.0.1:"));
    const std::string port = name.substr(name.rfind(':') + 1);
    const auto from = make("socket,id=from,host=127.0.0.1,port=" + port);
    attach(*from, other_user_);
    until([&] { return to->is_connected() && from->is_connected(); });
    EXPECT_FALSE(from->is_waiting());
    from->send(frame(std::string(60000, 'x')));
    until([&] { return user_.log.size() == 2; });
    EXPECT_EQ(user_.log[1], std::string(60000, 'x'));
}

TEST_F(ChardevTest, ATcpClientThatIsRefusedCannotBeWaitedFor) {
    int port = 0;
    {
        const auto gone = make("socket,id=gone,host=127.0.0.1,port=0,server=on,wait=off");
        port = std::stoi(gone->name().substr(gone->name().rfind(':') + 1));
    }
    const auto attempt = [&] {
        const auto chardev = make("socket,id=c,host=127.0.0.1,port=" + std::to_string(port));
        until([&] { return !chardev->is_waiting(); });
    };
    try {
        attempt();
        FAIL();
    } catch (const std::runtime_error& error) {
        EXPECT_THAT(error.what(), HasSubstr("chardev 'c': cannot connect to tcp:127.0.0.1:"));
    }
}

TEST_F(ChardevTest, HasOneUser) {
    const auto chardev = server("pri");
    attach(*chardev, user_);
    try {
        attach(*chardev, other_user_);
        FAIL();
    } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "Device 'pri' is in use");
    }
    chardev->detach(other_user_);
    EXPECT_TRUE(chardev->is_in_use());
    chardev->detach(user_);
    EXPECT_NO_THROW(attach(*chardev, other_user_));
}

TEST_F(ChardevTest, BetweenUsersFramesAreDiscardedAndCounted) {
    const auto chardev = server("pri");
    Client peer = Client::at_path(path("pri"));
    attach(*chardev, user_);
    peer.send(plain("one"));
    settle();
    chardev->detach(user_);
    peer.send(plain("two") + be32(5) + "thr");
    settle();
    chardev->attach(other_user_, Framing::kVnet, Framing::kPlain);
    peer.send("ee");
    settle();
    EXPECT_EQ(chardev->counters().bad_lengths, 0u);
    peer.send(vnet("", "four"));
    settle();
    EXPECT_THAT(user_.log, ElementsAre("opened", "one"));
    EXPECT_EQ(chardev->counters().discarded, 1u);
    EXPECT_THAT(other_user_.log, Contains("four"));
}

TEST_F(ChardevTest, TheTwoDirectionsMayBeFramedDifferently) {
    const auto chardev = server("notify");
    chardev->attach(user_, Framing::kVnet, Framing::kPlain);
    Client peer = Client::at_path(path("notify"));
    peer.send(vnet("", "COLO_CHECKPOINT"));
    settle();
    EXPECT_THAT(user_.log, ElementsAre("opened", "COLO_CHECKPOINT"));
    chardev->send(frame("DO_CHECKPOINT"));
    settle();
    EXPECT_EQ(peer.received(), plain("DO_CHECKPOINT"));
}

TEST_F(ChardevTest, MayBeRemovedByItsUserInAnyCall) {
    for (const std::string event : {"frame", "closed"}) {
        User user;
        auto chardev = server(event);
        attach(*chardev, user);
        Client peer = Client::at_path(path(event));
        if (event == "frame") {
            user.on_frame = [&] { chardev.reset(); };
        } else {
            user.on_closed = [&] { chardev.reset(); };
        }
        peer.send(plain("one") + plain("two"));
        settle();
        peer.leave();
        settle();
        EXPECT_FALSE(chardev) << event;
        EXPECT_EQ(user.log.back(), "removed") << event;
    }
}

TEST_F(ChardevTest, AUserMayDetachInTheMiddleOfABatch) {
    const auto chardev = server("pri");
    attach(*chardev, user_);
    user_.on_frame = [&] { chardev->detach(user_); };
    Client peer = Client::at_path(path("pri"));
    peer.send(plain("one") + plain("two"));
    settle();
    EXPECT_THAT(user_.log, ElementsAre("opened", "one"));
    EXPECT_EQ(chardev->counters().discarded, 1u);
}

TEST_F(ChardevTest, TheSocketFileGoesWithTheServer) {
    server("pri").reset();
    EXPECT_FALSE(std::filesystem::exists(path("pri")));
}

/// Ends of a TLS connection.
class TlsChardevTest : public ChardevTest {
  protected:
    TlsChardevTest() { make_certificates("t"); }

    void make_certificates(const std::string& creds) {
        std::filesystem::create_directories(path_of(creds));
        write_certificates(path_of(creds), CertificateAuthority("an authority", valid_now()), {"127.0.0.1"});
    }

    void join(const std::string& address = "") {
        const std::string at = address.empty() ? "path=" + path("tls") : address;
        server_ = make("socket,id=to,server=on,wait=off,tls-creds=t," + at);
        const std::string name = server_->name();
        const std::string to = address.empty() ? at : "host=127.0.0.1,port=" + name.substr(name.rfind(':') + 1);
        client_ = make("socket,id=from,tls-creds=t," + to);
        attach(*server_, user_);
        attach(*client_, other_user_);
    }
    bool are_joined() const { return server_->is_connected() && client_->is_connected(); }

    std::unique_ptr<Chardev> server_;
    std::unique_ptr<Chardev> client_;
};

TEST_F(TlsChardevTest, CarryFramesBothWaysOverUnixAndTcp) {
    for (const std::string address : {"", "host=127.0.0.1,port=0"}) {
        server_.reset();
        client_.reset();
        user_.log.clear();
        other_user_.log.clear();
        join(address);
        EXPECT_TRUE(client_->is_waiting());
        until([&] { return are_joined(); });
        EXPECT_FALSE(client_->is_waiting());
        client_->send(frame("there"));
        server_->send(frame("and back"));
        until([&] { return user_.log.size() == 2 && other_user_.log.size() == 2; });
        EXPECT_THAT(user_.log, ElementsAre("opened", "there"));
        EXPECT_THAT(other_user_.log, ElementsAre("opened", "and back"));
    }
}

TEST_F(TlsChardevTest, WhatDoesNotFitIntoTheSocketFollowsInOrder) {
    join();
    until([&] { return are_joined(); });
    Texts sent{"opened"};
    for (size_t i = 0; i < 300; ++i) {
        sent.push_back(std::to_string(i) + std::string(i * 97 % 60000, 'x'));
        ASSERT_EQ(client_->send(frame(sent.back())), SendResult::kQueued);
    }
    EXPECT_GT(client_->unsent(), 1u << 20);
    until([&] { return user_.log.size() == sent.size(); });
    EXPECT_EQ(user_.log, sent);
    EXPECT_EQ(client_->unsent(), 0u);
    EXPECT_EQ(client_->counters().bytes_out, server_->counters().bytes_in);
    EXPECT_EQ(client_->counters().frames_out, 300u);
}

TEST_F(TlsChardevTest, FramesThatComeWithTheHandshakeAreTaken) {
    server_ = make("socket,id=to,server=on,wait=off,tls-creds=t,path=" + path("tls"));
    client_ = make("socket,id=from,tls-creds=t,path=" + path("tls"));
    attach(*client_, other_user_);
    until([&] { return client_->is_connected(); });
    client_->send(frame("at once"));
    until([&] { return server_->is_connected(); });
    settle();
    attach(*server_, user_);
    until([&] { return !user_.log.empty(); });
    EXPECT_THAT(user_.log, ElementsAre("at once"));
}

TEST_F(TlsChardevTest, WhoDoesNotSpeakTlsIsRefusedAndTheNextOneServed) {
    server_ = make("socket,id=to,server=on,wait=off,tls-creds=t,path=" + path("tls"));
    attach(*server_, user_);
    Client plain_client = Client::at_path(path("tls"));
    plain_client.send(plain(std::string(100, 'x')));
    until([&] { return plain_client.at_end(); });
    EXPECT_EQ(server_->counters().connect_failures, 1u);
    client_ = make("socket,id=from,tls-creds=t,path=" + path("tls"));
    until([&] { return are_joined(); });
    EXPECT_THAT(user_.log, ElementsAre("opened"));
}

TEST_F(TlsChardevTest, AClientOfAnotherAuthorityHasNeverBeenThere) {
    make_certificates("other");
    server_ = make("socket,id=to,server=on,wait=off,tls-creds=t,path=" + path("tls"));
    attach(*server_, user_);
    client_ = make("socket,id=from,tls-creds=other,path=" + path("tls"));
    const auto connect = [&] { until([&] { return !client_->is_waiting(); }); };
    try {
        connect();
        FAIL();
    } catch (const std::runtime_error& error) {
        EXPECT_THAT(error.what(), HasSubstr("chardev 'from': cannot connect to unix:" + path("tls") +
                                            ": the certificate of 'CN=127.0.0.1' is not valid: "));
    }
    until([&] { return server_->counters().connect_failures == 1; });
    EXPECT_THAT(user_.log, IsEmpty());
}

TEST_F(TlsChardevTest, APeerThatGoesIsNoticedAndTheNextOneServed) {
    join();
    until([&] { return are_joined(); });
    client_.reset();
    until([&] { return !server_->is_connected(); });
    client_ = make("socket,id=from,tls-creds=t,path=" + path("tls"));
    until([&] { return are_joined(); });
    EXPECT_THAT(user_.log, ElementsAre("opened", "closed", "opened"));
}

TEST_F(ChardevTest, ErrorsNameTheChardevAndTheKey) {
    const std::string dots(108, 'x');
    const std::pair<std::string, std::string> cases[] = {
        {"socket,path=a", "chardev: id: is missing"},
        {"id=a,path=a", "chardev 'a': backend: is missing"},
        {"pty,id=a", "chardev 'a': backend: 'pty' is unknown; socket is possible"},
        {"socket,id=a", "chardev 'a': path: is missing, and so is host"},
        {"socket,id=a,path=", "chardev 'a': path: is empty"},
        {"socket,id=a,path=b,host=c", "chardev 'a': path: and host exclude each other"},
        {"socket,id=a,path=" + dots,
         "chardev 'a': path: '" + dots + "' is longer than 107 bytes"},
        {"socket,id=a,host=b", "chardev 'a': port: is missing"},
        {"socket,id=a,host=b,port=65536",
         "chardev 'a': port: '65536' is not a number from 0 to 65535"},
        {"socket,id=a,path=b,server=maybe", "chardev 'a': server: 'maybe' is neither on nor off"},
        {"socket,id=a,path=b,server=on,reconnect=1",
         "chardev 'a': reconnect: is for a client, not a server"},
        {"socket,id=a,path=b,wait=on", "chardev 'a': wait: is for a server, not a client"},
        {"socket,id=a,path=b,tls-creds=t", "chardev 'a': no such"},
        {"socket,id=a,path=b,server=on,sever=on", "chardev 'a': unknown option 'sever'"},
        {"socket,id=a,path=/none/b,server=on",
         "chardev 'a': unix:/none/b: No such file or directory"},
    };
    for (const auto& [text, expected] : cases) EXPECT_EQ(error_of(text), expected) << text;
}

}  // namespace
}  // namespace colo
