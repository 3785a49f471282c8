// SPDX-License-Identifier: GPL-2.0-or-later
// Two ends of a link on real sockets, in one loop.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "link/link_connection.h"
#include "tests/support/link_pair.h"
#include "tests/support/loop_rig.h"

namespace colo {

using Credentials = std::shared_ptr<TlsCredentials>;

/// Keeps what it is told.
struct ConnectedUser final : LinkUser {
    void link_up(const Hello& hello) override {
        peer = hello.name;
        if (on_up) on_up();
    }
    void link_over(const LinkStatus& status) override {
        ++overs;
        ending = status;
        if (on_over) on_over();
    }
    void packet(const PacketHeader&, Frame frame) override {
        packets.push_back(as_text(frame.bytes()));
        if (on_packet) on_packet();
    }
    void control_message(const ControlHeader&, Bytes payload) override { messages.push_back(as_text(payload)); }
    void stream_offered(std::unique_ptr<Stream> stream) override {
        if (!on_offer) return LinkUser::stream_offered(std::move(stream));
        on_offer(std::move(stream));
    }

    std::string peer;  ///< empty: it was never up
    int overs = 0;
    LinkStatus ending;
    std::vector<std::string> packets;
    std::vector<std::string> messages;
    std::function<void()> on_up, on_over, on_packet;
    std::function<void(std::unique_ptr<Stream>)> on_offer;
};

struct ConnectedEnd {
    LinkSession& session() { return connection->session(); }

    ConnectedUser user;
    std::unique_ptr<LinkConnection> connection;
};

inline std::pair<FileDescriptor, FileDescriptor> socket_pair() {
    int ends[2] = {-1, -1};
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends);
    return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

class ConnectionTest : public LoopTest {
  protected:
    static LinkEndpoint endpoint(const char* name, bool connected, const Credentials& tls = nullptr) {
        LinkEndpoint endpoint;
        endpoint.address.kind = ListenAddress::Kind::kUnix;
        endpoint.config.name = name;
        endpoint.config.connected = connected;
        endpoint.tls = tls;
        return endpoint;
    }
    void attach(ConnectedEnd& end, FileDescriptor fd, const LinkEndpoint& endpoint) {
        end.connection =
            std::make_unique<LinkConnection>(loop_, pool_, std::move(fd), "somewhere", endpoint, end.user);
    }
    /// Both ends, until they are up or over.
    void join(const Credentials& server_tls = nullptr, const Credentials& client_tls = nullptr) {
        auto [near, far] = socket_pair();
        attach(client_, std::move(near), endpoint("client", true, client_tls));
        attach(server_, std::move(far), endpoint("server", false, server_tls));
        const auto is_settled = [](const ConnectedUser& user) { return !user.peer.empty() || user.overs > 0; };
        until([&] { return is_settled(client_.user) && is_settled(server_.user); });
    }

    FramePool pool_;
    ConnectedEnd client_;
    ConnectedEnd server_;
};

}  // namespace colo
