// SPDX-License-Identifier: GPL-2.0-or-later
#include "io/listener.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <stdexcept>

#include "io/socket_address.h"
#include "io/system_failure.h"

namespace colo {

namespace {

constexpr int kBacklog = 128;
constexpr int kSocketFlags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

/// Whether `path` is a socket file that nobody listens on any more. Throws when it is anything
/// else.
bool left_behind(const std::string& path) {
    struct stat status;
    if (lstat(path.c_str(), &status) != 0) {
        if (errno == ENOENT) return false;
        throw_errno("unix:" + path);
    }
    if (!S_ISSOCK(status.st_mode)) {
        throw std::runtime_error("unix:" + path + ": there is a file that is no socket");
    }
    const FileDescriptor probe(socket(AF_UNIX, kSocketFlags, 0));
    const SocketAddress address = unix_address(path);
    if (connect(probe.get(), address.get(), address.size) != 0 && errno == ECONNREFUSED) {
        return true;
    }
    throw std::runtime_error("unix:" + path + ": another process listens there");
}

bool is_loopback(const SocketAddress& address) {
    if (address.family() == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
        return ntohl(v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    return address.family() == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

FileDescriptor bind_and_listen(const SocketAddress& at) {
    FileDescriptor fd(socket(at.family(), kSocketFlags, 0));
    const int on = 1;
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd.get(), at.get(), at.size) != 0 || ::listen(fd.get(), kBacklog) != 0)
        return {};
    return fd;
}

std::string bound_name(int fd) {
    sockaddr_storage address{};
    socklen_t size = sizeof(address);
    char host[NI_MAXHOST] = "?";
    char port[NI_MAXSERV] = "?";
    auto* generic_address = reinterpret_cast<sockaddr*>(&address);
    getsockname(fd, generic_address, &size);
    getnameinfo(generic_address, size, host, sizeof(host), port, sizeof(port),
                NI_NUMERICHOST | NI_NUMERICSERV);
    const std::string shown = address.ss_family == AF_INET6 ? "[" + std::string(host) + "]" : host;
    return "tcp:" + shown + ":" + port;
}

}  // namespace

Listener::Listener(const ListenAddress& address, Reach reach) {
    if (address.kind == ListenAddress::Kind::kUnix) {
        listen_on_path(address.path);
    } else {
        listen_on_host(address, reach);
    }
}

Listener::~Listener() {
    struct stat status;
    if (path_.empty() || stat(path_.c_str(), &status) != 0) return;
    if (status.st_dev == device_ && status.st_ino == inode_) unlink(path_.c_str());
}

void Listener::listen_on_path(const std::string& path) {
    name_ = "unix:" + path;
    if (left_behind(path)) unlink(path.c_str());
    fd_ = FileDescriptor(socket(AF_UNIX, kSocketFlags, 0));
    const SocketAddress address = unix_address(path);
    if (bind(fd_.get(), address.get(), address.size) != 0) throw_errno(name_);
    struct stat status;
    if (stat(path.c_str(), &status) != 0) throw_errno(name_);
    path_ = path;
    device_ = status.st_dev;
    inode_ = status.st_ino;
    if (::listen(fd_.get(), kBacklog) != 0) throw_errno(name_);
}

void Listener::listen_on_host(const ListenAddress& address, Reach reach) {
    name_ = "tcp:" + address.host + ":" + address.port;
    const auto addresses = resolve(address.host, address.port, SOCK_STREAM);
    for (const SocketAddress& at : addresses) {
        if (reach == Reach::kLoopback && !is_loopback(at)) {
            throw std::runtime_error(name_ + ": only a loopback address is possible here");
        }
        if ((fd_ = bind_and_listen(at))) break;
    }
    if (!fd_) throw_errno(name_);
    name_ = bound_name(fd_.get());
}

}  // namespace colo
