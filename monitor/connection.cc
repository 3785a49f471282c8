// SPDX-License-Identifier: GPL-2.0-or-later
#include "monitor/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "io/stream_socket.h"

namespace colo {

namespace {

constexpr size_t kReadBytes = 16 << 10;

ssize_t write_to(int fd, const char* data, size_t size) {
    const ssize_t sent = ::send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 && errno == ENOTSOCK ? write(fd, data, size) : sent;
}

}  // namespace

Connection::Connection(GMainContext* context, FileDescriptor in, FileDescriptor out,
                       const ConnectionConfig& config, std::function<void(Ending)> ended)
    : context_(context),
      in_(std::move(in)),
      out_(std::move(out)),
      config_(config),
      ended_(std::move(ended)) {}

void Connection::open(const SessionFactory& factory) {
    session_ = factory(*this);
    if (config_.timeout_ms > 0) {
        timeout_ = after(context_, config_.timeout_ms, [this] {
            // A client that has all its bytes only has not closed its end.
            finish(ending_ && queue_.empty() ? Ending::kByClient : Ending::kTimeout);
        });
    }
    session_->start();
    settled();
}

void Connection::send(std::string text) {
    if (over_ || ending_ || text.empty()) return;
    if (queued_ > 0 && queued_ + text.size() > config_.max_queued_bytes) {
        return finish(Ending::kOverflow);
    }
    queued_ += text.size();
    queue_.push_back(std::move(text));
    write_some();
    update_watches();
}

void Connection::end() {
    ending_ = true;
}

void Connection::settled() {
    if (over_) return;
    if (queue_.empty() && ending_) shutdown(out_fd(), SHUT_WR);
    if (queue_.empty() && at_end_ && (ending_ || session_->idle()))
        return finish(Ending::kByClient);
    update_watches();
}

void Connection::read_some() {
    char buffer[kReadBytes];
    const ssize_t size = read(in_.get(), buffer, sizeof(buffer));
    if (size < 0 && would_wait(errno)) return;
    if (size < 0) return finish(Ending::kByClient);
    if (size == 0) {
        at_end_ = true;
        session_->finish();
    } else if (!ending_) {
        session_->feed({buffer, static_cast<size_t>(size)});
    }
    settled();
}

void Connection::write_more() {
    write_some();
    if (!full()) session_->resume();
    settled();
}

void Connection::write_some() {
    while (!queue_.empty()) {
        const std::string& front = queue_.front();
        const ssize_t size = write_to(out_fd(), front.data() + written_, front.size() - written_);
        if (size < 0 && would_wait(errno)) return;
        if (size < 0) return finish(Ending::kByClient);
        written_ += static_cast<size_t>(size);
        queued_ -= static_cast<size_t>(size);
        if (written_ < front.size()) return;
        queue_.pop_front();
        written_ = 0;
    }
}

/// What is waited for is what can be dealt with.
void Connection::update_watches() {
    if (over_) return;
    const bool reads = !at_end_ && (ending_ || (!full() && session_->idle()));
    if (!reads) {
        readable_.reset();
    } else if (!readable_) {
        readable_ = watch_fd(context_, in_.get(), G_IO_IN, [this] { read_some(); });
    }
    if (queue_.empty()) {
        writable_.reset();
    } else if (!writable_) {
        writable_ = watch_fd(context_, out_fd(), G_IO_OUT, [this] { write_more(); });
    }
    // Otherwise a client that leaves without its answer would be noticed only then.
    if (reads || !queue_.empty()) {
        hang_up_.reset();
    } else if (!hang_up_) {
        hang_up_ = watch_fd(context_, out_fd(), G_IO_HUP, [this] { finish(Ending::kByClient); });
    }
}

void Connection::finish(Ending ending) {
    if (over_) return;
    over_ = true;
    readable_.reset();
    writable_.reset();
    hang_up_.reset();
    timeout_.reset();
    in_ = {};
    out_ = {};
    ended_(ending);
}

}  // namespace colo
