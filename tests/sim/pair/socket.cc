// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/pair/socket.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "io/stream_socket.h"

namespace colo::sim::pair {

Socket Socket::to(const std::string& path) { return Socket(connect_unix(unix_address(path))); }

bool Socket::read(std::string& into, size_t most) {
    bool any = false;
    std::array<char, 16384> buffer;
    while (fd_ && !is_at_end_ && most > 0) {
        const ssize_t size = recv(fd_.get(), buffer.data(), std::min(most, buffer.size()), MSG_DONTWAIT);
        if (size < 0 && would_wait(errno)) break;
        if (size <= 0) {
            is_at_end_ = true;
            break;
        }
        into.append(buffer.data(), static_cast<size_t>(size));
        most -= static_cast<size_t>(size);
        any = true;
    }
    return any;
}

bool Socket::has(size_t size) const {
    if (!fd_ || is_at_end_) return false;
    std::array<char, 256> buffer;
    const ssize_t there = recv(fd_.get(), buffer.data(), std::max<size_t>(size, 1), MSG_PEEK | MSG_DONTWAIT);
    if (size == 0) return there >= 0 || !would_wait(errno);
    return there >= static_cast<ssize_t>(size);
}

void Socket::write(std::string_view bytes) {
    if (!fd_) return;
    unsent_ += bytes;
    flush();
}

void Socket::flush() {
    while (fd_ && !unsent_.empty()) {
        const ssize_t size = send(fd_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (size < 0 && would_wait(errno)) return;
        if (size < 0) return unsent_.clear();  // reading tells
        unsent_.erase(0, static_cast<size_t>(size));
    }
}

void Socket::finish() {
    flush();
    if (fd_) shutdown(fd_.get(), SHUT_WR);
}

Door::Door(const std::string& path) : listener_({ListenAddress::Kind::kUnix, path, {}, {}}) {}

Socket Door::accept() {
    return Socket(FileDescriptor(accept4(listener_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)));
}

}  // namespace colo::sim::pair
