// SPDX-License-Identifier: GPL-2.0-or-later
#include "link/link_listener.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "io/log.h"

namespace colo {

namespace {

constexpr unsigned kAcceptPauseMs = 1000;

/// "tcp:192.0.2.1:4000"; of a unix socket only what it is.
std::string name_of(const sockaddr_storage& address, socklen_t size) {
    if (address.ss_family == AF_UNIX) return "a unix socket's client";
    char host[NI_MAXHOST] = "?";
    char port[NI_MAXSERV] = "?";
    getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host, sizeof(host), port,
                sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
    return to_text({ListenAddress::Kind::kTcp, {}, host, port});
}

}  // namespace

/// One that has come and not said hello.
struct LinkListener::Greeting final : LinkUser {
    Greeting(LinkListener& listener, FileDescriptor fd, const std::string& where)
        : listener(listener),
          connection(std::make_unique<LinkConnection>(listener.loop_, listener.pool_, std::move(fd),
                                                      where, listener.endpoint_, *this)) {}

    void link_up(const Hello&) override { listener.came_up(*this); }
    void link_over(const LinkStatus& status) override { listener.failed(*this, status); }

    LinkListener& listener;
    std::unique_ptr<LinkConnection> connection;
};

LinkListener::LinkListener(EventLoop& loop, FramePool& pool, const LinkEndpoint& endpoint,
                           Owner& owner)
    : loop_(loop), pool_(pool), endpoint_(endpoint), owner_(owner), listener_(endpoint.address) {
    endpoint_.config.connected = false;
    watch();
}

LinkListener::~LinkListener() = default;

void LinkListener::watch() {
    if (acceptable_ || greeting_.size() >= kMaxGreeting) return;
    acceptable_ = watch_fd(loop_.context(), listener_.fd(), G_IO_IN, [this] { accept_some(); });
}

void LinkListener::accept_some() {
    while (greeting_.size() < kMaxGreeting) {
        sockaddr_storage address{};
        socklen_t size = sizeof(address);
        FileDescriptor fd(accept4(listener_.fd(), reinterpret_cast<sockaddr*>(&address), &size,
                                  SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!fd) return accept_failed(errno);
        greet(std::move(fd), name_of(address, size));
    }
    acceptable_.reset();
}

void LinkListener::accept_failed(int error) {
    if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM) return;
    // The socket stays readable: trying at once would spin.
    log_error("link", name() + ": cannot accept: " + std::strerror(error));
    acceptable_.reset();
    again_ = after(loop_.context(), kAcceptPauseMs, [this] { watch(); });
}

void LinkListener::greet(FileDescriptor fd, const std::string& where) {
    greeting_.push_back(std::make_unique<Greeting>(*this, std::move(fd), where));
}

std::unique_ptr<LinkListener::Greeting> LinkListener::take(Greeting& greeting) {
    const auto found = std::ranges::find_if(greeting_, [&](auto& one) { return one.get() == &greeting; });
    std::unique_ptr<Greeting> taken = std::move(*found);
    greeting_.erase(found);
    watch();
    return taken;
}

void LinkListener::came_up(Greeting& greeting) {
    const std::unique_ptr<Greeting> taken = take(greeting);
    owner_.link_accepted(std::move(taken->connection));
}

void LinkListener::failed(Greeting& greeting, const LinkStatus& why) {
    const std::unique_ptr<Greeting> taken = take(greeting);
    ++refused_;
    owner_.link_refused(taken->connection->where(), why);
}

}  // namespace colo
