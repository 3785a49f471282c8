// SPDX-License-Identifier: GPL-2.0-or-later
#include "qemu/qmp_client.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "io/log.h"
#include "io/stream_socket.h"
#include "monitor/json_value.h"

namespace colo {

namespace {

constexpr unsigned kAgainMs = 500;
constexpr Time kGreetingPatience = seconds(3);

}  // namespace

QmpClient::QmpClient(EventLoop& loop, std::string what, const std::string& path, Observer& observer)
    : loop_(loop),
      what_(std::move(what)),
      path_(path),
      address_(unix_address(path)),
      observer_(observer),
      conversation_(*this),
      problem_("QMP at " + path + ": not connected yet"),
      timer_(loop, [this] { tick(); }) {
    again_ = after(loop_.context(), 0, [this] { try_connect(); });
}

Qmp::Make QmpClient::maker(const std::string& path) {
    return [path](EventLoop& loop, const std::string& what, Observer& observer) -> std::unique_ptr<Qmp> {
        return std::make_unique<QmpClient>(loop, what, path, observer);
    };
}

void QmpClient::try_connect() {
    again_.reset();
    FileDescriptor fd = connect_unix(address_);
    if (!fd) return close(std::strerror(errno));
    socket_ = std::move(fd);
    problem_ = "QMP at " + path_ + ": no greeting; is another client connected?";
    greeting_deadline_ = loop_.now() + kGreetingPatience;
    conversation_.begin(loop_.now());
    readable_ = watch_fd(loop_.context(), socket_.get(), G_IO_IN, [this] { read_some(); });
    set_timer();
}

void QmpClient::read_some() {
    char buffer[64 << 10];
    const ssize_t size = recv(socket_.get(), buffer, sizeof(buffer), 0);
    if (size < 0 && would_wait(errno)) return;
    if (size <= 0) return close(size == 0 ? "QEMU closed it" : std::strerror(errno));
    conversation_.feed({buffer, static_cast<size_t>(size)}, loop_.now());
    if (!broken_.empty()) return close(std::exchange(broken_, {}));
    set_timer();
}

void QmpClient::execute(const std::string& command, const Json& arguments, Time patience,
                        QmpConversation::Answer answer) {
    conversation_.execute(command, arguments, loop_.now() + patience, std::move(answer));
    set_timer();
}

void QmpClient::send(const std::string& line) {
    unsent_ += line;
    write_some();
}

/// A reader that has gone is noticed by reading.
void QmpClient::write_some() {
    const ssize_t size =
        ::send(socket_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size > 0) unsent_.erase(0, static_cast<size_t>(size));
    if (unsent_.empty()) {
        writable_.reset();
    } else if (!writable_) {
        writable_ = watch_fd(loop_.context(), socket_.get(), G_IO_OUT, [this] { write_some(); });
    }
}

void QmpClient::ready() {
    was_ready_ = true;
    problem_.clear();
    told_.clear();
    greeting_deadline_ = kNever;
    log_info(what_, "QMP at " + path_ + " answers");
    observer_.qmp_ready();
}

void QmpClient::event(const std::string& name, const Json& data) {
    observer_.qmp_event(name, data);
}

void QmpClient::broken(const std::string& why) {
    broken_ = why;
}

void QmpClient::close(const std::string& why) {
    readable_.reset();
    writable_.reset();
    socket_ = {};
    unsent_.clear();
    greeting_deadline_ = kNever;
    problem_ = "QMP at " + path_ + ": " + why;
    if (problem_ != std::exchange(told_, problem_)) log_warning(what_, problem_);
    again_ = after(loop_.context(), kAgainMs, [this] { try_connect(); });
    if (!std::exchange(was_ready_, false)) return;
    conversation_.end(problem_);
    observer_.qmp_closed(problem_);
}

void QmpClient::set_timer() {
    timer_.set(std::min(conversation_.next_deadline(), greeting_deadline_));
}

void QmpClient::tick() {
    if (loop_.now() >= greeting_deadline_) {
        greeting_deadline_ = kNever;
        if (problem_ != std::exchange(told_, problem_)) log_warning(what_, problem_);
    }
    conversation_.tick(loop_.now());
    set_timer();
}

}  // namespace colo
