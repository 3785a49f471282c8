// SPDX-License-Identifier: GPL-2.0-or-later
#include "io/address_race.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "io/stream_socket.h"

namespace colo {

AddressRace::AddressRace(GMainContext* context, std::vector<SocketAddress> addresses, Done done)
    : context_(context), addresses_(std::move(addresses)), done_(std::move(done)) {}

void AddressRace::try_next() {
    silence_.reset();
    while (next_ < addresses_.size()) {
        const SocketAddress& address = addresses_[next_++];
        FileDescriptor fd(socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        if (fd && connect(fd.get(), address.get(), address.size) == 0) return end(std::move(fd), 0);
        if (errno == EINPROGRESS) return wait_for(std::move(fd));
        error_ = errno;
    }
    if (attempts_.empty()) end({}, error_);
}

void AddressRace::wait_for(FileDescriptor fd) {
    const auto attempt = attempts_.insert(attempts_.end(), {std::move(fd), nullptr});
    attempt->answered = watch_fd(context_, attempt->fd.get(), G_IO_OUT, [this, attempt] { answered(attempt); });
    if (next_ < addresses_.size()) silence_ = after(context_, kSilenceMs, [this] { try_next(); });
}

void AddressRace::answered(std::list<Attempt>::iterator attempt) {
    const int error = take_socket_error(attempt->fd.get());
    if (error == 0) return end(std::move(attempt->fd), 0);
    error_ = error;
    attempts_.erase(attempt);
    try_next();
}

void AddressRace::end(FileDescriptor fd, int error) {
    silence_.reset();
    attempts_.clear();
    const Done done = std::move(done_);
    done(std::move(fd), error);
}

}  // namespace colo
