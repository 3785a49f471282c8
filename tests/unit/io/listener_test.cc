// SPDX-License-Identifier: GPL-2.0-or-later
#include "io/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>

#include "tests/support/socket_rig.h"

namespace colo {
namespace {

using testing::HasSubstr;

std::string show(const std::string& text) {
    try {
        const ListenAddress address = parse_listen_address(text);
        if (address.kind == ListenAddress::Kind::kStdio) return "stdio";
        if (address.kind == ListenAddress::Kind::kUnix) return "path " + address.path;
        return "host " + address.host + " port " + address.port;
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
}

TEST(ListenAddress, IsWhatQemuTakes) {
    const std::pair<const char*, const char*> cases[] = {
        {"unix:/tmp/q.sock,server=on,wait=off", "path /tmp/q.sock"},
        {"unix:q.sock,server,nowait", "path q.sock"},
        {"unix:/tmp/a=b,,c", "path /tmp/a=b,c"},
        {"tcp:127.0.0.1:4444,server=on,wait=off", "host 127.0.0.1 port 4444"},
        {"tcp:[::1]:0", "host ::1 port 0"},
        {"tcp::4444", "host 127.0.0.1 port 4444"},
        {"stdio", "stdio"},
    };
    for (const auto& [text, expected] : cases) EXPECT_EQ(show(text), expected);
}

TEST(ListenAddress, ErrorsQuoteTheWholeAndSayWhy) {
    const std::pair<std::string, const char*> cases[] = {
        {"", "unix:PATH, tcp:HOST:PORT or stdio is needed"},
        {"/tmp/q.sock", "unix:PATH, tcp:HOST:PORT or stdio is needed"},
        {"unix:", "a path is needed"},
        {"unix:" + std::string(108, 'x'), "the path is longer than 107 bytes"},
        {"tcp:4444", "HOST:PORT is needed"},
        {"tcp:h:65536", "'65536' is not a port (0 to 65535)"},
        {"tcp:h:", "'' is not a port (0 to 65535)"},
        {"tcp:h:1x", "'1x' is not a port (0 to 65535)"},
        {"unix:a,server=off", "server=off: only server=on is possible"},
        {"unix:a,wait", "wait=on: only wait=off is possible"},
        {"unix:a,mode=1", "unknown option 'mode'"},
        {"unix:a,", "option without a name: ''"},
    };
    for (const auto& [text, why] : cases) EXPECT_EQ(show(text), "'" + text + "': " + why);
}

class UnixListener : public testing::Test {
  protected:
    std::unique_ptr<Listener> listen() {
        return std::make_unique<Listener>(parse_listen_address("unix:" + path_));
    }
    std::string failure() {
        try {
            listen();
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "it listens";
    }
    /// The file of a process that has not cleaned up: hidden while its listener goes.
    void leave_behind() {
        auto listener = listen();
        std::filesystem::rename(path_, path_ + ".hidden");
        listener.reset();
        std::filesystem::rename(path_ + ".hidden", path_);
    }

    TemporaryFolder folder_;
    const std::string path_ = folder_.file("socket");
};

TEST_F(UnixListener, TakesClientsAndRemovesItsFile) {
    {
        const auto listener = listen();
        EXPECT_EQ(listener->name(), "unix:" + path_);
        EXPECT_TRUE(Client::at_path(path_).connected());
    }
    EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(UnixListener, ReplacesTheFileOfAProcessThatIsGone) {
    leave_behind();
    EXPECT_FALSE(Client::at_path(path_).connected());
    const auto listener = listen();
    EXPECT_TRUE(Client::at_path(path_).connected());
}

TEST_F(UnixListener, LeavesALiveOneAlone) {
    const auto first = listen();
    EXPECT_EQ(failure(), "unix:" + path_ + ": another process listens there");
    EXPECT_TRUE(Client::at_path(path_).connected());
}

TEST_F(UnixListener, LeavesALiveOneAloneThatIsBusy) {
    const FileDescriptor busy(socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(bind(busy.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(::listen(busy.get(), 0), 0);
    const Client waiting = Client::at_path(path_);  // and there is no room for another
    EXPECT_EQ(failure(), "unix:" + path_ + ": another process listens there");
    EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(UnixListener, LeavesOtherFilesAlone) {
    std::ofstream(path_) << "precious";
    EXPECT_EQ(failure(), "unix:" + path_ + ": there is a file that is no socket");
    EXPECT_EQ(std::filesystem::file_size(path_), 8u);
}

TEST_F(UnixListener, DoesNotRemoveAFileThatIsAnothersByThen) {
    auto first = listen();
    std::filesystem::remove(path_);
    const auto second = listen();
    first.reset();
    EXPECT_TRUE(Client::at_path(path_).connected());
}

TEST_F(UnixListener, NamesThePathThatCannotBe) {
    const ListenAddress nowhere = parse_listen_address("unix:" + folder_.file("none/socket"));
    EXPECT_THAT([&] { Listener listener(nowhere); },
                testing::ThrowsMessage<std::runtime_error>(
                    testing::AllOf(HasSubstr(nowhere.path), HasSubstr("No such file"))));
}

TEST(TcpListener, SaysWhichPortItTook) {
    const Listener listener(parse_listen_address("tcp:127.0.0.1:0"));
    ASSERT_TRUE(listener.name().starts_with("tcp:127.0.0.1:"));
    const int port = std::stoi(listener.name().substr(14));
    EXPECT_TRUE(Client::at_port(port).connected());
    const ListenAddress taken = parse_listen_address(listener.name());
    EXPECT_THAT([&] { Listener second(taken); },
                testing::ThrowsMessage<std::runtime_error>(
                    testing::AllOf(HasSubstr(listener.name()), HasSubstr("in use"))));
}

TEST(TcpListener, CanBeKeptToLoopback) {
    for (const char* text : {"tcp:0.0.0.0:0", "tcp:[::]:0", "tcp:192.0.2.1:0"}) {
        const ListenAddress address = parse_listen_address(text);
        EXPECT_THAT([&] { Listener listener(address, Reach::kLoopback); },
                    testing::ThrowsMessage<std::runtime_error>(
                        HasSubstr("only a loopback address is possible here")))
            << text;
    }
    for (const char* text : {"tcp:127.0.0.1:0", "tcp:127.1.2.3:0", "tcp:localhost:0"}) {
        const ListenAddress address = parse_listen_address(text);
        EXPECT_NO_THROW(Listener(address, Reach::kLoopback)) << text;
    }
}

}  // namespace
}  // namespace colo
