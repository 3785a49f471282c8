// SPDX-License-Identifier: GPL-2.0-or-later
// `colo-proxy tunnel`: connections to a socket of one host, carried over one link to a socket of the other.
#include <glib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <list>
#include <stdexcept>
#include <utility>

#include "cli/commands.h"
#include "cli/foreground.h"
#include "cli/subcommand.h"
#include "cli/tunnel_arguments.h"
#include "cli/tunnel_progress.h"
#include "cli/tunnel_streams.h"
#include "io/log.h"
#include "link/gentle_close.h"
#include "link/link_connector.h"
#include "link/link_listener.h"
#include "monitor/json_value.h"
#include "monitor/monitor.h"

namespace colo {

namespace {

constexpr const char* kTunnelHelp =
    "Usage: colo-proxy tunnel listen  --link HOST:PORT|unix:PATH --to unix:PATH|tcp:HOST:PORT [OPTION...]\n"
    "       colo-proxy tunnel connect --link HOST:PORT|unix:PATH --from unix:PATH|tcp:HOST:PORT [OPTION...]\n"
    "Carries each connection to --from over one link, and on to --to at the other host.\n\n"
    "  --tls-creds DIR   certificates as QEMU's tls-creds-x509 has them; a TCP link needs it, or --insecure\n"
    "  --insecure        a TCP link in the clear\n"
    "  --tls-peer NAME   whom the peer's certificate must be for; connect: the link's HOST if not given\n"
    "  --tls-allow DN    a distinguished name the peer may have (* and ? as in a shell); may be repeated\n"
    "  --monitor PATH    a QMP monitor: tunnel-list, tunnel-cancel\n";

LinkEndpoint make_endpoint(const TunnelArguments& arguments) {
    LinkEndpoint endpoint{arguments.link, {}, nullptr};
    endpoint.config.name = arguments.listens ? "tunnel listen" : "tunnel connect";
    const TlsRole role = arguments.listens ? TlsRole::kServer : TlsRole::kClient;
    endpoint.tls = arguments.security.credentials(role, arguments.link);
    return endpoint;
}

/// What both ends have.
class Tunnel {
  public:
    Tunnel(const Tunnel&) = delete;
    Tunnel& operator=(const Tunnel&) = delete;
    virtual ~Tunnel() = default;

    void run() {
        foreground_.run();
        streams_.cancel_all("cancelled by a signal");
        say_goodbye({LinkCode::kGoodbye, "it was stopped"});
        part_gently(foreground_.loop());
    }

  protected:
    explicit Tunnel(const TunnelArguments& arguments)
        : monitor_(loop_.context(), Version::from_text(COLO_PROXY_VERSION), [this] { foreground_.stop(); }),
          progress_(loop_, streams_) {
        streams_.add_commands(monitor_.commands());
        if (arguments.monitor.empty()) return;
        monitor_.serve_qmp("unix:" + arguments.monitor + ",server=on,wait=off", "--monitor");
    }

    virtual void say_goodbye(const LinkStatus& why) = 0;

    void peer_event(const char* state, const std::string& reason) {
        monitor_.emit("COLO_PROXY_PEER", {{"state", state}, {"reason", reason}});
    }

  private:
    Foreground foreground_;

  protected:
    EventLoop& loop_ = foreground_.loop();
    FramePool pool_;
    Monitor monitor_;
    TunnelStreams streams_{loop_};
    TunnelProgress progress_;
};

class TunnelListen final : public Tunnel, private LinkListener::Owner {
  public:
    explicit TunnelListen(const TunnelArguments& arguments)
        : Tunnel(arguments),
          target_(arguments.local),
          what_(to_text(arguments.local)),
          listener_(loop_, pool_, make_endpoint(arguments), *this) {}

  private:
    struct Link final : LinkUser {
        Link(TunnelListen& owner, std::unique_ptr<LinkConnection> link)
            : tunnel(owner), connection(std::move(link)) {
            connection->session().set_user(*this);
        }

        void link_up(const Hello&) override {}
        void link_over(const LinkStatus& status) override { tunnel.link_over(*this, status); }
        void stream_offered(std::unique_ptr<Stream> stream) override {
            if (stream->service() != TunnelStreams::kService) {
                return LinkUser::stream_offered(std::move(stream));
            }
            tunnel.streams_.add(std::move(stream), tunnel.target_, tunnel.what_);
        }

        TunnelListen& tunnel;
        std::unique_ptr<LinkConnection> connection;
    };

    void link_accepted(std::unique_ptr<LinkConnection> connection) override {
        log_info("link", "up with " + connection->where());
        peer_event("connected", connection->where());
        links_.push_back(std::make_unique<Link>(*this, std::move(connection)));
    }
    void link_refused(const std::string& where, const LinkStatus& why) override {
        log_warning("link", where + " refused: " + why.text);
    }
    void link_over(Link& link, const LinkStatus& status) {
        if (status.code != LinkCode::kGoodbye) log_warning("link", status.text);
        peer_event("lost", status.text);
        std::erase_if(links_, [&](const auto& one) { return one.get() == &link; });
    }
    void say_goodbye(const LinkStatus& why) override {
        for (const auto& link : links_) link->connection->session().close(why);
    }

    const ListenAddress target_;
    const std::string what_;
    std::list<std::unique_ptr<Link>> links_;
    LinkListener listener_;
};

class TunnelConnect final : public Tunnel, private LinkConnector::Owner, private LinkUser {
  public:
    explicit TunnelConnect(const TunnelArguments& arguments)
        : Tunnel(arguments),
          from_(arguments.local),
          connector_(loop_, pool_, make_endpoint(arguments), *this) {
        streams_.on_end([this] { watch(); });
    }

  private:
    void link_connected(LinkConnection& connection) override {
        connection.session().set_user(*this);
        log_info("link", "up with " + connection.where());
        peer_event("connected", connection.where());
        watch();
    }
    void link_failed(const LinkStatus& why) override { log_warning("link", why.text + "; tries again"); }
    void link_up(const Hello&) override {}
    void link_over(const LinkStatus& status) override {
        log_warning("link", status.text);
        acceptable_.reset();
        connector_.reconnect();
        peer_event("lost", status.text);
    }
    void say_goodbye(const LinkStatus& why) override {
        if (connector_.session()) connector_.session()->close(why);
        acceptable_.reset();
    }

    /// Clients wait in the system's queue while there is no link.
    void watch() {
        if (acceptable_ || !connector_.session()) return;
        acceptable_ = watch_fd(loop_.context(), from_.fd(), G_IO_IN, [this] { accept_client(); });
    }
    void accept_client() {
        LinkSession* session = connector_.session();
        std::unique_ptr<Stream> stream = session ? session->open(TunnelStreams::kService) : nullptr;
        if (!stream) return acceptable_.reset();  // until one has ended
        FileDescriptor client(accept4(from_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (client) return streams_.add(std::move(stream), std::move(client), "the client of " + from_.name());
        log_warning("link", from_.name() + ": cannot accept: " + std::strerror(errno));
    }

    Listener from_;
    SourcePtr acceptable_;
    LinkConnector connector_;
};

std::unique_ptr<Tunnel> make_tunnel(const TunnelArguments& arguments) {
    if (arguments.listens) return std::make_unique<TunnelListen>(arguments);
    return std::make_unique<TunnelConnect>(arguments);
}

}  // namespace

int tunnel_command(int argc, char** argv) {
    return run_subcommand(
        "tunnel", kTunnelHelp, [&] { return parse_tunnel_arguments(argc, argv); },
        [](const TunnelArguments& arguments) { make_tunnel(arguments)->run(); });
}

}  // namespace colo
